using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;
using Pollard.Gateway.Answers;
using Pollard.Gateway.Http;
using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Tasks;

namespace Pollard.Gateway.Doors.Tasks;

/// <summary>Answers with one whole task.</summary>
internal static class TaskReply
{
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
            await MakeAsync(task, http.GetCaller(), http.RequestAborted),
            ProtocolJson.Default.TaskDocument,
            status
        );
    }

    /// <summary>The task with its result, or with how far it is; of what it says only what the caller may read.</summary>
    public static async ValueTask<TaskDocument> MakeAsync(TaskHandle task, Caller caller, CancellationToken ct)
    {
        var row = task.Row;
        var mayRead = caller.MayRead(row);
        var result = mayRead && row.State == TaskState.Completed ? await task.ReadResultAsync(ct) : null;
        var progress = await ProgressReader.ReadAsync(task, ct);
        progress = mayRead || progress is null ? progress : progress with { Message = null, Partial = null };
        return TaskView.Of(row, task.PublicId, caller, result, progress) with
        {
            Events = Math.Max(row.EventCount, task.EventCount),
        };
    }
}
