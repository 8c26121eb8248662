using System.Text.Json;

namespace Pollard.Protocol.Api;

/// <summary>A host as <c>GET /v1/hosts</c> shows it.</summary>
public sealed record HostDocument
{
    /// <summary>The id that enrolment gave.</summary>
    public required string Id { get; init; }

    /// <summary>What people call it.</summary>
    public required string Name { get; init; }

    /// <summary><c>online</c>, <c>draining</c>, <c>paused</c> (by its owner), <c>quarantined</c>, <c>offline</c> or <c>revoked</c>.</summary>
    public required string State { get; init; }

    /// <summary>Why it gets no work, for people; absent while it has some, or is not there; of a quarantined one it is there always.</summary>
    public string? Reason { get; init; }

    /// <summary>When a paused one will take work again; absent: nobody knows.</summary>
    public DateTimeOffset? RestsUntil { get; init; }

    /// <summary><c>worker</c> or <c>fallback</c>.</summary>
    public required string Role { get; init; }

    /// <summary><c>h2</c>, <c>ws</c>, <c>turn</c> or <c>memory</c>; absent when offline.</summary>
    public string? Carrier { get; init; }

    /// <summary>The agent's program and version.</summary>
    public string? Agent { get; init; }

    /// <summary>How far it is trusted.</summary>
    public TrustTier Tier { get; init; }

    /// <summary>Whose it is, as the join token said.</summary>
    public string? Owner { get; init; }

    /// <summary>Attempts it runs at the most.</summary>
    public required int Slots { get; init; }

    /// <summary>Attempts it runs now.</summary>
    public required int Running { get; init; }

    /// <summary>When it was enrolled.</summary>
    public required DateTimeOffset EnrolledAt { get; init; }

    /// <summary>When anything was last heard of it.</summary>
    public DateTimeOffset? SeenAt { get; init; }

    /// <summary>What it can run.</summary>
    public required IReadOnlyList<ModelInfo> Models { get; init; }

    /// <summary>What it was measured to do of late, by which work is given to it; absent when nothing was.</summary>
    public IReadOnlyList<MeasuredRate>? Rates { get; init; }

    /// <summary>How its tries ended since the gateway's start; absent when it had none.</summary>
    public HostReliability? Reliability { get; init; }

    /// <summary>When it was here since the gateway's start, the newest first, at most 20; only where one host is asked for.</summary>
    public IReadOnlyList<HostVisit>? Sessions { get; init; }

    /// <summary>What it has besides and gets no work for: its join token is for other models. Absent when there is none.</summary>
    public IReadOnlyList<string>? ExcludedModels { get; init; }
}

/// <summary>How a host's tries ended.</summary>
/// <param name="Completed">Tries that brought an answer.</param>
/// <param name="Failed">Tries that failed, or took too long.</param>
/// <param name="Lost">Tries that ended because the host was gone or stood still.</param>
public sealed record HostReliability(long Completed, long Failed, long Lost);

/// <summary>One connection of a host.</summary>
/// <param name="Began">When it came.</param>
/// <param name="Ended">When it went; null: it is here.</param>
/// <param name="Carrier"><c>h2</c>, <c>ws</c>, <c>turn</c> or <c>memory</c>; null: a program of another contract.</param>
/// <param name="Reason">Why it went: <c>disconnected</c>, <c>silent</c>, <c>replaced</c> or <c>revoked</c>; null while it is here.</param>
public sealed record HostVisit(DateTimeOffset Began, DateTimeOffset? Ended, string? Carrier, string? Reason);

/// <summary>How a host does with one model and kind of work.</summary>
/// <param name="Model">The host's name for the model.</param>
/// <param name="Kind">Which kind of work.</param>
/// <param name="TokensPerSecond">Of output, in one answer at a time; null when its answers come in one piece.</param>
/// <param name="LoadSeconds">How long it loads the model; null when that was not seen.</param>
/// <param name="Reliability">The share of attempts that it did not fail by its own fault, 0.05 to 1; the last ten or so count.</param>
public sealed record MeasuredRate(
    string Model,
    string Kind,
    double? TokensPerSecond,
    double? LoadSeconds,
    double Reliability
);

/// <summary>The answer of <c>GET /v1/hosts</c>: a page of them.</summary>
/// <param name="Hosts">By the time of their enrolment; at most as many as <c>limit</c> says, and never more than 1,000.</param>
/// <param name="Total">How many there are, on all pages.</param>
/// <param name="Next">Given back as <c>after</c> it brings the next page; null on the last one.</param>
public sealed record HostList(IReadOnlyList<HostDocument> Hosts, int Total, string? Next);

/// <summary>The body of <c>POST /v1/keys</c>.</summary>
public sealed record CreateKey
{
    /// <summary>What people call it.</summary>
    public required string Name { get; init; }

    /// <summary><c>client</c> (absent), <c>viewer</c> (sees all there is but not what tasks say, and changes nothing) or <c>admin</c>.</summary>
    public string? Role { get; init; }

