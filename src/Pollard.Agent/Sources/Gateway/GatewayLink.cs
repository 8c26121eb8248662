using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Pollard.Agent.Connections;
using Pollard.Agent.Owner;
using Pollard.Agent.Pipeline;
using Pollard.Agent.Retry;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Sources.Gateway;

/// <summary>The agent's connection to its gateway: joins, connects, comes back when a link is lost, and carries the attempts over.</summary>
internal sealed partial class GatewayLink : IWorkSource
{
    private static readonly TimeSpan ConnectWithin = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan GoodAfter = TimeSpan.FromSeconds(10);
    private const double LongestReturnSeconds = 3600;
    private readonly AgentOptions _options;
    private readonly BackendCatalog _catalog;
    private readonly WorkPipeline _pipeline;
    private readonly RestKeeper _rests;
    private readonly AgentMonitor _monitor;
    private readonly Watchdog _watchdog;
    private readonly ILogger _logger;
    private readonly AttemptTable _attempts;
    private readonly RetryRun _retry;
    private readonly HostIdentity? _identity;
    private readonly GatewayClient? _client;
    private readonly string _bootId;
    private LinkSession? _session;
    private CarrierLadder? _ladder;
    private string _network = "";
    private volatile bool _isDraining;
    private bool _isStale; // The gateway may have come back elsewhere.

    public GatewayLink(
        AgentOptions options,
        BackendCatalog catalog,
        WorkPipeline pipeline,
        RestKeeper rests,
        AgentMonitor monitor,
        Watchdog watchdog,
        ILogger<GatewayLink> logger
    )
    {
        (_options, _catalog, _pipeline) = (options, catalog, pipeline);
        (_rests, _monitor, _watchdog, _logger) = (rests, monitor, watchdog, logger);
        _attempts = new AttemptTable(options.Time);
        _retry = RetryPolicy.Reconnect.Start(options.Time, options.Random);
        _bootId = Guid.CreateVersion7(options.Time.GetUtcNow()).ToString("N");
        if (options.Gateway is { } gateway)
        {
            _identity = HostIdentity.Open(options.StateDirectory);
            _client = new GatewayClient(gateway, _identity, options.Time, WayOut.ToServer(options));
        }

        catalog.Changed += SayModels;
        rests.Changed += SayRest;
    }

    /// <inheritdoc/>
    public bool IsDraining => _isDraining;

    /// <inheritdoc/>
    public async Task<AgentExit> RunAsync(CancellationToken ct)
    {
        while (true)
        {
            var (exit, delay) = await ConnectOnceAsync(ct);
            if (exit is not null)
            {
                return exit;
            }

            try
            {
                _watchdog.Expect("gateway link", delay + ConnectWithin);
                await Task.Delay(delay, _options.Time, ct);
            }
            catch (OperationCanceledException)
            {
                return new AgentExit(AgentEnd.Stopped, "the agent was stopped");
            }
        }
    }

    /// <inheritdoc/>
    public async Task DrainAsync(TimeSpan within)
    {
        _isDraining = true;
        Volatile.Read(ref _session)?.SaySlots(0);
        var begun = _options.Time.GetTimestamp();
        await _pipeline.DrainAsync(within);
        var left = within - _options.Time.GetElapsedTime(begun);
        try
        {
            await _attempts.WhenEmptyAsync().WaitAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero, _options.Time);
        }
        catch (TimeoutException)
        {
            LogUndelivered(_logger);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _catalog.Changed -= SayModels;
        _rests.Changed -= SayRest;
        _identity?.Dispose();
    }

