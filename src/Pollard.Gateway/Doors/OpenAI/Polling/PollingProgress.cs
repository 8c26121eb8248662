using System.Text.Json;
using Pollard.Protocol.Api;
using Pollard.Tasks;

namespace Pollard.Gateway.Doors.OpenAI.Polling;

/// <summary>A task's progress in the stages that the Claude proxy's authors meant to tell, and never did.</summary>
internal static class PollingProgress
{
    private const int PartialCharacters = 200;

    /// <summary>Writes the member.</summary>
    public static void Write(Utf8JsonWriter json, TaskRow row, TaskProgress? progress)
    {
        json.WritePropertyName("progress"u8);
        if (progress is null && row.State != TaskState.Running)
        {
            json.WriteNullValue();
            return;
        }

        json.WriteStartObject();
        json.WriteString("stage"u8, StageOf(progress));
        json.WriteString("message"u8, progress?.Message ?? (row.Host is { } host ? $"running on {host}" : "running"));
        if (progress?.Percent is { } percent)
        {
            json.WriteNumber("percent"u8, percent);
        }

        if (progress is { Phase: "tool", Message: { } tool })
        {
            json.WriteStartArray("tool_calls"u8);
            json.WriteStringValue(tool);
            json.WriteEndArray();
        }

        if (PartialOf(progress) is { } partial)
        {
            json.WriteString("partial_response"u8, partial);
        }

        json.WriteEndObject();
    }

    private static string StageOf(TaskProgress? progress) =>
        progress switch
        {
            { Phase: "session" } => "starting_claude",
            { Phase: "tool" } => "tool_execution",
            { Phase: "text" } or { Phase: null, Partial: not null } => "generating_response",
            { Phase: "validating" or "input_needed" } => progress.Phase,
            _ => "claude_running",
        };

    private static string? PartialOf(TaskProgress? progress)
    {
        var text = progress?.Partial ?? (progress is { Phase: "text" } ? progress.Message : null);
        if (text is null || text.Length <= PartialCharacters)
        {
            return text;
        }

        var end = char.IsHighSurrogate(text[PartialCharacters - 1]) ? PartialCharacters - 1 : PartialCharacters;
        return text[..end];
    }
}
