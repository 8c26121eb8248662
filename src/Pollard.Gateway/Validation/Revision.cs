using System.Buffers;
using System.Runtime.InteropServices;
using System.Text.Json;
using Pollard.Gateway.Answers;
using Pollard.Gateway.Http;
using Pollard.Tasks;
using Pollard.Tasks.Validation;

namespace Pollard.Gateway.Validation;

/// <summary>Writes the request that asks again. What it does not have to change stays byte for byte.</summary>
internal static class Revision
{
    /// <summary>The request; the first one itself where its kind has no place for words about an answer.</summary>
    public static ReadOnlyMemory<byte> Write(
        TaskRow row,
        ReadOnlyMemory<byte> request,
        IReadOnlyList<RejectedAnswer> rejected
    )
    {
        if (
            row is not { Kind: Kinds.Chat or Kinds.Completion, Validation: { } plan }
            || rejected.Count == 0
            || FirstRequest.Parse(request) is not { ValueKind: JsonValueKind.Object } json
        )
        {
            return request;
        }

        var prompt = FirstRequest.PromptOf(row, request);
        string[] feedback = [.. rejected.Select((answer, at) => Feedback.Of(plan, answer, at + 1, prompt))];
        var isChat = json.TryGetProperty("messages"u8, out var messages) && messages.ValueKind == JsonValueKind.Array;
        var tool = rejected.Count >= plan.ToolAfter ? plan.ToolMcpConfig : null;
        var bytes = new ArrayBufferWriter<byte>(request.Length + 1024);
        using var writer = new Utf8JsonWriter(bytes, JsonReply.WriterOptions);
        writer.WriteStartObject();
        foreach (var member in json.EnumerateObject())
        {
            if (tool is not null && member.NameEquals("mcp_config"u8))
            {
                continue;
            }

            writer.WritePropertyName(member.Name);
            if (isChat && member.NameEquals("messages"u8) && member.Value.ValueKind == JsonValueKind.Array)
            {
                WriteMessages(writer, member.Value, rejected, feedback);
            }
            else if (!isChat && member.NameEquals("prompt"u8))
            {
                WritePrompt(writer, member.Value, rejected, feedback);
            }
            else
            {
                writer.WriteRawValue(JsonMarshal.GetRawUtf8Value(member.Value), skipInputValidation: true);
            }
        }

        if (tool is { } config)
        {
            writer.WritePropertyName("mcp_config"u8);
            config.WriteTo(writer);
        }

        writer.WriteEndObject();
        writer.Flush();
        return bytes.WrittenMemory;
    }

    private static void WriteMessages(
        Utf8JsonWriter writer,
        JsonElement messages,
        IReadOnlyList<RejectedAnswer> rejected,
        string[] feedback
    )
    {
        writer.WriteStartArray();
        foreach (var message in messages.EnumerateArray())
        {
            writer.WriteRawValue(JsonMarshal.GetRawUtf8Value(message), skipInputValidation: true);
        }

        for (var at = 0; at < feedback.Length; at++)
        {
            FirstRequest.WriteMessage(writer, "assistant", rejected[at].Text);
            FirstRequest.WriteMessage(writer, "user", feedback[at]);
        }

        writer.WriteEndArray();
    }

    /// <summary>A prompt is one text, or a list of them; tokens have no place for words.</summary>
    private static void WritePrompt(
        Utf8JsonWriter writer,
        JsonElement prompt,
        IReadOnlyList<RejectedAnswer> rejected,
        string[] feedback
    )
    {
        if (prompt.ValueKind == JsonValueKind.String)
        {
            var parts = feedback.Select((text, at) => $"\n\n{rejected[at].Text}\n\n{text}");
            writer.WriteStringValue(string.Concat(parts.Prepend(prompt.GetString())));
        }
        else if (prompt.ValueKind == JsonValueKind.Array)
        {
            writer.WriteStartArray();
            foreach (var item in prompt.EnumerateArray())
            {
                WritePrompt(writer, item, rejected, feedback);
            }

            writer.WriteEndArray();
        }
        else
        {
            prompt.WriteTo(writer);
        }
    }
}
