using System.Buffers;
using System.Text.Json;
using Pollard.Agent.Backends.Http;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Backends.Continuing;

/// <summary>How a server is asked to go on with a message of its model.</summary>
internal enum PrefillStyle
{
    /// <summary>The last message is the model's: Ollama and llama.cpp go on with it.</summary>
    LastMessage,

    /// <summary>The same, and said so: vLLM and SGLang would close the message otherwise.</summary>
    Said,
}

/// <summary>A chat whose answer has begun: its text becomes the model's own last message.</summary>
internal static class PrefilledRequest
{
    /// <summary>What the model is given of the answer: templates cut blanks at the end of a message, and so do we, to know of it.</summary>
    public static string BeginningOf(Messages.Continue answer) => answer.Text.TrimEnd();

    /// <summary>The request with the beginning of the answer, and with as many tokens less as that has.</summary>
    /// <exception cref="BackendException">It is no chat.</exception>
    public static ReadOnlyMemory<byte> Of(ReadOnlyMemory<byte> request, Messages.Continue answer, PrefillStyle style)
    {
        try
        {
            using var document = JsonDocument.Parse(request);
            if (document.RootElement.Member("messages") is not { ValueKind: JsonValueKind.Array } messages)
            {
                throw new JsonException("it has no messages");
            }

            ArrayBufferWriter<byte> output = new(request.Length + (2 * answer.Text.Length) + 256);
            using (Utf8JsonWriter json = new(output, Ollama.OllamaRequest.Plain))
            {
                json.WriteStartObject();
                WriteMessages(json, messages, BeginningOf(answer));
                WriteOthers(json, document.RootElement, answer.Tokens);
                if (style == PrefillStyle.Said)
                {
                    json.WriteBoolean("continue_final_message", true);
                    json.WriteBoolean("add_generation_prompt", false);
                }

                json.WriteEndObject();
            }

            return output.WrittenMemory;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new BackendException(BackendFailure.Unreadable(e), e);
        }
    }

    private static void WriteMessages(Utf8JsonWriter json, JsonElement messages, string beginning)
    {
        json.WriteStartArray("messages");
        foreach (var message in messages.EnumerateArray())
        {
            message.WriteTo(json);
        }

        json.WriteStartObject();
        json.WriteString("role", "assistant");
        json.WriteString("content", beginning);
        json.WriteEndObject();
        json.WriteEndArray();
    }

    private static void WriteOthers(Utf8JsonWriter json, JsonElement request, int written)
    {
        foreach (var member in request.EnumerateObject())
        {
            switch (member.Name)
            {
                case "messages":
                    break;
                case "max_tokens" or "max_completion_tokens" when member.Value.ValueKind == JsonValueKind.Number:
                    var most = member.Value.TryGetInt64(out var tokens) ? tokens : long.MaxValue;
                    json.WriteNumber(member.Name, Math.Max(1, most - written));
                    break;
                default:
                    member.WriteTo(json);
                    break;
            }
        }
    }
}
