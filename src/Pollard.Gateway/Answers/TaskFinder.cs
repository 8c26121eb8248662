using Microsoft.AspNetCore.Http;
using Pollard.Gateway.Http;
using Pollard.Tasks;

namespace Pollard.Gateway.Answers;

/// <summary>Finds the task that a path names, if it is the caller's to see.</summary>
internal sealed class TaskFinder(TaskEngine engine)
{
    /// <summary>The task; the answer's headers name it.</summary>
    /// <exception cref="RejectedException">There is none for this caller.</exception>
    public async ValueTask<TaskHandle> FindAsync(HttpContext http)
    {
        var text = (string)http.Request.RouteValues["id"]!;
        if (await FindAsync(text, http.GetCaller(), http.RequestAborted) is not { } task)
        {
            throw new RejectedException(DoorError.NoTask(text));
        }

        http.Response.Headers[TaskHeaders.Task] = task.PublicId;
        http.Response.Headers[TaskHeaders.Durability] = TaskView.WordOf(task.Row.Durability);
        return task;
    }

    /// <summary>The task that a word names; null when there is none for this caller.</summary>
    public async ValueTask<TaskHandle?> FindAsync(string text, Caller caller, CancellationToken ct) =>
        engine.Ids.TryParse(text, out var id) && await engine.FindAsync(id, caller.Scope, ct) is { } task ? task
        : TaskNames.IsName(text) ? await engine.FindAsync(text, caller.Scope, ct)
        : null;
}
