namespace Pollard.Tasks;

/// <summary>The engine's numbers, with their defaults.</summary>
public sealed record TaskEngineOptions
{
    /// <summary>How long one try may take when the task does not say.</summary>
    public TimeSpan RunTimeout { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Tries at the most when the task does not say.</summary>
    public int MaxAttempts { get; init; } = 3;

    /// <summary>How long ended tasks are kept that do not say.</summary>
    public TimeSpan Retention { get; init; } = TimeSpan.FromDays(1);

    /// <summary>The same for some kinds of work.</summary>
    public IReadOnlyDictionary<string, TimeSpan> RetentionByKind { get; init; } =
        new Dictionary<string, TimeSpan>(StringComparer.Ordinal);

    /// <summary>Ended tasks that are kept at the most, of those for which nothing says how long; the oldest go first. Null: any number.</summary>
    public int? MostEndedTasks { get; init; }

    /// <summary>Bytes that the store takes on disk at the most before the oldest of such tasks go; null: any number.</summary>
    public long? MostStoreBytes { get; init; }

    /// <summary>Tasks that may wait at the same time; one more is refused.</summary>
    public int MaxPending { get; init; } = 200_000;

    /// <summary>Bytes of requests held in memory for tasks that have not ended. Those on disk take half of it at most, and are read from there again; beyond all of it interactive requests are refused.</summary>
    public long RequestMemoryBytes { get; init; } = 256L * 1024 * 1024;

    /// <summary>Bytes of output that one attempt may send.</summary>
    public int MaxOutputBytes { get; init; } = 16 * 1024 * 1024;

    /// <summary>Bytes of a body that goes through, or to a file.</summary>
    public long MaxBodyBytes { get; init; } = 16L * 1024 * 1024 * 1024;

    /// <summary>Ended tasks held in memory, so that who asks at once is answered without the store.</summary>
    public int EndedInMemory { get; init; } = 500;

    /// <summary>Bytes of ended tasks held in memory.</summary>
    public long EndedMemoryBytes { get; init; } = 64L * 1024 * 1024;

    /// <summary>How long an offer stands, from when it left on the wire, before it is withdrawn; a host's description may say longer.</summary>
    public TimeSpan AcceptWithin { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long an offer stands at the most, also while it waits to leave; a large request has the time that a slow wire takes for it beyond that.</summary>
    public TimeSpan OfferMost { get; init; } = TimeSpan.FromSeconds(12);

    /// <summary>How often in a row a task may be offered and not taken before that counts as a failed try.</summary>
    public int UntakenMost { get; init; } = 5;

    /// <summary>How long the attempts of a lost link wait for the host to come back when a client waits for the answer.</summary>
    public TimeSpan ResumeWithinInteractive { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>How long the attempts of a lost link wait for the host to come back otherwise.</summary>
    public TimeSpan ResumeWithin { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>After a start of the gateway: how long running tasks wait for their hosts to come back.</summary>
    public TimeSpan StartGrace { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How long a cancelled attempt's slot counts as taken while the host has not said that it is free.</summary>
    public TimeSpan FreeWithin { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The least and the most that the first token may take.</summary>
    public (TimeSpan Least, TimeSpan Most) FirstToken { get; init; } =
        (TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(300));

    /// <summary>The share of all tries, 0 to 1, that may be second ones beside a first whose answer does not begin while a client waits for it.</summary>
    public double HedgeShare { get; init; } = 0.05;

    /// <summary>The least and the most that an answer may stand still between tokens. Backends are silent while they gather a call of a tool.</summary>
    public (TimeSpan Least, TimeSpan Most) Stall { get; init; } = (TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(60));

    /// <summary>The first delay before another try of a task that failed; doubles each time, with jitter.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest delay before another try.</summary>
    public TimeSpan RetryDelayMost { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long output of a durable task is gathered before it is committed and shown; its first piece never waits.</summary>
    public TimeSpan OutputCommitDelay { get; init; } = TimeSpan.FromMilliseconds(25);

    /// <summary>Gathered bytes of output that are committed without waiting.</summary>
    public int OutputCommitBytes { get; init; } = 4 * 1024;

    /// <summary>Answers that are judged at the same time.</summary>
    public int ReviewsAtOnce { get; init; } = 32;

    /// <summary>How long all checks of one answer may take together, tasks of their own included.</summary>
    public TimeSpan ReviewTimeout { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>How often ended tasks are looked through for those whose time is over.</summary>
    public TimeSpan PurgeInterval { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Tasks deleted at once.</summary>
    public int PurgeSlice { get; init; } = 500;
}
