using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Pollard.Gateway.Http;

namespace Pollard.Gateway.Hosts.Teleport;

/// <summary>What teleport agents call: they ask for calls into their network, and bring what came of them.</summary>
internal sealed class TeleportEndpoints(
    TeleportAgents agents,
    TeleportRefusals refusals,
    IHostApplicationLifetime lifetime,
    TimeProvider time
)
{
    private static readonly byte[] Nothing = "{\"data\":null}"u8.ToArray();

    /// <summary>Adds the parts.</summary>
    public static void Add(IServiceCollection services) =>
        services
            .AddSingleton<Dialect, TeleportDialect>()
            .AddSingleton<TeleportAgents>()
            .AddSingleton<TeleportDirectory>()
            .AddSingleton<TeleportUploads>()
            .AddSingleton<TeleportRefusals>()
            .AddSingleton<TeleportDeliveries>()
            .AddSingleton<TeleportEndpoints>()
            .AddSingleton(static provider => provider.GetRequiredService<TeleportAgents>().Loop)
            .AddSingleton(static provider => provider.GetRequiredService<TeleportUploads>().Loop);

    /// <summary>Adds the routes.</summary>
    public static void Map(IEndpointRouteBuilder routes)
    {
        var endpoints = routes.ServiceProvider.GetRequiredService<TeleportEndpoints>();
        var deliveries = routes.ServiceProvider.GetRequiredService<TeleportDeliveries>();
        routes.MapGet(TeleportDialect.Prefix + "/get-task", endpoints.FetchAsync).WithMetadata(OpenToAll.Mark);
        routes.MapPost(TeleportDialect.Prefix + "/put-result", deliveries.PutResultAsync).WithMetadata(OpenToAll.Mark);
        routes
            .MapPost(TeleportDialect.Prefix + "/upload-result", deliveries.UploadResultAsync)
            .WithMetadata(OpenToAll.Mark);
        routes.MapGet(TeleportDialect.Prefix + "/upload-url", deliveries.GiveAddressAsync).WithMetadata(OpenToAll.Mark);
        routes.MapPut(TeleportDialect.Prefix + "/upload/{id}", deliveries.UploadAsync).WithMetadata(OpenToAll.Mark);
        routes
            .MapPost(TeleportDialect.Prefix + "/upload-logs", deliveries.UploadLogsAsync)
            .WithMetadata(OpenToAll.Mark);
    }

    private async Task FetchAsync(HttpContext http)
    {
        var (host, refusal) = await agents.EnterAsync(http);
        if (host is null)
        {
            throw await refusals.HoldAsync(http, refusal!, lifetime.ApplicationStopping);
        }

        using var over = CancellationTokenSource.CreateLinkedTokenSource(
            http.RequestAborted,
            lifetime.ApplicationStopping
        );
        var began = time.GetTimestamp();
        while (TeleportLimits.Hold - time.GetElapsedTime(began) is var left && left > TimeSpan.Zero)
        {
            var polled = await host.TakeAsync(left, over.Token);
            if (polled.IsReplaced)
            {
                throw TeleportDialect.Reject(http, Replaced); // It asks again in a while of its own choice.
            }

            if (polled.Work is not { } work)
            {
                break;
            }

            if (await GiveAsync(http, host, work))
            {
                return;
            }
        }

        http.RequestAborted.ThrowIfCancellationRequested();
        if (over.IsCancellationRequested || host.IsGone)
        {
            throw TeleportDialect.Reject(http, Later); // At "nothing" it would ask again at once.
        }

        await JsonReply.WriteAsync(http, Nothing);
    }

    /// <summary>Answers with the call; false when the agent cannot make it, or nobody wants it any more.</summary>
    private async Task<bool> GiveAsync(HttpContext http, PolledHost host, PolledWork work)
    {
        if (work.Over.IsCancellationRequested)
        {
            return false;
        }

        var (json, objection) = TeleportTask.Write(work, agents.SettingsFor(host), time.GetUtcNow());
        if (objection is not null)
        {
            host.Fail(work, objection);
            return false;
        }

        try
        {
            await JsonReply.WriteAsync(http, json);
            await PolledReply.MakeSureAsync(http);
        }
        catch
        {
            host.TakeBack(work, "the agent broke off before it had the call");
            throw;
        }

        work.Attempt.Accept();
        return true;
    }

    private static DoorError Replaced { get; } =
        new(429, "too_many_requests", "Too many concurrent requests: a newer one of the same agent is held");

    private static DoorError Later { get; } =
        new(503, "not_now", "the gateway is being stopped, or this agent was shut out")
        {
            RetryAfter = TimeSpan.FromSeconds(5),
        };
}
