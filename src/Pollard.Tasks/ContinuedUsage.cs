using System.Buffers;
using System.Text.Json;

namespace Pollard.Tasks;

/// <summary>What an answer cost that a host has gone on with.</summary>
internal static class ContinuedUsage
{
    /// <summary>
    /// The last host read what its forerunners had written as a part of its prompt: to the client it is a part of the answer.
    /// All tokens count once, and the total stays what it is.
    /// </summary>
    /// <param name="usage">What the last host counted, in OpenAI's shape.</param>
    /// <param name="shown">Tokens of the answer that it was given.</param>
    public static JsonElement? Of(JsonElement? usage, int shown)
    {
        if (
            usage is not { ValueKind: JsonValueKind.Object } counted
            || Number(counted, "prompt_tokens") is not { } prompt
            || Number(counted, "completion_tokens") is not { } completion
        )
        {
            return usage;
        }

        var asked = Math.Max(0, prompt - shown); // Some engines leave out what they had in their cache.
        var output = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(output))
        {
            json.WriteStartObject();
            foreach (var member in counted.EnumerateObject())
            {
                switch (member.Name)
                {
                    case "prompt_tokens":
                        json.WriteNumber(member.Name, asked);
                        break;
                    case "completion_tokens":
                        json.WriteNumber(member.Name, completion + shown);
                        break;
                    case "total_tokens":
                        json.WriteNumber(member.Name, asked + completion + shown);
                        break;
                    default:
                        member.WriteTo(json);
                        break;
                }
            }

            json.WriteEndObject();
        }

        return JsonElement.Parse(output.WrittenSpan);
    }

    private static long? Number(JsonElement usage, string name) =>
        usage.TryGetProperty(name, out var member)
        && member.ValueKind == JsonValueKind.Number
        && member.TryGetInt64(out var number)
        && number is >= 0 and < int.MaxValue
            ? number
            : null;
}
