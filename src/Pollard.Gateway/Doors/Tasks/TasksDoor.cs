using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Pollard.Gateway.Answers;
using Pollard.Gateway.Http;
using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Tasks;
using Pollard.Tasks.Validation;

namespace Pollard.Gateway.Doors.Tasks;

/// <summary>Pollard's own API of tasks: reading them and changing what becomes of them.</summary>
internal sealed class TasksDoor(TaskEngine engine, TaskFinder finder, AbsentHosts absent)
{
    private const int MostInputCharacters = 64 * 1024;

    /// <summary>Adds the door's parts.</summary>
    public static void Add(IServiceCollection services) =>
        services
            .AddSingleton<TasksDoor>()
            .AddSingleton<TaskSubmission>()
            .AddSingleton<TaskWait>()
            .AddSingleton<TaskEvents>()
            .AddSingleton<TaskSockets>()
            .AddSingleton<TaskBody>()
            .AddSingleton<TaskList>();

    /// <summary>Adds the door's routes.</summary>
    public static void Map(IEndpointRouteBuilder routes)
    {
        var services = routes.ServiceProvider;
        var door = services.GetRequiredService<TasksDoor>();
        var submission = services.GetRequiredService<TaskSubmission>();
        routes.MapPost("/v1/tasks", submission.SubmitAsync);
        routes.MapPost("/v1/tasks:batch", submission.SubmitBatchAsync);
        routes.MapGet("/v1/tasks", services.GetRequiredService<TaskList>().ListAsync).ForViewers();
        routes.MapGet("/v1/tasks/{id}", door.ReadAsync).ForViewers();
        routes.MapGet("/v1/tasks/{id}/request", door.ReadRequestAsync);
        routes.MapGet("/v1/tasks/{id}/wait", services.GetRequiredService<TaskWait>().WaitAsync);
        routes.MapGet("/v1/tasks/{id}/body", services.GetRequiredService<TaskBody>().ReadAsync);
        routes.MapGet("/v1/tasks/{id}/events", services.GetRequiredService<TaskEvents>().ReadAsync).ForViewers();
        TaskSockets.Map(routes);
        routes.MapDelete("/v1/tasks/{id}", door.CancelAsync);
        routes.MapPost("/v1/tasks/{id}/retry", door.RetryAsync);
        routes.MapPost("/v1/tasks/{id}/input", door.GiveInputAsync);
        routes.MapGet("/v1/tasks/{id}/why", door.WhyAsync).ForViewers();
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

    private async Task ReadRequestAsync(HttpContext http)
    {
        var task = await finder.FindAsync(http);
        var request =
            await task.ReadRequestAsync(http.RequestAborted)
            ?? throw new RejectedException(DoorError.NoTask(task.PublicId));
        await JsonReply.WriteAsync(http, request);
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

    private async Task GiveInputAsync(HttpContext http)
    {
        var task = await finder.FindAsync(http);
        var given = await RequestBody.ReadAsync(http, ProtocolJson.Default.InputRequest);
        var action = given.Action switch
        {
            "retry" => InputAction.Retry,
            "accept" => InputAction.Accept,
            "reject" => InputAction.Reject,
            _ => throw new RejectedException(
                DoorError.BadRequest("\"action\" must be \"retry\", \"accept\" or \"reject\"", "action")
            ),
        };
        if (given.Text is { Length: > MostInputCharacters })
        {
            throw new RejectedException(
                DoorError.BadRequest($"\"text\" must be at most {MostInputCharacters} characters", "text")
            );
        }

        if (!await engine.GiveInputAsync(task, new TaskInput(action, given.Text), http.RequestAborted))
        {
            throw Conflict(task, "no_input_needed", "nobody is asked about it");
        }

        await TaskReply.WriteAsync(http, task);
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
        var isAdmin = http.GetCaller().IsAdmin; // Others need not know since when.
        var document = new WhyDocument
        {
            State = TaskFailure.Word(task.Row.State),
            Summary = report.Summary,
            Position = report.Position,
            Estimate = report.Estimate is { } wait ? Math.Round(wait.TotalSeconds, 3) : null,
            Hosts =
            [
                .. report.Hosts.Select(host => new WhyHost(
                    host.Host,
                    host.Can,
                    host.Reason,
                    isAdmin ? host.QuarantinedAt : null
                )),
                .. task.Row.State == TaskState.Pending ? Absent(task.Row.Model) : [],
            ],
        };
        await JsonReply.WriteAsync(http, document, ProtocolJson.Default.WhyDocument);
    }

    private IEnumerable<WhyHost> Absent(string model) =>
        absent
            .With(model)
            .Select(host => new WhyHost(
                host.Name,
                Can: false,
                host.SeenAt is { } seen
                    ? $"is not connected; it was last here at {seen.UtcDateTime:yyyy-MM-dd HH:mm} UTC"
                    : "is not connected"
            ));

    private static RejectedException Conflict(TaskHandle task, string code, string reason) =>
        new(
            new DoorError(409, code, $"task {task.PublicId} is {TaskFailure.Word(task.Row.State)}; {reason}")
            {
                TaskId = task.PublicId,
                ShouldRetry = false,
            }
        );
}
