using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Pollard.Gateway.Answers;
using Pollard.Gateway.Http;
using Pollard.Protocol;

namespace Pollard.Gateway.Doors.Tasks;

/// <summary>Answers when a task has ended, or after a time with the task as it is.</summary>
internal sealed class TaskWait(TaskFinder finder, HeldWait held)
{
    private static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(30);

    /// <summary><c>GET /v1/tasks/{id}/wait</c>.</summary>
    public async Task WaitAsync(HttpContext http)
    {
        var task = await finder.FindAsync(http);
        var timeout = held.TimeoutOf(http.Request, DefaultTimeout);
        await held.WaitAsync(http, task, timeout);
        if (!http.Response.HasStarted)
        {
            await TaskReply.WriteAsync(http, task);
            return;
        }

        var document = await TaskReply.MakeAsync(task, http.GetCaller(), http.RequestAborted);
        await http.Response.BodyWriter.WriteAsync(
            JsonSerializer.SerializeToUtf8Bytes(document, ProtocolJson.Default.TaskDocument),
            http.RequestAborted
        );
    }
}
