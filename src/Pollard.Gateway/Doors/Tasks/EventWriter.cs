using System.Globalization;
using System.Text.Json;
using System.Text.Unicode;
using Pollard.Gateway.Answers;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Events;

namespace Pollard.Gateway.Doors.Tasks;

/// <summary>Writes events in the shape of <see cref="Protocol.Api.TaskEventDocument"/>, text as it lies in the log.</summary>
internal static class EventWriter
{
    /// <summary>The event's type as the wire names it.</summary>
    public static ReadOnlySpan<byte> NameOf(TaskEventType type) =>
        type switch
        {
            TaskEventType.Submitted => "submitted"u8,
            TaskEventType.Leased => "leased"u8,
            TaskEventType.Delta => "delta"u8,
            TaskEventType.Phase => "phase"u8,
            TaskEventType.Usage => "usage"u8,
            TaskEventType.Lost => "lost"u8,
            TaskEventType.Redispatched => "redispatched"u8,
            TaskEventType.Interrupted => "interrupted"u8,
            TaskEventType.Continued => "continued"u8,
            TaskEventType.Completed => "completed"u8,
            TaskEventType.Failed => "failed"u8,
            TaskEventType.Timeout => "timeout"u8,
            TaskEventType.Cancelled => "cancelled"u8,
            TaskEventType.Answered => "answered"u8,
            TaskEventType.Validation => "validation"u8,
            TaskEventType.InputNeeded => "input_needed"u8,
            TaskEventType.Input => "input"u8,
            _ => "retried"u8,
        };

    /// <summary>Writes one event.</summary>
    /// <param name="json">Where to.</param>
    /// <param name="item">The event.</param>
    /// <param name="mayRead">False for a reader who may not read what the task says: of output then its bytes are counted.</param>
    public static void Write(Utf8JsonWriter json, in TaskEvent item, bool mayRead = true)
    {
        json.WriteStartObject();
        json.WriteNumber("seq"u8, item.Seq);
        var at = DateTimeOffset.FromUnixTimeMilliseconds(item.UnixMilliseconds).UtcDateTime;
        json.WriteString("at"u8, at.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture));
        json.WriteString("type"u8, NameOf(item.Type));
        if (item.Type == TaskEventType.Delta)
        {
            json.WriteString("kind"u8, NameOf(item.Kind));
            json.WriteNumber("choice"u8, item.Choice);
        }

        if (!mayRead && SaysWhatTheTaskSays(item.Type))
        {
            json.WriteNumber("bytes"u8, item.Data.Length);
        }
        else if (item.Type == TaskEventType.Delta && IsText(item))
        {
            json.WriteString("text"u8, item.Data.Span);
        }
        else if (!item.Data.IsEmpty)
        {
            WriteData(json, item.Data);
        }

        json.WriteEndObject();
    }

    private static bool SaysWhatTheTaskSays(TaskEventType type) =>
        type
            is TaskEventType.Delta
                or TaskEventType.Phase
                or TaskEventType.Answered
                or TaskEventType.Validation
                or TaskEventType.InputNeeded
                or TaskEventType.Input;

    private static bool IsText(in TaskEvent item) =>
        item.Kind is DeltaKind.Content or DeltaKind.Reasoning or DeltaKind.Refusal
        || (item.Kind == DeltaKind.Body && Utf8.IsValid(item.Data.Span));

    private static void WriteData(Utf8JsonWriter json, ReadOnlyMemory<byte> data)
    {
        json.WritePropertyName("data"u8);
        if (Fragments.TryParse(data) is { } parsed)
        {
            parsed.WriteTo(json); // Not as it lies: a line break in it would end the event.
            return;
        }

        json.WriteStartObject();
        json.WriteBase64String("base64"u8, data.Span);
        json.WriteEndObject();
    }

    private static ReadOnlySpan<byte> NameOf(DeltaKind kind) =>
        kind switch
        {
            DeltaKind.Content => "content"u8,
            DeltaKind.Reasoning => "reasoning"u8,
            DeltaKind.ToolCall => "tool_call"u8,
            DeltaKind.LogProbabilities => "logprobs"u8,
            DeltaKind.Progress => "progress"u8,
            DeltaKind.Body or DeltaKind.BodyElsewhere => "body"u8,
            DeltaKind.Head => "head"u8,
            _ => "refusal"u8,
        };
}
