namespace Pollard.Tasks.Watching;

/// <summary>Counts since the engine's start, and of this moment.</summary>
public readonly record struct ActivityCounts
{
    /// <summary>Tasks that were taken.</summary>
    public long Submitted { get; init; }

    /// <summary>Tasks that completed.</summary>
    public long Completed { get; init; }

    /// <summary>Tasks that failed.</summary>
    public long Failed { get; init; }

    /// <summary>Tasks whose time was over.</summary>
    public long TimedOut { get; init; }

    /// <summary>Tasks that were cancelled.</summary>
    public long Cancelled { get; init; }

    /// <summary>Tokens of requests whose tasks have ended, as hosts say.</summary>
    public long InputTokens { get; init; }

    /// <summary>Tokens of answers whose tasks have ended, as hosts say.</summary>
    public long OutputTokens { get; init; }

    /// <summary>Tokens of answers that are being written; counted in bytes, four a token, where a host does not say.</summary>
    public long TokensUnderWay { get; init; }

    /// <summary>Tasks that wait.</summary>
    public int Pending { get; init; }

    /// <summary>Tasks that hosts have.</summary>
    public int Running { get; init; }
}

/// <summary>What waits for hosts that could run the same.</summary>
/// <param name="Kind">The kind of work.</param>
/// <param name="Model">The model, as clients named it.</param>
/// <param name="Depth">Tasks that wait.</param>
/// <param name="OldestWait">Since the submission of the one that waits longest, as far as priorities let it be seen.</param>
/// <param name="Unserved">For how long none of them was given to a host.</param>
public sealed record QueueFigures(string Kind, string Model, int Depth, TimeSpan OldestWait, TimeSpan Unserved);

/// <summary>A task that a host has.</summary>
/// <param name="Task">The task.</param>
/// <param name="HostName">What people call the host.</param>
/// <param name="Tokens">Tokens of its answer so far; four bytes count as one where the host does not say.</param>
public sealed record RunningTask(TaskHandle Task, string HostName, long Tokens);

/// <summary>What an owner's tasks have used since the engine's start.</summary>
/// <param name="Tasks">Tasks that were taken.</param>
/// <param name="Completed">Those that completed.</param>
/// <param name="Failed">Those that failed or whose time was over.</param>
/// <param name="InputTokens">Tokens of requests, as hosts say.</param>
/// <param name="OutputTokens">Tokens of answers, as hosts say.</param>
/// <param name="LastUsedAt">When the last was taken.</param>
public sealed record OwnerUse(
    long Tasks,
    long Completed,
    long Failed,
    long InputTokens,
    long OutputTokens,
    DateTimeOffset LastUsedAt
);

/// <summary>What a host did since the engine's start.</summary>
/// <param name="Completed">Tries that brought an answer.</param>
/// <param name="Failed">Tries that failed, or took too long.</param>
/// <param name="Lost">Tries that ended because the host was gone or stood still.</param>
/// <param name="Connections">The newest first, at most 20.</param>
public sealed record HostHistory(long Completed, long Failed, long Lost, IReadOnlyList<HostConnection> Connections);

/// <summary>One connection of a host.</summary>
/// <param name="Began">When it came.</param>
/// <param name="Ended">When it went; null: it is here.</param>
/// <param name="Carrier">By what: <c>h2</c>, <c>ws</c>, <c>turn</c>, <c>memory</c>; null: the programs of other contracts.</param>
/// <param name="Reason">Why it went: <c>disconnected</c>, <c>silent</c>, <c>replaced</c>, <c>revoked</c>; null while it is here.</param>
public sealed record HostConnection(DateTimeOffset Began, DateTimeOffset? Ended, string? Carrier, string? Reason);
