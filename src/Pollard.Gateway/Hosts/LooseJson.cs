using System.Text.Json;
using Pollard.Gateway.Http;
using Pollard.Protocol.Dialects;

namespace Pollard.Gateway.Hosts;

/// <summary>Reads JSON whose members may be missing or have any type: programs that we did not write differ in both.</summary>
internal static class LooseJson
{
    /// <summary>Characters of a name or an id that a host gives itself.</summary>
    public const int WordCharacters = 100;

    /// <summary>
    /// The object that these bytes are; null when they are none. Halves of characters, which Python writes where a model's text was
    /// cut, become U+FFFD: the rest of such an answer is good.
    /// </summary>
    public static JsonDocument? Parse(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            var parsed = JsonCheck.IsReadable(bytes.Span)
                ? JsonDocument.Parse(bytes)
                : JsonDocument.Parse(HalfCharacters.Replace(bytes.Span));
            if (parsed.RootElement.ValueKind == JsonValueKind.Object)
            {
                return parsed;
            }

            parsed.Dispose();
            return null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>A member that is there and not null.</summary>
    public static JsonElement? Member(this JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object
        && element.TryGetProperty(name, out var value)
        && value.ValueKind != JsonValueKind.Null
            ? value
            : null;

    /// <summary>A member that is an object.</summary>
    public static JsonElement? Object(this JsonElement element, string name) =>
        element.Member(name) is { ValueKind: JsonValueKind.Object } value ? value : null;

    /// <summary>The items of a member that is a list; none when it is not.</summary>
    public static IEnumerable<JsonElement> Items(this JsonElement element, string name) =>
        element.Member(name) is { ValueKind: JsonValueKind.Array } list ? list.EnumerateArray() : [];

    /// <summary>A member that is text.</summary>
    public static string? Text(this JsonElement element, string name) =>
        element.Member(name) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;

    /// <summary>A member that is text of 1 to <see cref="WordCharacters"/> printable characters.</summary>
    public static string? Word(this JsonElement element, string name) =>
        element.Text(name)?.Trim() is { Length: > 0 and <= WordCharacters } word && PlainText.Is(word) ? word : null;

    /// <summary>A member that is a whole number.</summary>
    public static long? Number(this JsonElement element, string name) =>
        element.Member(name) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt64(out var number)
            ? number
            : null;

    /// <summary>A member that is a flag.</summary>
    public static bool? Flag(this JsonElement element, string name) =>
        element.Member(name)?.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => null,
        };
}