    private async Task<(AgentExit? Exit, TimeSpan Delay)> ConnectOnceAsync(CancellationToken ct)
    {
        var isThere = false;
        try
        {
            _watchdog.Expect("gateway link", ConnectWithin);
            await PrepareAsync(ct);
            isThere = true;
            return await TrySessionAsync(_ladder!.Current, ct);
        }
        catch (LinkRefusedException e) when (e.Code is HostSignature.RevokedCode)
        {
            return (new AgentExit(AgentEnd.Revoked, e.Message), default);
        }
        catch (LinkRefusedException e) when (e.Code is HostSignature.UnknownCode && _client is not null)
        {
            // The gateway lost its hosts: join again. Without a token that is refused, and said so.
            return await JoinAgainAsync(e, ct);
        }
        catch (LinkRefusedException e) when (e.Code is HostSignature.StaleCode)
        {
            // The gateway has just started, and this clock is behind: its answer to the next look says by how much.
            LogFailed(_logger, _ladder?.Current.Name ?? "http", e.Message);
            _isStale = true;
            return (null, NextDelay());
        }
        catch (LinkRefusedException e)
        {
            return (new AgentExit(AgentEnd.Refused, e.Message), default);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            return (new AgentExit(AgentEnd.Stopped, "the agent was stopped"), default);
        }
        catch (Exception e)
            when (e is HttpRequestException or IOException or LinkException or OperationCanceledException)
        {
            LogFailed(_logger, isThere ? _ladder!.Current.Name : "http", e.Message);
            _monitor.Unlinked($"no link to the gateway: {e.Message}");
            _isStale = true;
            return (null, isThere && _ladder!.Failed() ? TimeSpan.Zero : NextDelay());
        }
    }

    private async Task PrepareAsync(CancellationToken ct)
    {
        if (_client is not null)
        {
            if (_ladder is null || _isStale)
            {
                await _client.LookUpAsync(ct);
                _isStale = false;
            }

            if (_client.Memory is null)
            {
                await _client.EnrollAsync(_options.Name, _options.JoinToken, ct);
            }
        }

        var network = _client is null ? "" : LocalNetwork.Name();
        if (_ladder is null || network != _network)
        {
            _network = network;
            _ladder = new CarrierLadder(
                Carriers(),
                _client?.Recall(network).Carrier,
                _options.RiseAfter,
                _options.Time
            );
        }

        await _ladder.ChooseAsync(ct);
    }

    private List<ILinkCarrier> Carriers()
    {
        if (_client is null)
        {
            return [new MemoryCarrier(_options.Connect ?? throw new InvalidOperationException("No gateway is given."))];
        }

        return _options.Carrier switch
        {
            AgentCarrier.Http2 => [new Http2Carrier(_client)],
            AgentCarrier.WebSocket => [new SocketLinkCarrier(_client)],
            AgentCarrier.Turn => [new LongPollCarrier(_client)],
            _ => [new Http2Carrier(_client), new SocketLinkCarrier(_client), new LongPollCarrier(_client)],
        };
    }

    private async Task<(AgentExit? Exit, TimeSpan Delay)> JoinAgainAsync(
        LinkRefusedException refusal,
        CancellationToken ct
    )
    {
        LogJoiningAgain(_logger, refusal.Message);
        try
        {
            await _client!.EnrollAsync(_options.Name, _options.JoinToken, ct);
            return (null, NextDelay());
        }
        catch (LinkRefusedException e)
        {
            return (new AgentExit(AgentEnd.Refused, e.Message), default);
        }
        catch (HttpRequestException e)
        {
            LogFailed(_logger, "http", e.Message);
            return (null, NextDelay());
        }
    }

    private async Task<(AgentExit? Exit, TimeSpan Delay)> TrySessionAsync(ILinkCarrier carrier, CancellationToken ct)
    {
        var (hello, models, rest) = MakeHello();
        await using var connection = await carrier.ConnectAsync(hello, ct);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(ct);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(ct);
        using var session = new LinkSession(connection.Link, _attempts, _pipeline, _options.Time, _logger)
        {
            Proven = answer => Begun(carrier, answer, models, rest),
            Told = Hear,
            GivenUp = () => _watchdog.Expect("gateway link", ConnectWithin),
        };
        var rising = RiseAsync(ending, over.Token);
        var begun = _options.Time.GetTimestamp();
        _watchdog.Forget("gateway link"); // The session has its own clock, until it gives up.
        Volatile.Write(ref _session, session);
        var end = await session.RunAsync(ending.Token);
        Volatile.Write(ref _session, null);
        _watchdog.Expect("gateway link", ConnectWithin);
        await over.CancelAsync();
        await ((Task)rising).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (ct.IsCancellationRequested)
        {
            return (new AgentExit(AgentEnd.Stopped, "the agent was stopped"), default);
        }

        LogEnded(_logger, end.Reason);
        _monitor.Unlinked($"the link to the gateway ended: {end.Reason}");
        var age = _options.Time.GetElapsedTime(begun);
        if (end.IsProven && age >= GoodAfter)
        {
            _retry.Succeeded(); // Not sooner: a link that breaks as soon as it stands is no success.
        }
        else if (end.IsProven)
        {
            _retry.Lasted(age); // A gateway that crashes twice within seconds must not lose its hosts for a minute.
        }

        return ending.IsCancellationRequested && end.GoAway is null ? (null, TimeSpan.Zero) : Next(end, age);
    }

