using System.Text.Json;
using Pollard.Protocol.HostLink;
using Pollard.Tasks;
using Pollard.Tasks.Events;

namespace Pollard.Gateway.Answers;

/// <summary>An OpenAI text completion of a completion's output.</summary>
internal static class CompletionAnswer
{
    /// <summary>What stands before the id.</summary>
    public const string IdPrefix = "cmpl-";

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
        AnswerParts.WriteHead(json, row, IdPrefix + publicId, "text_completion"u8, finish);
        json.WriteStartArray("choices"u8);
        var count = AnswerParts.CountChoices(output, finish);
        for (var choice = 0; choice < count; choice++)
        {
            json.WriteStartObject();
            json.WriteNumber("index"u8, choice);
            json.WritePropertyName("text"u8);
            AnswerParts.WriteText(json, output, DeltaKind.Content, choice);
            AnswerParts.WriteTextIfAny(json, "reasoning_content"u8, output, DeltaKind.Reasoning, choice);
            json.WritePropertyName("logprobs"u8);
            LogProbabilities.Write(json, output, choice);
            json.WriteString("finish_reason"u8, finish.FinishReasons?.ElementAtOrDefault(choice) ?? "stop");
            json.WriteEndObject();
        }

        json.WriteEndArray();
        AnswerParts.WriteTail(json, finish);
        json.WriteEndObject();
    }
}
