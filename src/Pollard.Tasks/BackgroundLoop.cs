namespace Pollard.Tasks;

/// <summary>
/// A background loop as an operator sees it: what it is called, when it last came to the end of a round, and whether it is late.
/// Whoever runs the loop says when a round begins and ends.
/// </summary>
/// <param name="name">What it looks after, for people.</param>
/// <param name="deadline">A round that takes longer is late, and so is, where there is an <paramref name="interval"/>, one that did not begin so long after its time.</param>
/// <param name="interval">How often it runs; null for a loop that sleeps until there is something to do.</param>
/// <param name="time">The clock.</param>
public sealed class BackgroundLoop(string name, TimeSpan deadline, TimeSpan? interval, TimeProvider time)
{
    private readonly long _madeAt = time.GetTimestamp();
    private long _beganAt;
    private long _endedAt;
    private bool _running;

    /// <summary>A round begins.</summary>
    public void Begin()
    {
        Volatile.Write(ref _beganAt, time.GetTimestamp());
        Volatile.Write(ref _running, true);
    }

    /// <summary>The round is over.</summary>
    public void End()
    {
        Volatile.Write(ref _endedAt, time.GetTimestamp());
        Volatile.Write(ref _running, false);
    }

    /// <summary>How it is now.</summary>
    public LoopState Look()
    {
        var ended = Volatile.Read(ref _endedAt);
        var running = Volatile.Read(ref _running);
        var since = time.GetElapsedTime(
            running ? Volatile.Read(ref _beganAt)
            : ended == 0 ? _madeAt
            : ended
        );
        var late = running ? since > deadline : interval is { } every && since > every + deadline;
        return new LoopState(name, ended == 0 ? null : time.GetUtcNow() - time.GetElapsedTime(ended), late);
    }
}

/// <summary>How a background loop is.</summary>
/// <param name="Name">What it looks after.</param>
/// <param name="LastRan">When it last came to the end of a round; null when it has not yet.</param>
/// <param name="IsLate">It hangs, or it no longer runs.</param>
public sealed record LoopState(string Name, DateTimeOffset? LastRan, bool IsLate);
