using System.Collections.Concurrent;
using System.IO.Pipelines;
using Microsoft.Extensions.Logging;
using Pollard.Protocol.HostLink;
using Pollard.Tasks;
using Pollard.Tasks.Dispatch;

namespace Pollard.Gateway.Hosts;

/// <summary>All links of the gateway, whatever carries them. Ends them in good order when the gateway stops.</summary>
public sealed partial class HostLinkServer : IAsyncDisposable
{
    private const double ReturnsPerSecond = 1000;
    private const int PingsPerSecond = 200; // To all idle hosts together: with their echoes about one per cent of a core.
    private const int IdleStepSeconds = 5; // Hosts that come and go must not change it all the time.
    private static readonly TimeSpan TickEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan TickWithin = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan DrainWithin = TimeSpan.FromSeconds(5);
    private readonly ConcurrentDictionary<HostSession, Task> _sessions = new();
    private readonly ConcurrentDictionary<string, HostSession> _newest = new(StringComparer.Ordinal);
    private readonly ITimer _ticker;
    private long _idleHeartbeatTicks = LinkLimits.HeartbeatInterval.Ticks;

    internal HostLinkServer(TaskEngine engine, HostRegistry registry, TimeProvider time, ILogger<HostLinkServer> logger)
    {
        (Engine, Registry, Time, Logger) = (engine, registry, time, logger);
        Arrivals = new Arrivals(time);
        Loop = new BackgroundLoop("host_links", TickWithin, TickEvery, time);
        _ticker = time.CreateTimer(static server => ((HostLinkServer)server!).Tick(), this, TickEvery, TickEvery);
    }

    internal TaskEngine Engine { get; }

    internal Arrivals Arrivals { get; }

    internal BackgroundLoop Loop { get; }

    internal HostRegistry Registry { get; }

    internal TimeProvider Time { get; }

    internal ILogger Logger { get; }

    /// <summary>True when the gateway takes no more hosts.</summary>
    internal bool IsDraining { get; private set; }

    /// <summary>Over how many seconds the hosts should spread when they all come back at once.</summary>
    internal double ReconnectSeconds => Math.Clamp(_sessions.Count / ReturnsPerSecond, 1, 64);

    /// <summary>How often an idle host hears a ping: the seldomer the more hosts there are.</summary>
    internal TimeSpan IdleHeartbeat => TimeSpan.FromTicks(Volatile.Read(ref _idleHeartbeatTicks));

    /// <summary>Opens a link for an agent in this process; the agent gets this end.</summary>
    public IDuplexPipe Open(LinkPeer peer)
    {
        var (gateway, agent) = MemoryLink.Create();
        _ = ServeAsync(gateway, peer, CancellationToken.None); // Lives until either end closes it; DrainAsync waits for it.
        return agent;
    }

    /// <summary>Serves one link until it ends. The caller has made sure who the peer is.</summary>
    public Task ServeAsync(IDuplexPipe link, LinkPeer peer, CancellationToken cancellationToken) =>
        ServeAsync(new HostSession(this, link, peer), cancellationToken);

    /// <summary>Tells every host that the gateway goes and when to come back, and closes the links.</summary>
    public async Task DrainAsync()
    {
        IsDraining = true;
        var running = _sessions.ToArray();
        foreach (var (session, _) in running)
        {
            session.Close("draining", "the gateway is being stopped");
        }

        try
        {
            await Task.WhenAll(running.Select(pair => pair.Value)).WaitAsync(DrainWithin, Time);
        }
        catch (TimeoutException)
        {
            // They are told; who does not read is cut off by the server's own end.
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await DrainAsync();
        await _ticker.DisposeAsync();
    }

    /// <summary>Starts a session and keeps its end where <see cref="DrainAsync"/> finds it.</summary>
    internal Task ServeAsync(HostSession session, CancellationToken ct)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _sessions[session] = done.Task;
        return RunAsync();

        async Task RunAsync()
        {
            try
            {
                await session.RunAsync(ct);
            }
            finally
            {
                _sessions.TryRemove(session, out _);
                _newest.TryRemove(new(session.Peer.HostId, session));
                done.SetResult();
            }
        }
    }

    /// <summary>The newest session of a host, or null.</summary>
    internal HostSession? Find(string hostId) => _newest.GetValueOrDefault(hostId);

    /// <summary>Gives a connected host no more work, or work again if it is not quarantined, and tells it so. False when it is not connected.</summary>
    internal bool HoldBack(string hostId, bool draining, TimeSpan? deadline = null)
    {
        var quarantinedAt = Registry.Find(hostId)?.QuarantinedAt;
        Engine.Hosts.SetQuarantined(hostId, quarantinedAt);
        var isOnline = Engine.Hosts.SetDraining(hostId, draining);
        if (draining || quarantinedAt is not null)
        {
            Find(hostId)?.SayDraining(deadline);
        }
        else
        {
            Find(hostId)?.SayResumed();
        }

        return isOnline;
    }

    /// <summary>The session's hello was taken: <see cref="Find"/> finds it until it ends, or until a newer one is there.</summary>
    internal void Joined(HostSession session) =>
        _newest.AddOrUpdate(
            session.Peer.HostId,
            static (_, joined) => joined,
            static (_, other, joined) => other.Epoch > joined.Epoch ? other : joined,
            session
        );

    /// <summary>How often idle hosts should hear a ping when there are so many.</summary>
    internal static TimeSpan IdleHeartbeatOf(int hosts)
    {
        var steps = Math.Ceiling(hosts / (double)(PingsPerSecond * IdleStepSeconds));
        var seconds = TimeSpan.FromSeconds(steps * IdleStepSeconds);
        return seconds < LinkLimits.HeartbeatInterval ? LinkLimits.HeartbeatInterval
            : seconds > LinkLimits.IdleHeartbeatMost ? LinkLimits.IdleHeartbeatMost
            : seconds;
    }

    private void Tick()
    {
        Loop.Begin();
        Arrivals.Forget();
        WaitingWork? waiting = null; // One look for all whose turn it is.
        Volatile.Write(ref _idleHeartbeatTicks, IdleHeartbeatOf(_sessions.Count).Ticks);
        foreach (var (session, _) in _sessions)
        {
            try
            {
                session.Tick(() => waiting ??= Engine.Hosts.Waiting());
            }
            catch (Exception e) // One link's fault must not end what looks after all of them.
            {
                LogTickFailed(Logger, e, session.Peer.HostId);
            }
        }

        Loop.End();
    }

    [LoggerMessage(Level = LogLevel.Critical, Message = "Looking after the link of host {HostId} failed")]
    private static partial void LogTickFailed(ILogger logger, Exception exception, string hostId);
}
