using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Pollard.Gateway.Answers;
using Pollard.Gateway.Http;
using Pollard.Gateway.LongCalls;
using Pollard.Tasks;

namespace Pollard.Gateway.Doors.LlmTasks;

/// <summary>
/// The LLM task server's calls: submit, status, wait, cancel, health and root. Ids are a word and 12 hexadecimal digits, moments
/// ISO without a zone, progress a whole number. Source: contracts of the LLM task server, 2.1.
/// </summary>
internal sealed class LlmTasksDoor(
    TaskEngine engine,
    TaskFinder finder,
    LlmConfigReader reader,
    LongCallIntake intake,
    HeldWait held,
    GatewayOptions options
)
{
    private static readonly TimeSpan DefaultWait = TimeSpan.FromSeconds(300);
    private static readonly DetailDialect Errors = new();
    private const string IdPrefix = "task_";
    private const string ImmediatePrefix = "immediate_";

    /// <summary>Adds the door's parts.</summary>
    public static void Add(IServiceCollection services) => services.AddSingleton<LlmTasksDoor>();

    /// <summary>Adds the door's routes. On the common port <c>/v1/tasks/{id}/wait</c> is this door's for ids of this door's form.</summary>
    public static void Map(IEndpointRouteBuilder routes)
    {
        var door = routes.ServiceProvider.GetRequiredService<LlmTasksDoor>();
        routes.MapPost("/v1/tasks/submit", door.SubmitAsync);
        routes.MapGet("/v1/tasks/{id}/status", door.ShowAsync);
        routes.MapPost("/v1/tasks/{id}/cancel", door.CancelAsync);
        routes.MapGet($"/v1/tasks/{{id:length({IdPrefix.Length + TaskNames.Digits})}}/wait", door.WaitAsync);
        routes.MapGet($"/v1/tasks/{{id:length({ImmediatePrefix.Length + TaskNames.Digits})}}/wait", door.WaitAsync);
        routes.MapGet(DoorPorts.LlmTasks + "/{id}/wait", door.WaitAsync);
        routes.MapGet(DoorPorts.LlmTasks, ShowRootAsync).WithMetadata(OpenToAll.Mark);
        routes.MapGet(DoorPorts.LlmTasks + "/health", door.HealthAsync).WithMetadata(OpenToAll.Mark);
    }

    private async Task SubmitAsync(HttpContext http)
    {
        var submission = LlmTaskSubmission.Read(await RequestBody.ReadAsync(http));
        var call = reader.Read(submission.Config, "llm_config", submission.Timeout);
        var patience = submission.Timeout ?? call.RunTimeout;
        if (!submission.Polls)
        {
            call = call with { RunTimeout = options.LongRunning.Beyond(patience) };
        }

        var name = TaskNames.Short(submission.Polls ? IdPrefix : ImmediatePrefix);
        var task = await intake.SubmitAsync(http, call, name);
        var id = LongCallView.IdOf(task);
        if (submission.Polls)
        {
            await JsonReply.WriteAsync(http, id, WriteReceipt);
            return;
        }

        patience = patience < options.MaxWait ? patience : options.MaxWait;
        var row = await task.WaitAsync(patience, http.RequestAborted);
        if (row.State == TaskState.Completed)
        {
            await JsonReply.WriteAsync(http, (id, await task.ReadResultAsync(http.RequestAborted)), WriteAnswer);
            return;
        }

        var error = row.IsFinal
            ? new DoorError(500, row.Error?.Code ?? "failed", LongCallView.ErrorOf(row) ?? "the task did not complete")
            : new DoorError(
                StatusCodes.Status408RequestTimeout,
                "still_running",
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"Task {id} took longer than {patience.TotalSeconds:0.###} seconds. It goes on: see /v1/tasks/{id}/status"
                )
            );
        throw new RejectedException(error with { TaskId = id });
    }

    private async Task ShowAsync(HttpContext http)
    {
        var (id, task) = await FindAsync(http);
        var row = task.Row;
        var percent = await PercentOfAsync(task, http.RequestAborted);
        var result = await task.ReadResultAsync(http.RequestAborted);
        await JsonReply.WriteAsync(
            http,
            (id, row, percent, result),
            static (json, it) =>
            {
                json.WriteStartObject();
                json.WriteString("task_id"u8, it.id);
                json.WriteString("status"u8, TaskFailure.Word(it.row.State));
                json.WriteNumber("progress"u8, it.percent);
                json.WriteString("start_time"u8, Moment(it.row.StartedAt ?? it.row.CreatedAt));
                json.WriteString("end_time"u8, Moment(it.row.EndedAt));
                LongCallView.WriteResult(json, it.result);
                json.WriteString("error"u8, LongCallView.ErrorOf(it.row));
                json.WriteNumber("validation_attempts"u8, it.row.ValidationAttempts);
                json.WriteEndObject();
            }
        );
    }

    // Always a 200 where the task exists; whitespace may have gone out before it.
    private async Task WaitAsync(HttpContext http)
    {
        http.Features.Set<Dialect>(Errors);
        var (id, task) = await FindAsync(http);
        var timeout = held.TimeoutOf(http.Request, DefaultWait);
        await held.WaitAsync(http, task, timeout);
        var row = task.Row;
        var result = await task.ReadResultAsync(http.RequestAborted);
        http.Response.ContentType ??= JsonReply.Type;
        JsonReply.Fill(
            http.Response.BodyWriter,
            (id, row, timeout, result),
            static (json, it) =>
            {
                json.WriteStartObject();
                json.WriteString("task_id"u8, it.id);
                json.WriteString("status"u8, WaitWord(it.row.State));
                if (it.row.State == TaskState.Completed)
                {
                    LongCallView.WriteResult(json, it.result);
                }
                else
                {
                    json.WriteString(
                        "error"u8,
                        LongCallView.ErrorOf(it.row)
                            ?? string.Create(
                                CultureInfo.InvariantCulture,
                                $"Task timed out after {it.timeout.TotalSeconds:0.###}s"
                            )
                    );
                }

                json.WriteEndObject();
            }
        );
        await http.Response.BodyWriter.FlushAsync(http.RequestAborted);
    }

    // The old server's clients know three ends of a wait.
    private static string WaitWord(TaskState state) =>
        state switch
        {
            TaskState.Completed => "completed",
            TaskState.Failed or TaskState.Cancelled => "failed",
            _ => "timeout",
        };

    private async Task CancelAsync(HttpContext http)
    {
        var (id, task) = await FindAsync(http);
        var cancelled = await engine.CancelAsync(task, "cancelled by its client", http.RequestAborted);
        var status = TaskFailure.Word(task.Row.State);
        var message = cancelled
            ? $"Task {id} cancelled successfully"
            : $"Task {id} cannot be cancelled (current status: {status})";
        await JsonReply.WriteAsync(
            http,
            (id, status, message),
            static (json, it) =>
            {
                json.WriteStartObject();
                json.WriteString("task_id"u8, it.id);
                json.WriteString("status"u8, it.status);
                json.WriteString("message"u8, it.message);
                json.WriteEndObject();
            }
        );
    }

    private Task HealthAsync(HttpContext http) =>
        JsonReply.WriteAsync(
            http,
            (engine.Statistics, engine.Hosts.Models().Count > 0),
            static (json, it) =>
            {
                var (statistics, hasModels) = it;
                var isWritable = statistics.Store.Writable;
                json.WriteStartObject();
                json.WriteString("status"u8, isWritable && hasModels ? "healthy"u8 : "degraded"u8);
                json.WriteString("database"u8, isWritable ? "ok"u8 : "error"u8);
                json.WriteString("proxy"u8, hasModels ? "ok"u8 : "error"u8); // Whoever serves models stands in its place.
                json.WriteNumber("active_tasks"u8, statistics.Pending + statistics.Running);
                json.WriteEndObject();
            }
        );

    private static Task ShowRootAsync(HttpContext http) =>
        JsonReply.WriteAsync(
            http,
            0,
            static (json, _) =>
            {
                json.WriteStartObject();
                json.WriteString("service"u8, "Pollard"u8);
                json.WriteString("version"u8, typeof(LlmTasksDoor).Assembly.GetName().Version?.ToString(3));
                json.WriteStartObject("endpoints"u8);
                json.WriteString("submit"u8, "/v1/tasks/submit"u8);
                json.WriteString("status"u8, "/v1/tasks/{task_id}/status"u8);
                json.WriteString("wait"u8, "/v1/tasks/{task_id}/wait"u8);
                json.WriteString("cancel"u8, "/v1/tasks/{task_id}/cancel"u8);
                json.WriteString("health"u8, "/health"u8);
                json.WriteEndObject();
                json.WriteEndObject();
            }
        );

    private async ValueTask<(string Id, TaskHandle Task)> FindAsync(HttpContext http)
    {
        var id = (string)http.Request.RouteValues["id"]!;
        return await finder.FindAsync(id, http.GetCaller(), http.RequestAborted) is { } task
            ? (id, task)
            : throw new RejectedException(
                new DoorError(404, "task_not_found", $"Task {DoorError.Quote(id)} not found")
            );
    }

    // The old server knew 10 and 100; what a backend tells lies between.
    private static async ValueTask<int> PercentOfAsync(TaskHandle task, CancellationToken ct) =>
        task.Row switch
        {
            { State: TaskState.Completed } => 100,
            { State: TaskState.Pending, StartedAt: null } => 0,
            { IsFinal: true } => 100,
            _ => (await ProgressReader.ReadAsync(task, ct))?.Percent is { } percent
                ? Math.Clamp((int)Math.Round(percent), 10, 99)
                : 10,
        };

    private static string? Moment(DateTimeOffset? moment) =>
        moment?.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff", CultureInfo.InvariantCulture);

    private static void WriteReceipt(Utf8JsonWriter json, string id)
    {
        json.WriteStartObject();
        json.WriteString("task_id"u8, id);
        json.WriteString("status"u8, "pending"u8);
        json.WriteString("message"u8, $"Task submitted. Check it at /v1/tasks/{id}/status");
        json.WriteEndObject();
    }

    private static void WriteAnswer(Utf8JsonWriter json, (string Id, ReadOnlyMemory<byte>? Result) it)
    {
        json.WriteStartObject();
        json.WriteString("task_id"u8, it.Id);
        json.WriteString("status"u8, "completed"u8);
        json.WriteString("message"u8, "Task completed"u8);
        LongCallView.WriteResult(json, it.Result);
        json.WriteEndObject();
    }
}
