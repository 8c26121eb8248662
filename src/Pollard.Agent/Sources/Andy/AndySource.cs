using System.Net;
using Microsoft.Extensions.Logging;
using Pollard.Agent.Backends.Http;
using Pollard.Agent.Connections;
using Pollard.Agent.Owner;
using Pollard.Agent.Pipeline;
using Pollard.Agent.Retry;

namespace Pollard.Agent.Sources.Andy;

/// <summary>
/// Work from a server of the Andy pool, in the words of that pool's own clients: finds out which of them the server speaks,
/// joins, and comes back when it is away.
/// </summary>
internal sealed partial class AndySource : IWorkSource
{
    private static readonly string[] Prefixes = ["/api/andy", "/api"];
    private static readonly TimeSpan LookWithin = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan GoodAfter = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(10); // However long a server asks for.
    private readonly Uri _server;
    private readonly AgentMonitor _monitor;
    private readonly ILogger _logger;
    private readonly AndyHttp _http;
    private readonly AndyMember _member;
    private readonly RetryRun _retry;
    private IAndyWay? _way;

    public AndySource(
        Uri server,
        AgentOptions options,
        BackendCatalog catalog,
        WorkPipeline pipeline,
        RestKeeper rests,
        AgentMonitor monitor,
        Watchdog watchdog,
        ILogger<AndySource> logger
    )
    {
        (_server, _monitor, _logger) = (server, monitor, logger);
        _http = new AndyHttp(options.Time, WayOut.ToServer(options));
        _member = new AndyMember(options, catalog, pipeline, rests, monitor, watchdog, logger);
        _retry = RetryPolicy.Reconnect.Start(options.Time, options.Random);
    }

    /// <inheritdoc/>
    public bool IsDraining => _member.Draining.IsCancellationRequested;

    /// <inheritdoc/>
    public async Task<AgentExit> RunAsync(CancellationToken ct)
    {
        try
        {
            while (true)
            {
                await UntilWillingAsync(ct);
                if (await TryAsync(ct) is { } delay)
                {
                    _member.Expect(delay);
                    await Task.Delay(delay, _member.Time, ct);
                }
            }
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            return new AgentExit(AgentEnd.Stopped, "the agent was stopped");
        }
        catch (AndyException e)
        {
            return new AgentExit(AgentEnd.Refused, e.Message);
        }
    }

    /// <inheritdoc/>
    public async Task DrainAsync(TimeSpan within)
    {
        await _member.DrainAsync(within);
        await (Volatile.Read(ref _way)?.LeaveAsync() ?? Task.CompletedTask);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _member.Dispose();
        _http.Dispose();
    }

    /// <summary>Waits while the machine is to rest, or has nothing to offer.</summary>
    private async Task UntilWillingAsync(CancellationToken ct)
    {
        while (_member.ChangedAsync() is var changed && (!_member.IsWilling || _member.Models.Count == 0))
        {
            _member.Expect(LookAgain);
            await Task.WhenAny(changed, Task.Delay(LookAgain, _member.Time, ct));
            ct.ThrowIfCancellationRequested();
        }
    }

    /// <summary>Joins and works; how long to wait for the next try, or null when the owner ended it.</summary>
    private async Task<TimeSpan?> TryAsync(CancellationToken ct)
    {
        var begun = _member.Time.GetTimestamp();
        string reason;
        TimeSpan? askedFor = null;
        try
        {
            if (_way is null)
            {
                _member.Expect(LookWithin * (Prefixes.Length + 1));
                Volatile.Write(ref _way, await FindAsync(ct));
            }

            await _way.RunAsync(ct);
            _monitor.Unlinked("it has left the pool for a while");
            return null;
        }
        catch (AndyException e) when (!e.IsRefused)
        {
            // Another kind of server may come up at this address.
            Volatile.Write(ref _way, null);
            reason = e.Message;
        }
        catch (Exception e) when (RetryPolicy.IsTransient(e))
        {
            reason = e.Message;
            askedFor = (e as AndyBusyException)?.RetryAfter;
            if (_member.Time.GetElapsedTime(begun) >= GoodAfter)
            {
                _retry.Succeeded();
            }
        }

        LogLost(_logger, reason);
        _monitor.Unlinked($"no work from the pool: {reason}");
        return _retry.Next(askedFor > LongestPause ? LongestPause : askedFor)
            ?? throw new System.Diagnostics.UnreachableException("A pool is tried for ever.");
    }

    /// <summary>Which way the server has: what its address says, else what answers there.</summary>
    private async Task<IAndyWay> FindAsync(CancellationToken ct)
    {
        var isSocket =
            _server.Scheme is "ws" or "wss" || _server.AbsolutePath.EndsWith("/ws", StringComparison.Ordinal);
        if (isSocket)
        {
            return Socket(_server);
        }

        if (_server.AbsolutePath.Length > 1)
        {
            return Polls(_server);
        }

        foreach (var prefix in Prefixes)
        {
            var root = new Uri(_server, prefix);
            var reply = await _http.GetAsync(new Uri(_server, $"{prefix}/pool_status"), LookWithin, ct);
            if (IsPool(reply))
            {
                return Polls(root);
            }

            if (RetryPolicy.IsTransient(reply.Status))
            {
                throw new HttpRequestException($"the server answers {(int)reply.Status}", null, reply.Status);
            }
        }

        return Socket(new Uri(_server, "/ws"));
    }

    // Where keys are asked for, who only looks is shown out in JSON; what is not there is a 404, or a page.
    private static bool IsPool(AndyReply reply) =>
        reply.Status is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden
            ? reply.Body is not null
            : reply.IsGood && reply.Body?.Member("hosts") is not null;

    private AndyPolls Polls(Uri root) => new(root, _member, _http, _logger);

    private AndySocket Socket(Uri address)
    {
        var builder = new UriBuilder(address) { Port = address.IsDefaultPort ? -1 : address.Port };
        builder.Scheme = address.Scheme is "https" or "wss" ? Uri.UriSchemeWss : Uri.UriSchemeWs;
        return new AndySocket(builder.Uri, _member, _http, _logger);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "No work from the pool: {Reason}")]
    private static partial void LogLost(ILogger logger, string reason);
}
