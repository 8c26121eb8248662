using System.Buffers;
using System.Text.Json;
using Pollard.Agent.Backends;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Sources.Gateway;

/// <summary>Cuts JSON that is too large for a frame into pieces that say the same when they are put together again.</summary>
internal static class LargePieces
{
    private const int MostCharacters = 16 * 1024; // Six bytes each at the most, when they are escaped.
    private const int MostItemBytes = 64 * 1024;
    private const int MostReasonCharacters = 4 * 1024;

    /// <summary>Cuts a delta that is one JSON object; null when it is not of a kind or shape that can be cut.</summary>
    public static IReadOnlyList<byte[]>? Cut(DeltaKind kind, ReadOnlySpan<byte> json)
    {
        try
        {
            var whole = JsonElement.Parse(json);
            return (kind, whole.ValueKind) switch
            {
                (DeltaKind.ToolCall, JsonValueKind.Object) => CutToolCall(whole),
                (DeltaKind.LogProbabilities, JsonValueKind.Object) => CutLists(whole),
                _ => null,
            };
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or ArgumentException)
        {
            return null; // No JSON, or text that nobody can write again: half a surrogate pair.
        }
    }

    /// <summary>An attempt's end that fits in a frame: first goes what the gateway only carries along, then the reason is cut.</summary>
    public static (FrameType Type, byte[] Payload) End(WorkResult result)
    {
        if (result.Finish is { } finish)
        {
            var whole = JsonSerializer.SerializeToUtf8Bytes(finish, ProtocolJson.Default.Finish);
            whole =
                whole.Length <= LinkLimits.FramePayloadBytes
                    ? whole
                    : JsonSerializer.SerializeToUtf8Bytes(finish with { Extra = null }, ProtocolJson.Default.Finish);
            if (whole.Length <= LinkLimits.FramePayloadBytes)
            {
                return (FrameType.Finish, whole);
            }
        }

        var failure = result.Failure ?? TooLarge($"the end of the answer is over {LinkLimits.FramePayloadBytes} bytes");
        var message = failure.Message;
        var cut =
            message.Length <= MostReasonCharacters ? message : message[..Boundary(message, 0, MostReasonCharacters)];
        return (
            FrameType.Fail,
            JsonSerializer.SerializeToUtf8Bytes(failure with { Message = cut }, ProtocolJson.Default.Fail)
        );
    }

    /// <summary>The failure of an answer that does not fit through the link.</summary>
    public static Messages.Fail TooLarge(string message) =>
        new()
        {
            Code = "output_too_large",
            Message = message,
            Retryable = false,
        };

    // As OpenAI streams it: the arguments are appended, everything else comes with the first fragment.
    private static List<byte[]>? CutToolCall(JsonElement call)
    {
        if (
            !call.TryGetProperty("function"u8, out var function)
            || function.ValueKind != JsonValueKind.Object
            || !function.TryGetProperty("arguments"u8, out var arguments)
        )
        {
            return null;
        }

        var text = arguments.ValueKind == JsonValueKind.String ? arguments.GetString()! : arguments.GetRawText();
        var pieces = new List<byte[]>();
        for (int at = 0, end; at < text.Length || at == 0; at = end)
        {
            end = Boundary(text, at, MostCharacters);
            pieces.Add(Fragment(call, function, text.AsSpan(at, end - at), isFirst: at == 0));
            if (end == text.Length)
            {
                break;
            }
        }

        return pieces;
    }

    private static byte[] Fragment(
        JsonElement call,
        JsonElement function,
        ReadOnlySpan<char> arguments,
        bool isFirst
    ) =>
        Write(
            (call, function, isFirst),
            arguments,
            static (json, from, arguments) =>
            {
                foreach (var member in from.call.EnumerateObject())
                {
                    if (member.NameEquals("index"u8) || (from.isFirst && !member.NameEquals("function"u8)))
                    {
                        member.WriteTo(json);
                    }
                }

                json.WriteStartObject("function"u8);
                foreach (var member in from.function.EnumerateObject())
                {
                    if (from.isFirst && !member.NameEquals("arguments"u8))
                    {
                        member.WriteTo(json);
                    }
                }

                json.WriteString("arguments"u8, arguments);
                json.WriteEndObject();
            }
        );

    // Members that are lists are joined by who reads them; the others come with the first piece.
    private static List<byte[]> CutLists(JsonElement whole)
    {
        var pieces = new List<byte[]>
        {
            Write(
                whole,
                default,
                static (json, whole, _) =>
                {
                    foreach (var member in whole.EnumerateObject())
                    {
                        if (member.Value.ValueKind != JsonValueKind.Array)
                        {
                            member.WriteTo(json);
                        }
                    }
                }
            ),
        };
        foreach (var member in whole.EnumerateObject())
        {
            if (member.Value.ValueKind == JsonValueKind.Array)
            {
                CutList(member, pieces);
            }
        }

        return pieces;
    }

    private static void CutList(JsonProperty list, List<byte[]> pieces)
    {
        var items = new List<JsonElement>();
        var bytes = 0;
        foreach (var item in list.Value.EnumerateArray())
        {
            items.Add(item);
            bytes += item.GetRawText().Length;
            if (bytes >= MostItemBytes)
            {
                pieces.Add(List(list.Name, items));
                items.Clear();
                bytes = 0;
            }
        }

        pieces.Add(List(list.Name, items)); // Also an empty one: it says that the list is there.
    }

    private static byte[] List(string name, List<JsonElement> items) =>
        Write(
            (name, items),
            default,
            static (json, from, _) =>
            {
                json.WriteStartArray(from.name);
                foreach (var item in from.items)
                {
                    item.WriteTo(json);
                }

                json.WriteEndArray();
            }
        );

    private static byte[] Write<T>(
        T from,
        ReadOnlySpan<char> text,
        Action<Utf8JsonWriter, T, ReadOnlySpan<char>> members
    )
    {
        var bytes = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            members(json, from, text);
            json.WriteEndObject();
        }

        return bytes.WrittenSpan.ToArray();
    }

    /// <summary>Where a piece that begins here ends: never between the halves of a surrogate pair.</summary>
    private static int Boundary(string text, int at, int most)
    {
        var end = Math.Min(text.Length, at + most);
        return end < text.Length && char.IsHighSurrogate(text[end - 1]) ? end - 1 : end;
    }
}
