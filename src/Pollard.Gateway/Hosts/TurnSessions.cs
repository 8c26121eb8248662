using System.Collections.Concurrent;

namespace Pollard.Gateway.Hosts;

/// <summary>The sessions of carrier C, by the names that requests give them.</summary>
internal sealed class TurnSessions(HostLinkServer server)
{
    // A host that comes too late is told that its session has ended, and why if it fetches the last words.
    private static readonly TimeSpan RememberFor = TimeSpan.FromSeconds(30);
    private readonly ConcurrentDictionary<string, TurnSession> _sessions = new(StringComparer.Ordinal);

    /// <summary>Why a host may not begin one now; null when it may.</summary>
    public string? Refusal(string hostId) => server.Arrivals.Refusal(hostId);

    /// <summary>Begins a session.</summary>
    public TurnSession Open(LinkPeer peer)
    {
        var session = new TurnSession(server, peer);
        _sessions[session.Session.Id] = session;
        _ = ForgetInTimeAsync(session); // Ends with the session, throws nothing.
        return session;
    }

    /// <summary>A host's session, or null: nobody uses another's.</summary>
    public TurnSession? Find(string? id, string hostId) =>
        id is not null
        && _sessions.TryGetValue(id, out var session)
        && string.Equals(session.Session.Peer.HostId, hostId, StringComparison.Ordinal)
            ? session
            : null;

    private async Task ForgetInTimeAsync(TurnSession session)
    {
        await session.Running;
        await Task.Delay(RememberFor, server.Time, CancellationToken.None); // It holds nothing but a little memory.
        _sessions.TryRemove(session.Session.Id, out _);
    }
}
