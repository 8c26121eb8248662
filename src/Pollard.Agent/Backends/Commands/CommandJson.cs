using System.Buffers;
using System.Text.Json;

namespace Pollard.Agent.Backends.Commands;

/// <summary>Writes what a run's good end says, in OpenAI's shapes.</summary>
internal static class CommandJson
{
    /// <summary>Tokens, and what they cost.</summary>
    public static JsonElement Usage(long prompt, long completion, long cached, long? reasoning, double? cost) =>
        Object(json =>
        {
            json.WriteNumber("prompt_tokens", prompt);
            json.WriteNumber("completion_tokens", completion);
            json.WriteNumber("total_tokens", prompt + completion);
            json.WriteStartObject("prompt_tokens_details");
            json.WriteNumber("cached_tokens", cached);
            json.WriteEndObject();
            if (reasoning is { } thought)
            {
                json.WriteStartObject("completion_tokens_details");
                json.WriteNumber("reasoning_tokens", thought);
                json.WriteEndObject();
            }

            if (cost is { } dollars)
            {
                json.WriteNumber("cost_usd", dollars);
            }
        });

    /// <summary>What a command alone has to say: the name of its conversation, and how many turns it took.</summary>
    public static JsonElement? Extra(string? session, long? turns) =>
        session is null
            ? null
            : Object(json =>
            {
                json.WriteStartObject("command");
                json.WriteString("session", session);
                if (turns is { } number)
                {
                    json.WriteNumber("turns", number);
                }

                json.WriteEndObject();
            });

    private static JsonElement Object(Action<Utf8JsonWriter> members)
    {
        ArrayBufferWriter<byte> bytes = new();
        using (Utf8JsonWriter json = new(bytes))
        {
            json.WriteStartObject();
            members(json);
            json.WriteEndObject();
        }

        using var document = JsonDocument.Parse(bytes.WrittenMemory);
        return document.RootElement.Clone();
    }
}
