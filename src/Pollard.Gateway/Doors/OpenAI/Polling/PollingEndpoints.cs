using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Pollard.Gateway.Answers;
using Pollard.Gateway.Http;
using Pollard.Gateway.LongCalls;
using Pollard.Tasks;
using Pollard.Tasks.Storage;

namespace Pollard.Gateway.Doors.OpenAI.Polling;

/// <summary>The Claude proxy's calls about tasks: how far one is, ending one, and which there are. Moments are seconds since 1970.</summary>
internal sealed class PollingEndpoints(TaskEngine engine, TaskFinder finder, GatewayOptions options)
{
    private const int MostActive = 1_000;

    /// <summary>Adds the routes.</summary>
    public static void Map(IEndpointRouteBuilder routes)
    {
        var endpoints = routes.ServiceProvider.GetRequiredService<PollingEndpoints>();
        routes.MapGet("/v1/polling/status/{id}", endpoints.ShowAsync);
        routes.MapPost("/v1/polling/cancel/{id}", endpoints.CancelAsync);
        routes.MapGet("/v1/polling/active", endpoints.ListAsync);
        routes.MapGet("/claude-proxy/health", endpoints.HealthAsync).WithMetadata(OpenToAll.Mark);
    }

    private async Task ShowAsync(HttpContext http)
    {
        var id = (string)http.Request.RouteValues["id"]!;
        var task =
            await finder.FindAsync(id, http.GetCaller(), http.RequestAborted)
            ?? throw NotThere($"Task {DoorError.Quote(id)} not found");
        var row = task.Row;
        var progress = await ProgressReader.ReadAsync(task, http.RequestAborted);
        var result = await task.ReadResultAsync(http.RequestAborted);
        await JsonReply.WriteAsync(
            http,
            (id, row, progress, result),
            static (json, it) =>
            {
                json.WriteStartObject();
                json.WriteString("task_id"u8, it.id);
                json.WriteString("status"u8, TaskFailure.Word(it.row.State));
                WriteMoment(json, "created_at"u8, it.row.CreatedAt);
                WriteMoment(json, "started_at"u8, it.row.StartedAt);
                WriteMoment(json, "completed_at"u8, it.row.EndedAt);
                PollingProgress.Write(json, it.row, it.progress);
                if (it.row.State == TaskState.Completed)
                {
                    LongCallView.WriteResult(json, it.result);
                }
                else if (it.row.State is TaskState.Failed or TaskState.Timeout)
                {
                    json.WriteString("error"u8, LongCallView.ErrorOf(it.row));
                }

                json.WriteEndObject();
            }
        );
    }

    private async Task CancelAsync(HttpContext http)
    {
        var id = (string)http.Request.RouteValues["id"]!;
        if (
            await finder.FindAsync(id, http.GetCaller(), http.RequestAborted) is not { } task
            || !await engine.CancelAsync(task, "cancelled by its client", http.RequestAborted)
        )
        {
            throw NotThere($"Task {DoorError.Quote(id)} not found or already completed");
        }

        await JsonReply.WriteAsync(
            http,
            id,
            static (json, id) =>
            {
                json.WriteStartObject();
                json.WriteString("message"u8, $"Task {id} cancelled");
                json.WriteEndObject();
            }
        );
    }

    private async Task ListAsync(HttpContext http)
    {
        List<Active> active = [];
        foreach (var state in (TaskState[])[TaskState.Running, TaskState.Pending])
        {
            var scope = http.GetCaller().Scope;
            var query = new TaskQuery
            {
                Owner = scope,
                State = state,
                Limit = MostActive,
            };
            foreach (var row in (await engine.ListAsync(query, http.RequestAborted)).Rows)
            {
                if (await engine.FindAsync(row.Id, scope, http.RequestAborted) is { Row.IsFinal: false } task)
                {
                    active.Add(await Active.OfAsync(task, http.RequestAborted));
                }
            }
        }

        await JsonReply.WriteAsync(
            http,
            active,
            static (json, active) =>
            {
                json.WriteStartObject();
                json.WriteStartArray("active_tasks"u8);
                foreach (var task in active)
                {
                    task.Write(json);
                }

                json.WriteEndArray();
                json.WriteNumber("count"u8, active.Count);
                json.WriteEndObject();
            }
        );
    }

    private Task HealthAsync(HttpContext http) =>
        JsonReply.WriteAsync(
            http,
            (engine.Statistics, options.KeysRequired ? null : options.DatabasePath, HasAgent()),
            static (json, it) =>
            {
                var (statistics, path, hasAgent) = it;
                json.WriteStartObject();
                json.WriteString("status"u8, statistics.Store.Writable ? "healthy"u8 : "degraded"u8);
                json.WriteString("claude_cli_path"u8, hasAgent ? "claude" : null); // On its host; only that knows where.
                json.WriteNull("working_directory"u8);
                json.WriteBoolean("mcp_support"u8, hasAgent);
                json.WriteBoolean("polling_support"u8, true);
                json.WriteNumber("active_tasks"u8, statistics.Pending + statistics.Running);
                json.WriteString("database_path"u8, path);
                json.WriteEndObject();
            }
        );

    private bool HasAgent() =>
        engine.Hosts.Models().Any(static model => model.Capabilities?.Contains("mcp", StringComparer.Ordinal) == true);

    private static void WriteMoment(Utf8JsonWriter json, ReadOnlySpan<byte> name, DateTimeOffset? moment)
    {
        if (moment is { } at)
        {
            json.WriteNumber(name, at.ToUnixTimeMilliseconds() / 1000.0);
        }
        else
        {
            json.WriteNull(name);
        }
    }

    private static RejectedException NotThere(string message) => new(new DoorError(404, "task_not_found", message));

    private sealed record Active(string Id, TaskRow Row, string Model, Protocol.Api.TaskProgress? Progress)
    {
        public static async ValueTask<Active> OfAsync(TaskHandle task, CancellationToken ct) =>
            new(
                LongCallView.IdOf(task),
                task.Row,
                await LongCallView.ModelOfAsync(task, ct),
                await ProgressReader.ReadAsync(task, ct)
            );

        public void Write(Utf8JsonWriter json)
        {
            json.WriteStartObject();
            json.WriteString("task_id"u8, Id);
            json.WriteString("status"u8, TaskFailure.Word(Row.State));
            json.WriteString("model"u8, Model);
            WriteMoment(json, "created_at"u8, Row.CreatedAt);
            WriteMoment(json, "started_at"u8, Row.StartedAt);
            PollingProgress.Write(json, Row, Progress);
            json.WriteEndObject();
        }
    }
}
