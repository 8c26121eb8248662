using Microsoft.Extensions.Logging;
using Pollard.Agent.Backends;
using Pollard.Agent.Logs;
using Pollard.Agent.Owner;
using Pollard.Agent.Pipeline;
using Pollard.Agent.Sources;
using Pollard.Agent.Sources.Andy;
using Pollard.Agent.Sources.Gateway;
using Pollard.Agent.Sources.TaskServers;
using Pollard.Agent.Sources.TaskServers.Small;
using Pollard.Agent.Sources.TaskServers.Teleport;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent;

/// <summary>An agent: takes work from whom it works for, runs it on its backends, and delivers what comes of it.</summary>
public sealed class AgentHost(AgentOptions options, IReadOnlyList<IBackend> backends, ILoggerFactory loggers)
{
    private const double LongestPauseSeconds = 365 * 24 * 3600;

    /// <summary>Requests to a task server at the same time, at the most.</summary>
    public const int MostConnections = 64;

    /// <summary>Days for which files of measurements and of the log are kept, at the most.</summary>
    public const int MostKeepDays = 3650;

    private Func<AgentStatus>? _look;

    /// <summary>What it is doing; null before it began and after it ended.</summary>
    public AgentStatus? Look() => Volatile.Read(ref _look)?.Invoke();

    /// <summary>Works until <paramref name="cancellationToken"/> asks it to stop (it then finishes and delivers what runs), or until the other end wants it no more.</summary>
    /// <exception cref="InvalidOperationException">The options make no sense; the message says what to change.</exception>
    public async Task<AgentExit> RunAsync(CancellationToken cancellationToken)
    {
        Check();
        using var catalog = new BackendCatalog(
            backends,
            options.Limits,
            options.Time,
            loggers.CreateLogger<BackendCatalog>()
        );
        using var watchdog = new Watchdog(options.Time, options.Stuck);
        await using var log = options.LogFiles?.Begin(watchdog, loggers.CreateLogger<LogFiles>());
        await using var metrics = MetricsLog.Begin(options, watchdog, loggers.CreateLogger<MetricsLog>());
        using var rests = new RestKeeper(options, loggers.CreateLogger<RestKeeper>());
        var monitor = new AgentMonitor(options);
        using var pipeline = new WorkPipeline(
            catalog,
            new RequestLimits(options.Limits),
            monitor,
            options.Slots,
            options.Time,
            loggers.CreateLogger<WorkPipeline>()
        );
        rests.Changed += pipeline.SetRest;
        if (options.WhenIdleGrace is { } grace)
        {
            rests.Changed += rest => pipeline.SetInUse(rest?.Cause == AgentRest.InUse, grace);
        }

        pipeline.SetRest(rests.Now);
        using var source = SourceOf(catalog, pipeline, rests, monitor, watchdog);
        Volatile.Write(
            ref _look,
            () =>
                monitor.Look(
                    [.. catalog.Models.Select(model => model.Name)],
                    rests.Now,
                    pipeline.Slots,
                    source.IsDraining
                ) with
                {
                    Tasks = source.Tasks,
                }
        );
        watchdog.Start();
        try
        {
            return await RunAsync(catalog, source, rests, watchdog, cancellationToken);
        }
        finally
        {
            Volatile.Write(ref _look, null);
        }
    }

    private async Task<AgentExit> RunAsync(
        BackendCatalog catalog,
        IWorkSource source,
        RestKeeper rests,
        Watchdog watchdog,
        CancellationToken ct
    )
    {
        using var ending = new CancellationTokenSource(); // Not linked: a stop drains first.
        using var control = OpenControl(request => Do(request, rests, source));
        var controlled = control?.RunAsync(options.Time, watchdog, ending.Token) ?? Task.CompletedTask;
        try
        {
            await catalog.RefreshAsync(ct);
        }
        catch (OperationCanceledException)
        {
            await ending.CancelAsync();
            await controlled;
            return new AgentExit(AgentEnd.Stopped, "the agent was stopped");
        }

        var discovering = catalog.RunAsync(watchdog, ending.Token);
        var working = source.RunAsync(ending.Token);
        await WaitForStopAsync(working, ct);
        await source.DrainAsync(working.IsCompleted ? TimeSpan.Zero : options.DrainWithin);
        await ending.CancelAsync();
        await controlled;
        await discovering.ContinueWith(
            static _ => { }, // It ends by its token, and has nothing to say then.
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default
        );
        return await working;
    }

