using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Pollard.Gateway.Answers;
using Pollard.Gateway.Http;
using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Tasks;

namespace Pollard.Gateway.Doors.Tasks;

/// <summary>Pollard's own API of tasks: reading them and changing what becomes of them.</summary>
internal sealed class TasksDoor(TaskEngine engine, TaskFinder finder)
{
    /// <summary>Adds the door's parts.</summary>
    public static void Add(IServiceCollection services) =>
        services
            .AddSingleton<TaskFinder>()
            .AddSingleton<TasksDoor>()
            .AddSingleton<TaskSubmission>()
            .AddSingleton<TaskWait>()
            .AddSingleton<TaskEvents>()
            .AddSingleton<TaskSockets>()
            .AddSingleton<TaskList>();

    /// <summary>Adds the door's routes.</summary>
    public static void Map(IEndpointRouteBuilder routes)
    {
        var services = routes.ServiceProvider;
        var door = services.GetRequiredService<TasksDoor>();
        var submission = services.GetRequiredService<TaskSubmission>();
        routes.MapPost("/v1/tasks", submission.SubmitAsync);
        routes.MapPost("/v1/tasks:batch", submission.SubmitBatchAsync);
        routes.MapGet("/v1/tasks", services.GetRequiredService<TaskList>().ListAsync);
        routes.MapGet("/v1/tasks/{id}", door.ReadAsync);
        routes.MapGet("/v1/tasks/{id}/wait", services.GetRequiredService<TaskWait>().WaitAsync);
        routes.MapGet("/v1/tasks/{id}/events", services.GetRequiredService<TaskEvents>().ReadAsync);
        TaskSockets.Map(routes);
        routes.MapDelete("/v1/tasks/{id}", door.CancelAsync);
        routes.MapPost("/v1/tasks/{id}/retry", door.RetryAsync);
        routes.MapGet("/v1/tasks/{id}/why", door.WhyAsync);
    }

    private async Task ReadAsync(HttpContext http)
    {
        var task = await finder.FindAsync(http);
        if (TaskReply.IsKnown(http.Request, task))
        {
            TaskReply.Tag(http, task);
            http.Response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        await TaskReply.WriteAsync(http, task);
    }

    private async Task CancelAsync(HttpContext http)
    {
        var task = await finder.FindAsync(http);
        if (await engine.CancelAsync(task, "cancelled by its client", http.RequestAborted))
        {
            await TaskReply.WriteAsync(http, task, StatusCodes.Status202Accepted);
        }
        else if (task.Row.State == TaskState.Cancelled)
        {
            await TaskReply.WriteAsync(http, task);
        }
        else
        {
            throw Conflict(task, "already_final", "it cannot be cancelled any more");
        }
    }

    private async Task RetryAsync(HttpContext http)
    {
        var task = await finder.FindAsync(http);
        if (!await engine.RetryAsync(task, http.RequestAborted))
        {
            throw Conflict(task, "not_retryable", "only a failed, timed-out or cancelled task can be started over");
        }

        // Found anew: an ended task that comes back is another one in memory.
        await Receipt.WriteAsync(http, await finder.FindAsync(http));
    }

    private async Task WhyAsync(HttpContext http)
    {
        var task = await finder.FindAsync(http);
        var report = engine.Why(task);
        var document = new WhyDocument
        {
            State = TaskFailure.Word(task.Row.State),
            Summary = report.Summary,
            Position = report.Position,
            Estimate = report.Estimate is { } wait ? Math.Round(wait.TotalSeconds, 3) : null,
            Hosts = [.. report.Hosts.Select(host => new WhyHost(host.Host, host.Can, host.Reason))],
        };
        await JsonReply.WriteAsync(http, document, ProtocolJson.Default.WhyDocument);
    }

    private static RejectedException Conflict(TaskHandle task, string code, string reason) =>
        new(
            new DoorError(409, code, $"task {task.PublicId} is {TaskFailure.Word(task.Row.State)}; {reason}")
            {
                TaskId = task.PublicId,
                ShouldRetry = false,
            }
        );
}

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
        engine.Ids.TryParse(text, out var id) ? await engine.FindAsync(id, caller.Scope, ct) : null;
}
