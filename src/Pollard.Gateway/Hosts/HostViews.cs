using Pollard.Protocol.Api;
using Pollard.Tasks;
using Pollard.Tasks.Dispatch;

namespace Pollard.Gateway.Hosts;

/// <summary>Hosts as admins see them: what the registry keeps, joined with who is connected now.</summary>
internal sealed class HostViews(HostLinkServer server, HostRegistry registry, TaskEngine engine)
{
    /// <summary>The states that a host can be in.</summary>
    public static readonly IReadOnlyList<string> States =
    [
        "online",
        "draining",
        "paused",
        "quarantined",
        "offline",
        "revoked",
    ];

    /// <summary>Hosts by the time of their enrolment, and behind them those that need none.</summary>
    /// <param name="state">Only those in this one of <see cref="States"/>; null: all.</param>
    /// <param name="after">Only those behind the host with this id; null: from the first.</param>
    /// <param name="limit">At most so many.</param>
    /// <returns>Null when there is no host with the id <paramref name="after"/>.</returns>
    public HostList? Page(string? state, string? after, int limit)
    {
        var all = All();
        var begin = after is null
            ? 0
            : 1 + all.FindIndex(host => string.Equals(Id(host), after, StringComparison.Ordinal));
        if (after is not null && begin == 0)
        {
            return null;
        }

        var total = state is null ? all.Count : all.Count(Matches);
        var waiting = engine.Hosts.Waiting();
        var page = all.Skip(begin).Where(Matches).Take(limit + 1).ToList();
        return new HostList(
            [.. page.Take(limit).Select(host => Show(host.Record, host.Online, waiting))],
            total,
            page.Count > limit ? Id(page[limit - 1]) : null
        );

        bool Matches((HostRecord? Record, HostSnapshot? Online) host) =>
            state is null || string.Equals(State(host.Record, host.Online), state, StringComparison.Ordinal);
    }

    /// <summary>One host, which is enrolled or connected.</summary>
    public HostDocument One(string id)
    {
        var online = engine
            .Hosts.List()
            .FirstOrDefault(host => string.Equals(host.Description.Id, id, StringComparison.Ordinal));
        return Show(registry.Find(id), online, engine.Hosts.Waiting());
    }

    /// <summary>One host with when it was here; null when it is neither enrolled nor connected.</summary>
    public HostDocument? Find(string id)
    {
        var isThere =
            registry.Find(id) is not null
            || engine.Hosts.List().Any(host => string.Equals(host.Description.Id, id, StringComparison.Ordinal));
        return isThere
            ? One(id) with
            {
                Sessions =
                [
                    .. (engine.Activity.HistoryOf(id)?.Connections ?? []).Select(static visit => new HostVisit(
                        visit.Began,
                        visit.Ended,
                        visit.Carrier,
                        visit.Reason
                    )),
                ],
            }
            : null;
    }

    /// <summary>How many there are of each sort.</summary>
    public IReadOnlyDictionary<(string State, string? Carrier, string Tier), int> Count() =>
        All()
            .GroupBy(host =>
                (
                    State(host.Record, host.Online),
                    host.Online?.Description.Carrier,
                    TierOf(host.Record, host.Online).ToString().ToLowerInvariant()
                )
            )
            .ToDictionary(static same => same.Key, static same => same.Count());

    /// <summary>How many there are in each state.</summary>
    public IReadOnlyDictionary<string, int> CountByState() =>
        All()
            .CountBy(static host => State(host.Record, host.Online), StringComparer.Ordinal)
            .ToDictionary(StringComparer.Ordinal);

    private List<(HostRecord? Record, HostSnapshot? Online)> All()
    {
        var online = engine.Hosts.List().ToDictionary(host => host.Description.Id, StringComparer.Ordinal);
        var all = new List<(HostRecord?, HostSnapshot?)>();
        foreach (var record in registry.List())
        {
            online.Remove(record.Id, out var snapshot);
            all.Add((record, snapshot));
        }

        all.AddRange(online.Values.Select(local => ((HostRecord?)null, (HostSnapshot?)local)));
        return all;
    }

    private HostDocument Show(HostRecord? record, HostSnapshot? online, WaitingWork waiting)
    {
        var id = Id((record, online));
        var session = online is null ? null : server.Find(id);
        var isFallback = online is null ? record?.Role is "fallback" : online.Description.Role == HostRole.Fallback;
        return new HostDocument
        {
            Id = id,
            Name = online?.Description.Name ?? record?.Name ?? id,
            State = State(record, online),
            Role = isFallback ? "fallback" : "worker",
            Carrier = online?.Description.Carrier,
            Agent = session?.Hello?.Agent ?? record?.Agent,
            Tier = TierOf(record, online),
            Owner = record?.Owner,
            Slots = online?.Description.Slots ?? record?.Slots ?? 0,
            Running = online?.Running ?? 0,
            EnrolledAt = record?.EnrolledAt ?? online?.ConnectedAt ?? default,
            SeenAt = online?.SeenAt ?? record?.SeenAt,
            Models = online?.Description.Models ?? record?.Models ?? [],
            Rates = online is { Rates: { Count: > 0 } rates } ? rates : null,
            Reason = record?.WhyQuarantined ?? online?.Description.Rest?.Reason ?? waiting.WhyIdle(id),
            Reliability = engine.Activity.HistoryOf(id) is { } history and not { Completed: 0, Failed: 0, Lost: 0 }
                ? new HostReliability(history.Completed, history.Failed, history.Lost)
                : null,
            RestsUntil = online?.Description.Rest?.Until,
            ExcludedModels = session?.ExcludedModels is { Count: > 0 } excluded ? excluded : null,
        };
    }

    private static TrustTier TierOf(HostRecord? record, HostSnapshot? online) =>
        online?.Description.Tier ?? record?.Terms.Tier ?? TrustTier.Trusted;

    private static string Id((HostRecord? Record, HostSnapshot? Online) host) =>
        host.Record?.Id ?? host.Online?.Description.Id ?? "";

    private static string State(HostRecord? record, HostSnapshot? online) =>
        record is { Revoked: true } ? "revoked"
        : record is { QuarantinedAt: not null } ? "quarantined"
        : online is null ? "offline"
        : online.Description.Rest is not null ? "paused"
        : online.Draining ? "draining"
        : "online";
}
