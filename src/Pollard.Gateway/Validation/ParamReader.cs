using System.Runtime.InteropServices;
using System.Text.Json;
using Pollard.Gateway.Http;

namespace Pollard.Gateway.Validation;

/// <summary>Takes members out of a client's object, and refuses by its path whatever is wrong, missing or not asked for.</summary>
/// <param name="json">The object; null when there is none, which is the same as an empty one.</param>
/// <param name="path">Where it stands in the request; empty at the top.</param>
internal sealed class ParamReader(JsonElement? json, string path)
{
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);

    /// <summary>A member of any type; null when it is absent or null.</summary>
    public JsonElement? Any(string name)
    {
        _known.Add(name);
        return
            json is { ValueKind: JsonValueKind.Object } given
            && given.TryGetProperty(name, out var value)
            && value.ValueKind != JsonValueKind.Null
            ? value
            : null;
    }

    /// <summary>True when the member is there, also as null.</summary>
    public bool Has(string name) =>
        json is { ValueKind: JsonValueKind.Object } given && given.TryGetProperty(name, out _);

    /// <summary>A text.</summary>
    public string? Text(string name) =>
        Any(name) is not { } value ? null
        : value.ValueKind == JsonValueKind.String ? value.GetString()
        : throw Wrong(name, $"must be a text, not {NameOf(value)}");

    /// <summary>A text that must be there, and not empty.</summary>
    public string RequiredText(string name) =>
        Text(name) is not { } text ? throw Missing(name)
        : text.Length > 0 ? text
        : throw Wrong(name, "must not be empty");

    /// <summary>One text or a list of texts, none of them empty; null when there is no such member.</summary>
    public string[]? Texts(string name)
    {
        if (Any(name) is not { } value)
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } one)
        {
            return [one];
        }

        var isList = value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > 0;
        if (!isList || value.EnumerateArray().Any(item => item.ValueKind != JsonValueKind.String))
        {
            throw Wrong(name, "must be a text or a list of texts");
        }

        string[] texts = [.. value.EnumerateArray().Select(item => item.GetString()!)];
        return texts.Contains("") ? throw Wrong(name, "must not hold an empty text") : texts;
    }

    /// <summary>True or false.</summary>
    public bool? Flag(string name) =>
        Any(name)?.ValueKind switch
        {
            null => null,
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => throw Wrong(name, "must be true or false"),
        };

    /// <summary>A whole number within bounds.</summary>
    public int? Whole(string name, int least, int most)
    {
        if (Any(name) is not { } value)
        {
            return null;
        }

        // Python's clients send 3.0 where they computed.
        return
            value.ValueKind == JsonValueKind.Number
            && value.TryGetDouble(out var number)
            && number >= least
            && number <= most
            && Math.Floor(number).Equals(number)
            ? (int)number
            : throw Wrong(name, $"must be a whole number from {least} to {most}");
    }

    /// <summary>A number within bounds.</summary>
    public double? Number(string name, double least, double most) =>
        Any(name) is not { } value ? null
        : value.ValueKind == JsonValueKind.Number
        && value.TryGetDouble(out var number)
        && number >= least
        && number <= most
            ? number
        : throw Wrong(name, $"must be a number from {least:0.###} to {most:0.###}");

    /// <summary>An object.</summary>
    public JsonElement? Object(string name) =>
        Any(name) is not { } value ? null
        : value.ValueKind == JsonValueKind.Object ? value
        : throw Wrong(name, $"must be an object, not {NameOf(value)}");

    /// <summary>A reader of an object within this one.</summary>
    public ParamReader Within(string name) => new(Object(name), PathOf(name));

    /// <summary>Refuses members that nobody asked for.</summary>
    public void End()
    {
        if (json is not { ValueKind: JsonValueKind.Object } given)
        {
            return;
        }

        foreach (var member in given.EnumerateObject())
        {
            if (!_known.Contains(member.Name))
            {
                var quoted = DoorError.Quote(member.Name);
                var known = _known.Count == 0 ? "there are none" : $"known: {string.Join(", ", _known)}";
                throw new RejectedException(
                    DoorError.BadRequest(
                        $"\"{PathOf(quoted)}\" is not known; {known}",
                        PathOf(quoted),
                        "unknown_member"
                    )
                );
            }
        }
    }

    /// <summary>What to say of a member that is wrong.</summary>
    public RejectedException Wrong(string name, string rule, string code = "invalid_request") =>
        new(DoorError.BadRequest($"\"{PathOf(name)}\" {rule}", PathOf(name), code));

    /// <summary>What to say when the object cannot be had whatever stands in it.</summary>
    public RejectedException Refused(string message, string code) => new(DoorError.BadRequest(message, path, code));

    /// <summary>What to say of a member that must be there.</summary>
    public RejectedException Missing(string name) => Wrong(name, "is missing", "missing_member");

    /// <summary>Holds a value to a size, a depth, and text that can be read.</summary>
    public JsonElement Bounded(string name, JsonElement value, int mostBytes, int mostDepth)
    {
        var raw = JsonMarshal.GetRawUtf8Value(value);
        if (raw.Length > mostBytes)
        {
            throw Wrong(name, $"must be at most {mostBytes / 1024} KB");
        }

        try
        {
            var reader = new Utf8JsonReader(raw, new JsonReaderOptions { MaxDepth = mostDepth });
            while (reader.Read()) { }
        }
        catch (JsonException)
        {
            throw Wrong(name, $"must not be nested deeper than {mostDepth}");
        }

        return JsonCheck.IsTextReadable(raw) ? value : throw Wrong(name, "holds text with half a character");
    }

    private string PathOf(string name) => path.Length == 0 ? name : $"{path}.{name}";

    private static string NameOf(JsonElement value) =>
        value.ValueKind switch
        {
            JsonValueKind.Object => "an object",
            JsonValueKind.Array => "a list",
            JsonValueKind.String => "a text",
            JsonValueKind.Number => "a number",
            _ => "a truth value",
        };
}
