using System.Text.Json;
using Pollard.Gateway.Http;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Events;

namespace Pollard.Gateway.Answers;

/// <summary>Log-probabilities that came in pieces: members that are lists are joined, of others the last counts.</summary>
internal static class LogProbabilities
{
    /// <summary>Writes the value: an object, or null when nothing came.</summary>
    public static void Write(Utf8JsonWriter json, IReadOnlyList<TaskEvent> output, int choice)
    {
        if (!AnswerParts.Has(output, DeltaKind.LogProbabilities, choice))
        {
            json.WriteNullValue();
            return;
        }

        var members = new OrderedDictionary<string, List<JsonElement>>(StringComparer.Ordinal);
        foreach (var piece in output)
        {
            if (piece.Kind == DeltaKind.LogProbabilities && piece.Choice == choice)
            {
                Add(members, piece.Data);
            }
        }

        json.WriteStartObject();
        foreach (var (name, values) in members)
        {
            json.WritePropertyName(name);
            WriteJoined(json, values);
        }

        json.WriteEndObject();
    }

    private static void Add(OrderedDictionary<string, List<JsonElement>> members, ReadOnlyMemory<byte> piece)
    {
        if (Fragments.TryParse(piece) is not { } parsed)
        {
            return;
        }

        foreach (var member in parsed.EnumerateObject())
        {
            if (!members.TryGetValue(member.Name, out var values))
            {
                members.Add(member.Name, values = []);
            }

            values.Add(member.Value);
        }
    }

    private static void WriteJoined(Utf8JsonWriter json, List<JsonElement> values)
    {
        if (!values.Exists(value => value.ValueKind == JsonValueKind.Array))
        {
            values[^1].WriteTo(json);
            return;
        }

        json.WriteStartArray();
        foreach (var value in values)
        {
            if (value.ValueKind == JsonValueKind.Array)
            {
                foreach (var item in value.EnumerateArray())
                {
                    item.WriteTo(json);
                }
            }
        }

        json.WriteEndArray();
    }
}

/// <summary>Pieces of output that are JSON objects, as hosts send them.</summary>
internal static class Fragments
{
    /// <summary>True for an object, and nothing else: what a stream carries as it came.</summary>
    public static bool IsObject(ReadOnlySpan<byte> piece) =>
        piece.TrimStart(" \t\r\n"u8) is [(byte)'{', ..] && JsonCheck.IsReadable(piece);

    /// <summary>The object, or null when a host sent something else: an answer is not lost for one bad piece.</summary>
    public static JsonElement? TryParse(ReadOnlyMemory<byte> piece)
    {
        try
        {
            var parsed = JsonElement.Parse(piece.Span);
            return parsed.ValueKind == JsonValueKind.Object && JsonCheck.IsTextReadable(piece.Span) ? parsed : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
