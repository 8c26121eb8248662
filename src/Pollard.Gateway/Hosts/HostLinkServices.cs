using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Pollard.Gateway.Hosts.Audits;
using Pollard.Gateway.Http;
using Pollard.Tasks;

namespace Pollard.Gateway.Hosts;

/// <summary>Puts the host link into a gateway. Needs a <see cref="TaskEngine"/>, a store and a <see cref="TimeProvider"/> among the services.</summary>
internal static class HostLinkServices
{
    /// <summary>Registers the link's parts.</summary>
    public static IServiceCollection AddHostLink(this IServiceCollection services, HostLinkOptions options)
    {
        services.AddSingleton(options);
        services.AddSingleton<HostRegistry>();
        services.AddSingleton<JoinTokens>();
        services.AddSingleton<HostSignatures>();
        services.AddSingleton<LinkEndpoints>();
        services.AddSingleton<SocketEndpoint>();
        services.AddSingleton<TurnSessions>();
        services.AddSingleton<TurnEndpoints>();
        services.AddSingleton<HostGuests>();
        services.AddSingleton<TokenMembers>().AddSingleton<AgentAccess>();
        services.AddSingleton<HostViews>().AddSingleton<HostFigures>();
        services.AddSingleton<HostEndpoints>();
        services.AddSingleton<TokenEndpoints>();
        services.AddSingleton(provider => new HostLinkServer(
            provider.GetRequiredService<TaskEngine>(),
            provider.GetRequiredService<HostRegistry>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<HostLinkServer>>()
        ));
        services.AddSingleton<AuditBook>().AddSingleton<AuditTasks>().AddSingleton<AuditRuns>();
        services.AddSingleton<Quarantine>().AddSingleton<Verdicts>();
        services.AddSingleton<AuditEndpoints>().AddSingleton<Auditor>();
        services.AddSingleton<HostLinkLife>();
        services.AddHostedService(static provider => provider.GetRequiredService<HostLinkLife>());
        services.AddHostedService(static provider => provider.GetRequiredService<Auditor>());
        services.AddSingleton(static provider => provider.GetRequiredService<HostLinkServer>().Loop);
        services.AddSingleton(static provider => provider.GetRequiredService<Auditor>().Loop);
        services.AddSingleton(static provider => provider.GetRequiredService<HostLinkLife>().Loop);
        return services;
    }

    /// <summary>Maps the link's endpoints, for hosts under <c>/host/v1</c> and for admins under <c>/v1</c>.</summary>
    public static void MapHostLink(this IEndpointRouteBuilder routes)
    {
        var link = routes.ServiceProvider.GetRequiredService<LinkEndpoints>();
        routes.MapGet("/host/v1", Handle(link.Directory));
        routes.MapPost("/host/v1/enroll", Handle(link.EnrollAsync));
        routes.MapPost("/host/v1/link", Handle(link.LinkAsync));
        routes.ServiceProvider.GetRequiredService<SocketEndpoint>().Map(routes);

        var turns = routes.ServiceProvider.GetRequiredService<TurnEndpoints>();
        routes.MapPost("/host/v1/turn", Handle(turns.TurnAsync));
        routes.MapDelete("/host/v1/turn", Handle(turns.EndAsync));
        routes.MapPatch("/host/v1/attempts/{handle}/output", Handle(turns.OutputAsync));

        routes.ServiceProvider.GetRequiredService<HostFigures>(); // They show themselves.
        var hosts = routes.ServiceProvider.GetRequiredService<HostEndpoints>();
        routes.MapGet("/v1/hosts", Handle(hosts.List)).ForViewers();
        routes.MapGet("/v1/hosts/{id}", Handle(hosts.Show)).ForViewers();
        routes.MapPost("/v1/hosts/{id}/drain", Handle(hosts.DrainAsync));
        routes.MapPost("/v1/hosts/{id}/resume", Handle(hosts.ResumeAsync));
        routes.MapPost("/v1/hosts/{id}/revoke", Handle(hosts.RevokeAsync));

        var audits = routes.ServiceProvider.GetRequiredService<AuditEndpoints>();
        routes.MapGet("/v1/hosts/{id}/audits", Handle(audits.Show));
        routes.MapPost("/v1/hosts/{id}/release", Handle(audits.ReleaseAsync));

        var tokens = routes.ServiceProvider.GetRequiredService<TokenEndpoints>();
        routes.MapGet("/v1/tokens", Handle(tokens.List));
        routes.MapPost("/v1/tokens", Handle(tokens.CreateAsync));
        routes.MapDelete("/v1/tokens/{id}", Handle(tokens.DeleteAsync));
    }

    private static RequestDelegate Handle(Func<HttpContext, IResult> answer) => http => answer(http).ExecuteAsync(http);

    private static RequestDelegate Handle(Func<HttpContext, Task<IResult>> answer) =>
        async http => await (await answer(http)).ExecuteAsync(http);
}

/// <summary>Reads hosts and tokens before the first request, writes what hosts say of themselves, and sends everybody away at the end.</summary>
internal sealed partial class HostLinkLife(
    HostLinkServer server,
    HostRegistry registry,
    JoinTokens tokens,
    IHostApplicationLifetime application,
    TimeProvider time,
    ILogger<HostLinkLife> logger
) : BackgroundService
{
    private static readonly TimeSpan SaveEvery = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan SaveWithin = TimeSpan.FromSeconds(30);

    /// <summary>How the writing of what hosts say is.</summary>
    public BackgroundLoop Loop { get; } = new("host_records", 2 * SaveWithin, SaveEvery, time);

    /// <inheritdoc/>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await registry.LoadAsync(cancellationToken);
        await tokens.LoadAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // The web server waits for open links before it stops its services, so the links must end as soon as stopping begins.
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(
            stoppingToken,
            application.ApplicationStopping
        );
        using var timer = new PeriodicTimer(SaveEvery, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stopping.Token))
            {
                await TrySaveAsync();
            }
        }
        catch (OperationCanceledException)
        {
            await server.DrainAsync();
            await TrySaveAsync();
        }
    }

    private async Task TrySaveAsync()
    {
        Loop.Begin();
        using var limit = new CancellationTokenSource(SaveWithin, time); // Also while stopping: it is the last chance.
        try
        {
            await registry.SaveAsync(limit.Token);
            await registry.ForgetRevokedAsync(limit.Token);
            await tokens.ForgetOverAsync(limit.Token);
        }
        catch (Exception e)
        {
            LogNotSaved(logger, e);
        }

        Loop.End();
    }

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "Could not write what hosts said of themselves, or delete what is over; trying again later"
    )]
    private static partial void LogNotSaved(ILogger logger, Exception exception);
}
