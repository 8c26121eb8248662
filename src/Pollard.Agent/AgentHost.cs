using Microsoft.Extensions.Logging;
using Pollard.Agent.Backends;
using Pollard.Agent.Pipeline;
using Pollard.Agent.Sources.Gateway;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent;

/// <summary>An agent: takes work from its gateway, runs it on its backends, and delivers what comes of it.</summary>
public sealed class AgentHost(AgentOptions options, IReadOnlyList<IBackend> backends, ILoggerFactory loggers)
{
    /// <summary>Works until <paramref name="cancellationToken"/> asks it to stop (it then finishes and delivers what runs), or until the gateway wants it no more.</summary>
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
        using var pipeline = new WorkPipeline(
            catalog,
            new RequestLimits(options.Limits),
            options.Slots,
            options.Time,
            loggers.CreateLogger<WorkPipeline>()
        );
        using var link = new GatewayLink(options, catalog, pipeline, watchdog, loggers.CreateLogger<GatewayLink>());
        using var ending = new CancellationTokenSource(); // Not linked: a stop drains first.
        watchdog.Start();
        try
        {
            await catalog.RefreshAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            return new AgentExit(AgentEnd.Stopped, "the agent was stopped");
        }

        var discovering = catalog.RunAsync(watchdog, ending.Token);
        var linked = link.RunAsync(ending.Token);
        await WaitForStopAsync(linked, cancellationToken);
        await link.DrainAsync(linked.IsCompleted ? TimeSpan.Zero : options.DrainWithin);
        await ending.CancelAsync();
        await discovering.ContinueWith(
            static _ => { }, // It ends by its token, and has nothing to say then.
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default
        );
        return await linked;
    }

    private static async Task WaitForStopAsync(Task linked, CancellationToken ct)
    {
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = ct.Register(
            static source => ((TaskCompletionSource)source!).TrySetResult(),
            stopped
        );
        await Task.WhenAny(linked, stopped.Task);
    }

    private void Check()
    {
        if (options.Slots is < 0 or > LinkLimits.Slots)
        {
            throw new InvalidOperationException($"An agent has 0 to {LinkLimits.Slots} slots, not {options.Slots}.");
        }

        if (options.Gateway is null == options.Connect is null)
        {
            throw new InvalidOperationException(
                "An agent needs the address of a gateway, or a gateway in the same process."
            );
        }
    }
}
