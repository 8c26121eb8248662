namespace Pollard.Tasks.Dispatch;

/// <summary>What waits for hosts at one moment, so that each of them can be told why it gets none of it.</summary>
public sealed class WaitingWork
{
    private const int MostClasses = 50; // The most asked for; each host is held against each of them.
    private const int MostReasons = 3;
    private readonly EngineCore _core;
    private readonly int _ready;
    private readonly List<WorkClass> _classes;

    /// <summary>Looks at what waits. The caller holds the engine's lock.</summary>
    internal WaitingWork(EngineCore core)
    {
        _core = core;
        _ready = core.Dispatcher.Ready;
        _classes =
            _ready == 0
                ? []
                :
                [
                    .. core
                        .Dispatcher.Classes.Where(static work => work.Queue.Count > 0)
                        .OrderByDescending(static work => work.Queue.Count)
                        .Take(MostClasses),
                ];
    }

    /// <summary>Why this host gets no work, for its owner; null while it has some, where none waits, and where it rests or is not connected.</summary>
    public string? WhyIdle(string hostId)
    {
        lock (_core.Gate)
        {
            return _core.Dispatcher.Hosts.TryGetValue(hostId, out var host) ? WhyIdle(host) : null;
        }
    }

    private string? WhyIdle(DispatchHost host) =>
        !host.IsReady || host.Rest is not null ? null
        : host.QuarantinedAt is not null ? $"it {DispatchHost.Quarantined}"
        : host.IsDrained ? "it is being drained by an admin of the gateway"
        : host.Slots == 0 ? "it offers no slot"
        : host.Attempts.Count > 0 ? null
        : host.IsSuspended ? "it did not take what it was offered, and gets nothing until it is heard of"
        : host.Models.Count == 0 ? "it has no model to offer"
        : _ready == 0 ? null
        : WhyNot(host);

    private string WhyNot(DispatchHost host)
    {
        var reasons = _classes
            .Select(work => (Count: work.Queue.Count, Reason: WhyNot(host, work)))
            .Append(
                (
                    Count: _ready - _classes.Sum(static work => work.Queue.Count),
                    Reason: "is not the one that began them"
                )
            )
            .Where(static found => found.Count > 0)
            .GroupBy(static found => found.Reason, static found => found.Count, StringComparer.Ordinal)
            .Select(static same => (Reason: same.Key, Count: same.Sum()))
            .OrderByDescending(static found => found.Count)
            .ToList();
        var told = reasons.Take(MostReasons).Select(static found => $"it {found.Reason} ({found.Count})");
        return $"tasks wait, but not for it: {string.Join("; ", told)}{(reasons.Count > MostReasons ? "; ..." : "")}";
    }

    private static string WhyNot(DispatchHost host, WorkClass work) =>
        host.Objection(work.Key.Kind, work.Key.Model, work.Requires)
        ?? (
            work.Key.OnlyFallback && host.Role != HostRole.Fallback ? "has failed them, as other hosts have"
            : !work.IsFor(host) ? "stands in, and other hosts come first"
            : work.Queue.Peek(hostOwner: null, out _) is null
                ? "waits for their clients, who have as much running as they may"
            : host.Classes.ContainsKey(work) && HostChoice.WaitForLoaded(work, host) > TimeSpan.Zero
                ? "would have to load their model, and hosts that have it will be done before"
            : "has failed them, and another host is to try"
        );
}