    /// <summary>Requests a minute; absent: no limit.</summary>
    public int? RequestsPerMinute { get; init; }

    /// <summary>Tasks that may run at the same time; absent: no limit.</summary>
    public int? MaxRunning { get; init; }

    /// <summary>Seconds until it ends; absent: it does not.</summary>
    public double? ExpiresIn { get; init; }
}

/// <summary>A key, without its secret but in the answer that made it.</summary>
public sealed record KeyDocument
{
    /// <summary>Its id: names it, opens nothing.</summary>
    public required string Id { get; init; }

    /// <summary>What people call it.</summary>
    public required string Name { get; init; }

    /// <summary><c>client</c>, <c>viewer</c> or <c>admin</c>.</summary>
    public required string Role { get; init; }

    /// <summary>The secret, <c>pk_...</c>: shown once, stored as a hash.</summary>
    public string? Key { get; init; }

    /// <summary>When it was made.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When it ends.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>Requests a minute.</summary>
    public int? RequestsPerMinute { get; init; }

    /// <summary>Tasks at the same time.</summary>
    public int? MaxRunning { get; init; }

    /// <summary>What its tasks have used since it was made; absent in the answer that made it.</summary>
    public KeyUse? Usage { get; init; }
}

/// <summary>What a key's tasks have used. After a crash of the gateway the last half minute may be missing.</summary>
/// <param name="Tasks">Tasks that were taken.</param>
/// <param name="Completed">Those that completed.</param>
/// <param name="Failed">Those that failed, or whose time was over.</param>
/// <param name="InputTokens">Tokens of requests, as hosts say.</param>
/// <param name="OutputTokens">Tokens of answers, as hosts say.</param>
/// <param name="LastUsedAt">When the last task was taken; null: none was.</param>
public sealed record KeyUse(
    long Tasks,
    long Completed,
    long Failed,
    long InputTokens,
    long OutputTokens,
    DateTimeOffset? LastUsedAt
);

/// <summary>The body of <c>PATCH /v1/keys/{id}</c>; what is left out stays as it is.</summary>
public sealed record ChangeKey
{
    /// <summary>What people call it, 1 to 100 characters.</summary>
    public string? Name { get; init; }

    /// <summary>Requests a minute, 1 to 1,000,000; <c>null</c> lifts the limit.</summary>
    public JsonElement RequestsPerMinute { get; init; }

    /// <summary>Tasks at the same time, 1 to 100,000; <c>null</c> lifts the limit.</summary>
    public JsonElement MaxRunning { get; init; }
}

/// <summary>The answer of <c>GET /v1/keys</c>.</summary>
public sealed record KeyList(IReadOnlyList<KeyDocument> Keys);

/// <summary>The body of <c>POST /v1/tokens</c>.</summary>
public sealed record CreateToken
{
    /// <summary>What people call it.</summary>
    public string? Name { get; init; }

    /// <summary>Hosts that may join with it, 1 to 10,000; absent: 1.</summary>
    public int? Uses { get; init; }

    /// <summary>Seconds until it ends; absent: a day.</summary>
    public double? ExpiresIn { get; init; }

    /// <summary>How far the hosts that join with it are trusted; absent: <c>trusted</c>.</summary>
    public TrustTier? Tier { get; init; }

    /// <summary>Whose these hosts are. When it is the id of a key, its tasks go before others on them, and to them before others.</summary>
    public string? Owner { get; init; }

    /// <summary>Attempts that each of them gets at the same time at the most, 1 to 1,024; absent: as many as it says.</summary>
    public int? MostSlots { get; init; }

    /// <summary>The only models that they may serve, 1 to 64 names in which <c>*</c> stands for any text; absent: all that they have.</summary>
    public IReadOnlyList<string>? Models { get; init; }
}

/// <summary>A join token, without its secret but in the answer that made it.</summary>
public sealed record TokenDocument
{
    /// <summary>Its id: names it, opens nothing.</summary>
    public required string Id { get; init; }

    /// <summary>What people call it.</summary>
    public string? Name { get; init; }

    /// <summary>The secret, <c>jt_...</c>: shown once, stored as a hash.</summary>
    public string? Token { get; init; }

    /// <summary>How far the hosts that join with it are trusted.</summary>
    public TrustTier Tier { get; init; }

    /// <summary>Whose these hosts are.</summary>
    public string? Owner { get; init; }

    /// <summary>Attempts that each of them gets at the same time at the most; absent: as many as it says.</summary>
    public int? MostSlots { get; init; }

    /// <summary>The only models that they may serve; absent: all that they have.</summary>
    public IReadOnlyList<string>? Models { get; init; }

    /// <summary>Hosts that may still join with it.</summary>
    public required int UsesLeft { get; init; }

    /// <summary>When it was made.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When it ends.</summary>
    public required DateTimeOffset ExpiresAt { get; init; }
}

/// <summary>The answer of <c>GET /v1/tokens</c>.</summary>
public sealed record TokenList(IReadOnlyList<TokenDocument> Tokens);
