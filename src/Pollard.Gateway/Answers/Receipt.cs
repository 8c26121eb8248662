using Microsoft.AspNetCore.Http;
using Pollard.Gateway.Http;
using Pollard.Protocol;
using Pollard.Tasks;

namespace Pollard.Gateway.Answers;

/// <summary>The 202 of a task that goes on: where it is read, and when it is worth looking.</summary>
internal static class Receipt
{
    private const string LookAgainSeconds = "2";

    /// <summary>Answers with the task as it is.</summary>
    public static Task WriteAsync(HttpContext http, TaskHandle task)
    {
        var headers = http.Response.Headers;
        headers.Location = $"/v1/tasks/{task.PublicId}";
        headers.RetryAfter = LookAgainSeconds;
        headers[TaskHeaders.Task] = task.PublicId;
        headers[TaskHeaders.Durability] = TaskView.WordOf(task.Row.Durability);
        return JsonReply.WriteAsync(
            http,
            TaskView.Of(task.Row, task.PublicId, http.GetCaller()),
            ProtocolJson.Default.TaskDocument,
            StatusCodes.Status202Accepted
        );
    }
}