    private IWorkSource SourceOf(
        BackendCatalog catalog,
        WorkPipeline pipeline,
        RestKeeper rests,
        AgentMonitor monitor,
        Watchdog watchdog
    ) =>
        options switch
        {
            { Teleport: { } server } => TaskSource(
                server,
                new TaskStage(options, catalog, pipeline, rests, watchdog),
                (http, stage) =>
                    new TeleportServer(
                        server,
                        http,
                        stage,
                        [.. backends.OfType<HttpToolBackend>()],
                        loggers.CreateLogger<TeleportServer>()
                    ),
                rests,
                monitor
            ),
            { Server: { } server } => TaskSource(
                server,
                new TaskStage(options, catalog, pipeline, rests, watchdog),
                (http, stage) => new SmallTaskServer(server, http, stage.Catalog),
                rests,
                monitor
            ),
            { Andy: { } server } => new AndySource(
                server,
                options,
                catalog,
                pipeline,
                rests,
                monitor,
                watchdog,
                loggers.CreateLogger<AndySource>()
            ),
            _ => new GatewayLink(
                options,
                catalog,
                pipeline,
                rests,
                monitor,
                watchdog,
                loggers.CreateLogger<GatewayLink>()
            ),
        };

    private TaskServerSource TaskSource(
        Uri server,
        TaskStage stage,
        Func<TaskServerHttp, TaskStage, ITaskServer> contract,
        RestKeeper rests,
        AgentMonitor monitor
    ) => new(server, http => contract(http, stage), stage, rests, monitor, loggers.CreateLogger<TaskServerSource>());

    private ControlSocket? OpenControl(Func<ControlRequest, ControlReply> answer) =>
        options.HasControl
            ? ControlSocket.Open(options.StateDirectory, answer, loggers.CreateLogger<ControlSocket>())
            : null;

    private ControlReply Do(ControlRequest request, RestKeeper rests, IWorkSource source)
    {
        switch (request)
        {
            case { Command: "pause", Seconds: null or (> 0 and <= LongestPauseSeconds) }:
                rests.Pause(request.Seconds is { } seconds ? TimeSpan.FromSeconds(seconds) : null);
                break;
            case { Command: "pause" }:
                return new ControlReply(null, "a pause is longer than nothing and at most a year");
            case { Command: "resume" }:
                rests.Resume();
                break;
            case { Command: "pool_size", Size: not (>= 1 and <= LinkLimits.Slots) }:
                return new ControlReply(null, $"a pool has 1 to {LinkLimits.Slots} processors");
            case { Command: "pool_size", Size: { } size } when !source.TryResize(size):
                return new ControlReply(
                    null,
                    "it has told its slots to whom it works for; start it again with --slots"
                );
            case { Command: "pool_size" }:
                break;
            case { Command: not "status" }:
                return new ControlReply(null, "there is no such command; update the older of the two programs");
        }

        return Look() is { } status ? new ControlReply(status, null) : new ControlReply(null, "it is ending");
    }

    private static async Task WaitForStopAsync(Task working, CancellationToken ct)
    {
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = ct.Register(
            static source => ((TaskCompletionSource)source!).TrySetResult(),
            stopped
        );
        await Task.WhenAny(working, stopped.Task);
    }

    private void Check()
    {
        if (options.Slots is < 0 or > LinkLimits.Slots)
        {
            throw new InvalidOperationException($"An agent has 0 to {LinkLimits.Slots} slots, not {options.Slots}.");
        }

        object?[] others = [options.Gateway, options.Connect, options.Andy, options.Server, options.Teleport];
        if (others.Count(static other => other is not null) != 1)
        {
            throw new InvalidOperationException(
                "An agent works for one: a gateway by its address or in the same process, an Andy server, or a task server."
            );
        }

        if (options.MetricsKeepDays is < 1 or > MostKeepDays)
        {
            throw new InvalidOperationException($"Files are kept for 1 to {MostKeepDays} days.");
        }

        if (
            (options.Server ?? options.Teleport) is not null
            && (options.Slots == 0 || options.MaxConnections is < 1 or > MostConnections)
        )
        {
            throw new InvalidOperationException(
                $"An agent of a task server has at least one slot, and 1 to {MostConnections} connections."
            );
        }
    }
}