    /// <summary>Ends the session when a better carrier gets through; what runs goes on over that one.</summary>
    private async Task RiseAsync(CancellationTokenSource session, CancellationToken over)
    {
        await _ladder!.RiseAsync(over);
        LogRises(_logger, _ladder.Current.Name);
        await session.CancelAsync();
    }

    /// <summary>A link that stood and was cut by neither end: something on the way does such things.</summary>
    private void LearnFromCut(SessionEnd end, TimeSpan age)
    {
        _ladder!.Cut(age);
        _client?.Remember(_client.Recall(_network).CutAfter(end.Quiet));
    }

    private TimeSpan NextDelay() => _retry.Next() ?? throw new UnreachableException("A link is tried for ever.");

    private (AgentExit? Exit, TimeSpan Delay) Next(SessionEnd end, TimeSpan age)
    {
        switch (end.GoAway)
        {
            case { Code: "revoked" } goAway:
                return (new AgentExit(AgentEnd.Revoked, goAway.Reason), default);
            case { Code: "replaced" } goAway:
                return (
                    new AgentExit(
                        AgentEnd.Replaced,
                        $"{goAway.Reason}; another agent uses the key in {_options.StateDirectory}"
                    ),
                    default
                );
            case { ReconnectSeconds: null } goAway:
                return (new AgentExit(AgentEnd.Refused, goAway.Reason), default);
            case { Code: "draining", ReconnectSeconds: { } seconds }:
                return (null, _retry.Within(TimeSpan.FromSeconds(Math.Clamp(seconds, 0, LongestReturnSeconds))));
            case null when end.IsProven:
                LearnFromCut(end, age);
                return (null, NextDelay());
            default:
                return (null, !end.IsProven && _ladder!.Failed() ? TimeSpan.Zero : NextDelay());
        }
    }

    private void Begun(ILinkCarrier carrier, Messages.HelloOk answer, IReadOnlyList<ModelInfo>? models, AgentRest? rest)
    {
        LogConnected(_logger, carrier.Name, answer.SessionEpoch);
        _monitor.Linked(carrier.Name);
        _ladder!.Proven();
        _client?.Remember(_client.Recall(_network) with { Carrier = carrier.Name });
        if (!ReferenceEquals(models, _catalog.Models)) // Not all of it fitted, or there is news since the hello was written.
        {
            SayModels();
        }

        if (_rests.Now is var now && now != rest)
        {
            SayRest(now); // It changed after the hello was made, and before there was anybody to tell.
        }

        if (_isDraining)
        {
            Volatile.Read(ref _session)?.SaySlots(0);
        }
    }

    /// <summary>What the gateway says of the host is for its owner.</summary>
    private void Hear(Messages.Config config)
    {
        _monitor.Hear(config);
        if (config.ExcludedModels is { Count: > 0 } excluded)
        {
            LogExcluded(_logger, string.Join(", ", excluded));
        }

        if (config.WhyIdle is { Length: > 0 } why)
        {
            LogIdle(_logger, why);
        }
    }

    private void SayRest(AgentRest? rest) => Volatile.Read(ref _session)?.SayRest(Written(rest));

    private Messages.Rest Written(AgentRest? rest) =>
        rest is null
            ? new Messages.Rest("none", "", null)
            : new Messages.Rest(
                rest.Cause,
                rest.Reason,
                rest.Until is { } until ? Math.Max(0, (until - _options.Time.GetUtcNow()).TotalSeconds) : null
            );

    private void SayModels() => Volatile.Read(ref _session)?.SayModels(_catalog.Models);
}
