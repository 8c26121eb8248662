using Pollard.Tasks.Dispatch;

namespace Pollard.Tasks.Watching;

/// <summary>When each host was here since the engine's start, and how its tries ended. Used under the engine's lock.</summary>
internal sealed class HostLedgers(TimeProvider time)
{
    private const int Most = 20_000;
    private const int MostConnections = 20;
    private readonly Dictionary<string, Ledger> _ledgers = new(StringComparer.Ordinal);

    public HostHistory? Of(string hostId) =>
        _ledgers.TryGetValue(hostId, out var ledger)
            ? new HostHistory(
                ledger.Completed,
                ledger.Failed,
                ledger.Lost,
                [.. ledger.Connections.AsEnumerable().Reverse()]
            )
            : null;

    public void Came(DispatchHost host)
    {
        if (Find(host.Id) is not { } ledger)
        {
            return;
        }

        if (ledger.Connections.Count == MostConnections)
        {
            ledger.Connections.RemoveAt(0);
        }

        ledger.Connections.Add(new HostConnection(host.ConnectedAt, null, host.Description.Carrier, null));
    }

    public void Left(DispatchHost host, string reason)
    {
        if (
            Find(host.Id)?.Connections is { } connections
            && connections.FindLastIndex(connection => connection.Ended is null && connection.Began == host.ConnectedAt)
                is >= 0
                    and var at
        )
        {
            connections[at] = connections[at] with { Ended = time.GetUtcNow(), Reason = reason };
        }
    }

    public void Ended(string hostId, string outcome)
    {
        if (Find(hostId) is not { } ledger)
        {
            return;
        }

        ledger.Completed += outcome == "completed" ? 1 : 0;
        ledger.Failed += outcome is "failed" or "timed_out" ? 1 : 0;
        ledger.Lost += outcome is "lost" or "interrupted" ? 1 : 0;
    }

    private Ledger? Find(string hostId)
    {
        if (!_ledgers.TryGetValue(hostId, out var ledger))
        {
            if (_ledgers.Count >= Most)
            {
                return null; // Hosts that came by once with another name each time must not fill the memory.
            }

            _ledgers.Add(hostId, ledger = new Ledger());
        }

        return ledger;
    }

    private sealed class Ledger
    {
        public long Completed { get; set; }

        public long Failed { get; set; }

        public long Lost { get; set; }

        public List<HostConnection> Connections { get; } = [];
    }
}
