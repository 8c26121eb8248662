using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;
using Pollard.Gateway.Answers;
using Pollard.Gateway.Http;
using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Protocol.HostLink;
using Pollard.Tasks;
using Pollard.Tasks.Events;

namespace Pollard.Gateway.Doors.Tasks;

/// <summary>Answers with one whole task.</summary>
internal static class TaskReply
{
    private const int PartialBytes = 64 * 1024;

    /// <summary>The task's version as a tag; output grows it as changes of state do.</summary>
    public static string TagOf(TaskHandle task) =>
        string.Create(CultureInfo.InvariantCulture, $"\"{task.Row.Version}-{task.EventCount}\"");

    /// <summary>True when the client has the task as it is: one of its tags is the task's, also as a weak one, or it has any.</summary>
    public static bool IsKnown(HttpRequest request, TaskHandle task) =>
        EntityTagHeaderValue.TryParseList(request.Headers.IfNoneMatch, out var tags)
        && tags.Any(tag =>
            tag.Tag == EntityTagHeaderValue.Any.Tag || tag.Tag.Equals(TagOf(task), StringComparison.Ordinal)
        );

    /// <summary>Puts the tag on the answer.</summary>
    public static void Tag(HttpContext http, TaskHandle task) => http.Response.Headers.ETag = TagOf(task);

    /// <summary>Answers with the task.</summary>
    public static async Task WriteAsync(HttpContext http, TaskHandle task, int status = StatusCodes.Status200OK)
    {
        Tag(http, task); // Before the reading: a tag may be older than what it stands on, never newer.
        await JsonReply.WriteAsync(
            http,
            await MakeAsync(task, http.RequestAborted),
            ProtocolJson.Default.TaskDocument,
            status
        );
    }

    /// <summary>The task with its result, or with how far it is.</summary>
    public static async ValueTask<TaskDocument> MakeAsync(TaskHandle task, CancellationToken ct)
    {
        var row = task.Row;
        var result = row.State == TaskState.Completed ? await task.ReadResultAsync(ct) : null;
        var progress = row.State == TaskState.Running ? await ProgressAsync(task, ct) : null;
        return TaskView.Of(row, task.PublicId, result, progress) with
        {
            Events = Math.Max(row.EventCount, task.EventCount),
        };
    }

    private static async ValueTask<TaskProgress?> ProgressAsync(TaskHandle task, CancellationToken ct)
    {
        Messages.Progress? phase = null;
        var text = new MemoryStream();
        await foreach (var next in TaskLogs.ReadPresentAsync(task, -1, ct))
        {
            switch (next.Type)
            {
                case TaskEventType.Phase:
                    phase = JsonSerializer.Deserialize(next.Data.Span, ProtocolJson.Default.Progress);
                    break;
                case TaskEventType.Delta when next is { Kind: DeltaKind.Content, Choice: 0 }:
                    text.Write(next.Data.Span);
                    break;
                case TaskEventType.Redispatched or TaskEventType.Retried:
                    text.SetLength(0); // What the lost host wrote is void.
                    phase = null;
                    break;
                default:
                    break;
            }
        }

        return phase is null && text.Length == 0
            ? null
            : new TaskProgress(phase?.Percent, phase?.Phase, phase?.Message, text.Length == 0 ? null : LastOf(text));
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
