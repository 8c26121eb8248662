namespace Pollard.Voice.Engines;

/// <summary>How long an engine is waited for.</summary>
/// <param name="Next">For what comes next.</param>
/// <param name="All">In all, of one utterance or sentence.</param>
internal sealed record EnginePatience(TimeSpan Next, TimeSpan All)
{
    /// <summary>An utterance: the answer comes in one piece.</summary>
    public static EnginePatience Utterance { get; } = new(TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(10));

    /// <summary>A sentence: a caller hears nothing while nothing comes.</summary>
    public static EnginePatience Sentence { get; } = new(TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(30));
}

/// <summary>The time that is left for an engine's work. What the taker of its sound needs is not counted.</summary>
internal sealed class EngineWait : IDisposable
{
    private readonly EnginePatience _patience;
    private readonly TimeProvider _time;
    private readonly CancellationToken _caller;
    private readonly CancellationTokenSource _late;
    private readonly CancellationTokenSource _over;
    private TimeSpan _left;
    private long _since;

    /// <summary>Begins to wait.</summary>
    public EngineWait(EnginePatience patience, TimeProvider time, CancellationToken caller)
    {
        (_patience, _time, _caller, _left) = (patience, time, caller, patience.All);
        _since = time.GetTimestamp();
        _late = new CancellationTokenSource(Least(patience.Next, patience.All), time);
        _over = CancellationTokenSource.CreateLinkedTokenSource(caller, _late.Token);
    }

    /// <summary>Is cancelled when the engine is late, or the caller needs it no longer.</summary>
    public CancellationToken Token => _over.Token;

    /// <summary>Whether the engine is late, and is still needed.</summary>
    public bool IsLate => _late.IsCancellationRequested && !_caller.IsCancellationRequested;

    /// <summary>Something came, and is being taken.</summary>
    public void Pause()
    {
        _left -= _time.GetElapsedTime(_since);
        _late.CancelAfter(Timeout.InfiniteTimeSpan);
    }

    /// <summary>The next is waited for.</summary>
    public void Resume()
    {
        _since = _time.GetTimestamp();
        _late.CancelAfter(Least(_patience.Next, _left));
    }

    /// <summary>Why there is nothing.</summary>
    public EngineFailure Failure() =>
        new(
            EngineFault.Late,
            $"was late: {_patience.Next.TotalSeconds:0.##} s are waited for what comes next, and {_patience.All.TotalSeconds:0.##} s in all"
        );

    /// <inheritdoc/>
    public void Dispose()
    {
        _over.Dispose();
        _late.Dispose();
    }

    private static TimeSpan Least(TimeSpan next, TimeSpan left) =>
        left <= TimeSpan.Zero ? TimeSpan.Zero
        : next < left ? next
        : left;
}
