using System.Text;
using System.Text.Json;
using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Protocol.HostLink;
using Pollard.Tasks;
using Pollard.Tasks.Events;

namespace Pollard.Gateway.Answers;

/// <summary>How far a task is, as its log tells.</summary>
internal static class ProgressReader
{
    private const int PartialBytes = 64 * 1024;

    /// <summary>The progress; null for a task that has not begun, says nothing, or has ended.</summary>
    public static async ValueTask<TaskProgress?> ReadAsync(TaskHandle task, CancellationToken ct)
    {
        var row = task.Row;
        if (row is not ({ State: TaskState.Running } or { Stage: TaskStage.InputNeeded }))
        {
            return null;
        }

        Messages.Progress? phase = null;
        var text = new MemoryStream();
        await foreach (var next in TaskLogs.ReadPresentAsync(task, -1, ct))
        {
            switch (next.Type)
            {
                case TaskEventType.Phase:
                    phase = PhaseOf(next.Data.Span) ?? phase;
                    break;
                case TaskEventType.Delta when next is { Kind: DeltaKind.Content, Choice: 0 }:
                    text.Write(next.Data.Span);
                    break;
                case TaskEventType.Redispatched or TaskEventType.Retried:
                    text.SetLength(0); // What the lost host wrote is void, and what did not pass its checks.
                    phase = null;
                    break;
                case TaskEventType.Answered:
                    phase = new Messages.Progress("validating", null, "the answer is being checked");
                    break;
                case TaskEventType.InputNeeded:
                    var why = JsonSerializer.Deserialize(next.Data.Span, EngineJson.Default.InputNeededData);
                    phase = new Messages.Progress("input_needed", null, why?.Reason);
                    break;
                default:
                    break;
            }
        }

        return phase is null && text.Length == 0
            ? null
            : new TaskProgress(phase?.Percent, phase?.Phase, phase?.Message, text.Length == 0 ? null : LastOf(text));
    }

    /// <summary>How far a host says that it is; null for one that sends nonsense.</summary>
    public static Messages.Progress? PhaseOf(ReadOnlySpan<byte> said)
    {
        try
        {
            return JsonSerializer.Deserialize(said, ProtocolJson.Default.Progress) is { } phase
                ? phase with
                {
                    Percent = phase.Percent is >= 0 and <= 100 ? phase.Percent : null,
                }
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>The end of the text, from the beginning of a character.</summary>
    private static string LastOf(MemoryStream text)
    {
        var bytes = text.GetBuffer().AsSpan(0, (int)text.Length);
        if (bytes.Length > PartialBytes)
        {
            bytes = bytes[^PartialBytes..];
            while ((bytes[0] & 0xC0) == 0x80)
            {
                bytes = bytes[1..];
            }
        }

        return Encoding.UTF8.GetString(bytes);
    }
}
