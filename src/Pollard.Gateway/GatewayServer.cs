using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Pollard.Gateway.Answers;
using Pollard.Gateway.Dashboard;
using Pollard.Gateway.Doors.Andy;
using Pollard.Gateway.Doors.LlmTasks;
using Pollard.Gateway.Doors.Ollama;
using Pollard.Gateway.Doors.OpenAI;
using Pollard.Gateway.Doors.Tasks;
using Pollard.Gateway.Doors.Teleport;
using Pollard.Gateway.Hosts;
using Pollard.Gateway.Hosts.Andy;
using Pollard.Gateway.Hosts.TaskAgents;
using Pollard.Gateway.Hosts.Teleport;
using Pollard.Gateway.Http;
using Pollard.Gateway.Keys;
using Pollard.Gateway.LongCalls;
using Pollard.Gateway.Observability;
using Pollard.Gateway.OpenApi;
using Pollard.Gateway.Validation;
using Pollard.Tasks;
using Pollard.Tasks.Storage;

namespace Pollard.Gateway;

/// <summary>The running gateway: its doors on HTTP, in front of a task engine that somebody else starts and stops.</summary>
public sealed class GatewayServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private GatewayServer(WebApplication app, string? firstAdminKey, Uri? linkAddress, IReadOnlyList<Uri> addresses)
    {
        _app = app;
        FirstAdminKey = firstAdminKey;
        LinkAddress = linkAddress;
        Addresses = addresses;
    }

    /// <summary>Where clients are served, with the ports that were taken.</summary>
    public IReadOnlyList<Uri> Addresses { get; }

    /// <summary>Where links are served over clear-text HTTP/2; null when nowhere.</summary>
    public Uri? LinkAddress { get; }

    /// <summary>Where the LLM task server's door has a port of its own; null when nowhere.</summary>
    public Uri? LlmTasksAddress { get; private init; }

    /// <summary>Where the Claude proxy's door has a port of its own; null when nowhere.</summary>
    public Uri? ClaudeProxyAddress { get; private init; }

    /// <summary>The links of hosts; agents in this process open theirs here.</summary>
    public HostLinkServer Hosts => _app.Services.GetRequiredService<HostLinkServer>();

    /// <summary>All that is served, for who compares it with what is written about it.</summary>
    internal IReadOnlyList<Endpoint> Endpoints => _app.Services.GetRequiredService<EndpointDataSource>().Endpoints;

    /// <summary>The secret of the admin key that this start made, because keys are needed and there was none: to be shown once.</summary>
    public string? FirstAdminKey { get; }

    /// <summary>Starts to serve.</summary>
    /// <param name="options">The settings.</param>
    /// <param name="engine">The engine, started.</param>
    /// <param name="review">What the engine judges answers by.</param>
    /// <param name="store">The engine's store, for keys and hosts.</param>
    /// <param name="telemetry">The figures that are shown at <c>/metrics</c>; null: there is no such address.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logging">Where log lines go; null: nowhere.</param>
    /// <param name="cancellationToken">Gives up the start.</param>
    /// <exception cref="IOException">An address is taken.</exception>
    public static async Task<GatewayServer> StartAsync(
        GatewayOptions options,
        TaskEngine engine,
        AnswerReview review,
        ITaskStore store,
        Telemetry? telemetry,
        TimeProvider time,
        Action<ILoggingBuilder>? logging,
        CancellationToken cancellationToken
    )
    {
        // The empty builder: unlike the slim one it reads no files, variables or signals behind the executable's back.
        var builder = WebApplication.CreateEmptyBuilder(
            new WebApplicationOptions { ApplicationName = "Pollard.Gateway" }
        );
        builder.Services.AddSingleton(options).AddSingleton(engine).AddSingleton(review).AddSingleton(store);
        builder.Services.AddSingleton(time);
        if (telemetry is not null)
        {
            builder.Services.AddSingleton(telemetry);
        }

        AddParts(builder, options, logging);
        var app = builder.Build();
        try
        {
            var keys = app.Services.GetRequiredService<KeyStore>();
            await keys.LoadAsync(cancellationToken);
            await app.Services.GetRequiredService<Sessions>().LoadAsync(cancellationToken);
            var firstAdminKey = options.KeysRequired ? await keys.CreateFirstAdminAsync(cancellationToken) : null;
            MapRoutes(app);
            var hosts = app.Services.GetRequiredService<HostLinkServer>().Registry;
            var models = app.Services.GetRequiredService<ModelCatalog>();
            models.Absent = model => hosts.HadModel(model, options.HostMayReturn);
            app.Services.GetRequiredService<Feasibility>().IsAbsent = model =>
                hosts.HadModel(model, options.HostMayReturn, isAbsent: true);
            app.Services.GetRequiredService<AbsentHosts>().With = hosts.Absent;
            review.ModelNames = models.NameOf;
            await app.StartAsync(cancellationToken);
            var bound = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!;
            var addresses = bound.Addresses.Select(address => new Uri(address)).ToList();
            var link = options.LinkUrl is null ? null : addresses[^1];
            app.Services.GetRequiredService<HostLinkOptions>().Http2Port = link?.Port;
            var ports = app.Services.GetRequiredService<OwnPorts>();
            ports.Bound(options, addresses.Skip(options.Urls.Count).Select(static address => address.Port));
            return new GatewayServer(app, firstAdminKey, link, addresses[..options.Urls.Count])
            {
                LlmTasksAddress = ports.AddressOf(DoorPorts.LlmTasks, addresses),
                ClaudeProxyAddress = ports.AddressOf(DoorPorts.ClaudeProxy, addresses),
            };
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }
    }

    /// <summary>Stops to serve: takes nothing new, lets answers go on for the grace that the options give, then cuts them.</summary>
    public Task StopAsync(CancellationToken cancellationToken) => _app.StopAsync(cancellationToken);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync(CancellationToken.None); // What it waits for is bounded by the grace.
        await _app.DisposeAsync();
    }

    private static void AddParts(
        WebApplicationBuilder builder,
        GatewayOptions options,
        Action<ILoggingBuilder>? logging
    )
    {
        var services = builder.Services;
        builder.Logging.AddFilter("Microsoft", LogLevel.Warning);
        builder.Logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None); // Makes an Activity a request.
        builder.Logging.AddFilter("Microsoft.AspNetCore.Server.Kestrel.BadRequests", LogLevel.None);
        logging?.Invoke(builder.Logging);
        services.AddRoutingCore();
        services.AddSingleton<IHostLifetime, CallersLifetime>();
        services.Configure<HostOptions>(host => host.ShutdownTimeout = options.StopGrace);
        services.AddSingleton<Dialects>().AddSingleton<RequestGuard>();
        services
            .AddSingleton<ModelCatalog>()
            .AddSingleton<Feasibility>()
            .AddSingleton<AbsentHosts>()
            .AddSingleton<Work>()
            .AddSingleton<TaskFinder>()
            .AddSingleton<HeldWait>();
        services.AddSingleton<OwnPorts>();
        services.AddSingleton<LlmConfigReader>().AddSingleton<LongCallIntake>();
        services.AddSingleton<Dialect, DetailDialect>();
        KeyEndpoints.Add(services);
        OpenAIDoor.Add(services);
        AndyDoor.Add(services); // These two before Ollama's: some of their paths are below Ollama's.
        TeleportEndpoints.Add(services);
        OllamaDoor.Add(services);
        TasksDoor.Add(services);
        LlmTasksDoor.Add(services);
        TeleportDoor.Add(services);
        services.AddHostLink(
            new HostLinkOptions
            {
                MayEnrolWithoutToken = http => !options.KeysRequired && IsFromHere(http),
                AuditShare = options.AuditShare,
            }
        );
        AndyEndpoints.Add(services);
        TaskAgentEndpoints.Add(services);
        HealthEndpoints.Add(services);
        if (options.AccessLogPath is { } path)
        {
            AccessLog.Add(services, path);
        }

        DashboardEndpoints.Add(services);
        builder.WebHost.UseKestrelCore();
        builder.WebHost.ConfigureKestrel(kestrel => Listen(kestrel, options));
        builder.WebHost.UseSockets(sockets => sockets.UnsafePreferInlineScheduling = options.InlineScheduling);
    }

    private static void MapRoutes(WebApplication app)
    {
        var guard = app.Services.GetRequiredService<RequestGuard>();
        var keys = app.Services.GetRequiredService<KeyCheck>();
        var options = app.Services.GetRequiredService<GatewayOptions>();
        app.UseTrustedProxies(options.TrustedProxies); // First: all that looks at the caller's address comes after it.
        if (options.LlmTasksUrl is not null || options.ClaudeProxyUrl is not null)
        {
            var ports = app.Services.GetRequiredService<OwnPorts>();
            app.Use(
                (http, next) =>
                {
                    DoorPorts.Enter(http, ports.DoorOf(http.Connection.LocalPort));
                    return next(http);
                }
            );
        }

        app.Use(
            static (http, next) =>
            {
                DashboardFiles.Enter(http); // After the doors' own ports, where "/" is theirs.
                return next(http);
            }
        );
        app.UseRouting();
        if (app.Services.GetService<AccessLog>() is { } log)
        {
            app.Use(next => http => log.InvokeAsync(http, next));
        }

        app.Use(next => http => guard.InvokeAsync(http, next));
        app.Use(next => http => keys.InvokeAsync(http, next));
        KeyEndpoints.Map(app);
        OpenAIDoor.Map(app);
        OllamaDoor.Map(app);
        TasksDoor.Map(app);
        LlmTasksDoor.Map(app);
        TeleportDoor.Map(app);
        app.Services.GetRequiredService<TaskSockets>().IsStillGood = keys.IsGood;
        foreach (var prefix in AndyDoor.Prefixes)
        {
            var andy = app.MapGroup(prefix);
            ((IEndpointConventionBuilder)andy).WithMetadata(OpenToStrangers.Mark);
            OpenAIDoor.MapAnswers(andy);
            AndyDoor.Map(andy);
        }

        AndyEndpoints.Map(app);
        TaskAgentEndpoints.Map(app);
        TeleportEndpoints.Map(app);
        HealthEndpoints.Map(app);
        MetricsEndpoint.Map(app);
        DashboardEndpoints.Map(app);
        LetOverviewSeeAll(app.Services, keys);
        OpenApiEndpoint.Map(app);
        var link = app.MapGroup("");
        ((IEndpointConventionBuilder)link).Add(OpenToHosts);
        link.MapHostLink();
    }

    // What the dashboard shows of other slices, which it does not know.
    private static void LetOverviewSeeAll(IServiceProvider services, KeyCheck keys)
    {
        services.GetRequiredService<OverviewFeed>().IsStillGood = keys.IsGood;
        var overview = services.GetRequiredService<OverviewMaker>();
        overview.CountHosts = services.GetRequiredService<HostViews>().CountByState;
        overview.Loops = [.. services.GetServices<BackgroundLoop>()];
    }

    // Hosts have no client's key: each call is signed with the host's own, and the link checks that itself.
    private static void OpenToHosts(EndpointBuilder endpoint)
    {
        if (
            endpoint is RouteEndpointBuilder { RoutePattern.RawText: { } path }
            && path.StartsWith("/host/", StringComparison.Ordinal)
        )
        {
            endpoint.Metadata.Add(OpenToAll.Mark);
        }
    }

    private static bool IsFromHere(HttpContext http) =>
        http.Connection.RemoteIpAddress is { } address && IPAddress.IsLoopback(address);

    private static void Listen(KestrelServerOptions kestrel, GatewayOptions options)
    {
        kestrel.AddServerHeader = false;
        kestrel.AllowAlternateSchemes = options.TrustedProxies.Count > 0; // haproxy says "https" over clear HTTP/2: its client's.
        var limits = kestrel.Limits;
        limits.MaxRequestBodySize = options.MaxBodyBytes;
        limits.MaxConcurrentConnections = options.MaxConnections;
        limits.MaxRequestHeaderCount = 100;
        limits.MaxRequestHeadersTotalSize = 32 * 1024;
        limits.MinResponseDataRate = null; // A stream is as slow as its model, and a reader may be slower.
        limits.Http2.InitialConnectionWindowSize = 1024 * 1024;
        limits.Http2.InitialStreamWindowSize = 768 * 1024;
        foreach (var url in options.Urls)
        {
            Bind(kestrel, url, HttpProtocols.Http1);
        }

        foreach (var url in options.DoorUrls)
        {
            Bind(kestrel, url, HttpProtocols.Http1);
        }

        if (options.LinkUrl is { } link)
        {
            Bind(kestrel, link, HttpProtocols.Http2); // Without TLS one port cannot speak both.
        }
    }

    private static void Bind(KestrelServerOptions kestrel, string url, HttpProtocols protocols)
    {
        var address = BindingAddress.Parse(url);
        void Configure(ListenOptions listen) => listen.Protocols = protocols;
        if (address.Scheme != "http")
        {
            throw new NotSupportedException($"\"{url}\" is not served: only http:// is; put TLS in front.");
        }

        if (IPAddress.TryParse(address.Host.Trim('[', ']'), out var ip))
        {
            kestrel.Listen(ip, address.Port, Configure);
        }
        else if (address.Host == "localhost")
        {
            kestrel.ListenLocalhost(address.Port, Configure);
        }
        else
        {
            kestrel.ListenAnyIP(address.Port, Configure);
        }
    }

    /// <summary>The executable hears signals and says when to stop.</summary>
    private sealed class CallersLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
