using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Pollard.Gateway.Http;
using Pollard.Tasks;

namespace Pollard.Gateway.Hosts.TaskAgents;

/// <summary>What agents with the small contract call: they fetch tasks, complete them, and hand back what they did not start.</summary>
internal sealed class TaskAgentEndpoints : IAsyncDisposable
{
    private readonly PolledHosts _hosts;
    private readonly AgentAccess _access;
    private readonly TimeProvider _time;
    private readonly CancellationToken _stopping;
    private long _given;

    public TaskAgentEndpoints(
        TaskEngine engine,
        HostGuests guests,
        AgentAccess access,
        IHostApplicationLifetime lifetime,
        TimeProvider time,
        ILogger<TaskAgentEndpoints> logger
    )
    {
        (_access, _time, _stopping) = (access, time, lifetime.ApplicationStopping);
        _hosts = new PolledHosts(engine, guests, TaskAgentLimits.Hosts, time, logger);
    }

    /// <summary>Adds the parts.</summary>
    public static void Add(IServiceCollection services) =>
        services
            .AddSingleton<Dialect, TaskAgentDialect>()
            .AddSingleton<TaskAgentEndpoints>()
            .AddSingleton<TaskAgentStatistics>()
            .AddSingleton(static provider => provider.GetRequiredService<TaskAgentEndpoints>()._hosts.Loop);

    /// <summary>Adds the routes.</summary>
    public static void Map(IEndpointRouteBuilder routes)
    {
        var endpoints = routes.ServiceProvider.GetRequiredService<TaskAgentEndpoints>();
        var statistics = routes.ServiceProvider.GetRequiredService<TaskAgentStatistics>();
        routes.MapGet("/get-task", endpoints.FetchAsync).WithMetadata(OpenToAll.Mark);
        routes.MapPost("/complete-task", endpoints.CompleteAsync).WithMetadata(OpenToAll.Mark);
        routes.MapPost("/return-task", endpoints.ReturnAsync).WithMetadata(OpenToAll.Mark);
        routes.MapGet("/stats", statistics.ShowAsync).WithMetadata(OpenToAll.Mark);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _hosts.DisposeAsync();

    private async Task FetchAsync(HttpContext http)
    {
        var host = await EnterAsync(http);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, _stopping);
        while ((await host.TakeAsync(TaskAgentLimits.Hold, over.Token)).Work is { } work)
        {
            if (!work.Over.IsCancellationRequested)
            {
                await GiveAsync(http, host, work);
                return;
            }
        }

        http.RequestAborted.ThrowIfCancellationRequested();
        await JsonReply.WriteAsync(http, "{\"status\":\"success\",\"data\":null}"u8.ToArray());
    }

    private async Task<PolledHost> EnterAsync(HttpContext http)
    {
        var query = TaskAgentQuery.Of(http.Request);
        var (admission, refusal) = await _access.AdmitAsync(http, TaskAgentLimits.Family, query.Agent, isUnique: false);
        if (admission is null)
        {
            throw new RejectedException(refusal!);
        }

        if (AgentAccess.Objection(admission.Terms, query.Models) is { } objection)
        {
            throw new RejectedException(objection);
        }

        var profile = new PolledProfile
        {
            Name = query.Agent,
            Models = query.Offered,
            Terms = admission.Terms,
            Marks = AgentAccess.MarksOf(http, TaskAgentLimits.Family, admission.Place, query.Agent),
            Slots = admission.Terms.MostSlots ?? TaskAgentLimits.Slots,
            Polls = TaskAgentLimits.Polls,
        };
        var (host, shut) = _hosts.Enter(admission.Place, query.Name, profile);
        return host ?? throw new RejectedException(shut!);
    }

    private async Task GiveAsync(HttpContext http, PolledHost host, PolledWork work)
    {
        try
        {
            await JsonReply.WriteAsync(
                http,
                (work, Number: Interlocked.Increment(ref _given), Now: _time.GetUtcNow()),
                static (json, it) => TaskAgentItem.Write(json, it.work, it.Number, it.Now)
            );
            await PolledReply.MakeSureAsync(http);
        }
        catch
        {
            host.TakeBack(work, "the agent broke off before it had the task");
            throw;
        }

        work.Attempt.Accept();
    }

    private async Task CompleteAsync(HttpContext http)
    {
        using var body = await ReadAsync(http);
        var id = IdOf(body.RootElement);
        var (host, work) = Find(http, id) ?? throw NotFound(id);
        if (host.Bring(work))
        {
            if (!TaskAgentResult.Take(work.Attempt, body.RootElement))
            {
                work.End();
            }

            host.Inform();
        }

        // Also who brings it a second time hears that it counts only when that is on disk.
        switch (await work.KeptAsync())
        {
            case Delivery.Over:
                throw NotFound(id);
            case Delivery.Late:
                throw new RejectedException(
                    new DoorError(
                        503,
                        "store_slow",
                        $"Task {DoorError.Quote(id)} is not on disk yet; complete it again"
                    )
                );
            default:
                await SayAsync(http, $"Task {id} completed");
                break;
        }
    }

    private async Task ReturnAsync(HttpContext http)
    {
        using var body = await ReadAsync(http);
        var id = IdOf(body.RootElement);
        if (Find(http, id) is not var (host, work) || !host.TakeBack(work, "the agent did not start it"))
        {
            throw NotFound(id);
        }

        await SayAsync(http, $"Task {id} returned");
    }

    /// <summary>The caller's task with this id.</summary>
    /// <exception cref="RejectedException">The caller calls too often.</exception>
    private (PolledHost Host, PolledWork Work)? Find(HttpContext http, string id)
    {
        var place = _access.PlaceOf(http);
        return _hosts.MayCall(place) switch
        {
            true => _hosts.Find(place, id),
            null => null,
            false => throw new RejectedException(_hosts.TooOften),
        };
    }

    private static string IdOf(JsonElement body) =>
        body.Text("taskId") is { Length: > 0 } id
            ? id
            : throw new RejectedException(DoorError.BadRequest("taskId is required"));

    private static RejectedException NotFound(string id) =>
        new(new DoorError(404, "task_not_found", $"Task {DoorError.Quote(id)} not found"));

    private static async Task<JsonDocument> ReadAsync(HttpContext http)
    {
        if (await BodyReader.ReadAsync(http.Request, TaskAgentLimits.BodyBytes, http.RequestAborted) is not { } bytes)
        {
            throw new RejectedException(
                new DoorError(413, "body_too_large", $"a body has at most {TaskAgentLimits.BodyBytes} bytes here")
            );
        }

        return LooseJson.Parse(bytes)
            ?? throw new RejectedException(DoorError.BadRequest("the body is no JSON object", code: "invalid_json"));
    }

    private static Task SayAsync(HttpContext http, string message) =>
        JsonReply.WriteAsync(
            http,
            message,
            static (json, message) =>
            {
                json.WriteStartObject();
                json.WriteString("status"u8, "success"u8);
                json.WriteString("message"u8, message);
                json.WriteEndObject();
            }
        );
}
