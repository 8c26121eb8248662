using System.Text.Json;
using Pollard.Protocol.HostLink;
using Pollard.Tasks;
using Pollard.Tasks.Events;

namespace Pollard.Gateway.Answers;

/// <summary>An OpenAI chat completion of a chat's output.</summary>
internal static class ChatAnswer
{
    /// <summary>What stands before the id.</summary>
    public const string IdPrefix = "chatcmpl-";

    /// <summary>Writes the object.</summary>
    public static void Write(
        Utf8JsonWriter json,
        TaskRow row,
        string publicId,
        IReadOnlyList<TaskEvent> output,
        Messages.Finish finish
    )
    {
        json.WriteStartObject();
        AnswerParts.WriteHead(json, row, IdPrefix + publicId, "chat.completion"u8, finish);
        json.WriteStartArray("choices"u8);
        var count = AnswerParts.CountChoices(output, finish);
        for (var choice = 0; choice < count; choice++)
        {
            WriteChoice(json, output, finish, choice);
        }

        json.WriteEndArray();
        AnswerParts.WriteTail(json, finish);
        json.WriteEndObject();
    }

    private static void WriteChoice(
        Utf8JsonWriter json,
        IReadOnlyList<TaskEvent> output,
        Messages.Finish finish,
        int choice
    )
    {
        var calls = ToolCalls.Merge(output, choice);
        json.WriteStartObject();
        json.WriteNumber("index"u8, choice);
        json.WriteStartObject("message"u8);
        json.WriteString("role"u8, "assistant"u8);
        json.WritePropertyName("content"u8);
        if (AnswerParts.Has(output, DeltaKind.Content, choice))
        {
            AnswerParts.WriteText(json, output, DeltaKind.Content, choice);
        }
        else if (calls is null && !AnswerParts.Has(output, DeltaKind.Refusal, choice))
        {
            json.WriteStringValue(""u8);
        }
        else
        {
            json.WriteNullValue();
        }

        AnswerParts.WriteTextIfAny(json, "reasoning_content"u8, output, DeltaKind.Reasoning, choice);
        AnswerParts.WriteTextIfAny(json, "refusal"u8, output, DeltaKind.Refusal, choice);
        calls?.Write(json);
        json.WriteEndObject();
        json.WritePropertyName("logprobs"u8);
        LogProbabilities.Write(json, output, choice);
        json.WriteString(
            "finish_reason"u8,
            finish.FinishReasons?.ElementAtOrDefault(choice) ?? (calls is null ? "stop" : "tool_calls")
        );
        json.WriteEndObject();
    }
}
