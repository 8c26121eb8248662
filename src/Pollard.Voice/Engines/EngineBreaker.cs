namespace Pollard.Voice.Engines;

/// <summary>That an engine may be asked now.</summary>
/// <param name="IsTrial">It had failed, and this is how it is found out whether it still does.</param>
internal readonly record struct BreakerPass(bool IsTrial);

/// <summary>What an answer changed.</summary>
internal enum BreakerChange
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>The engine is not asked for a while.</summary>
    Opened,

    /// <summary>It is asked again.</summary>
    Closed,
}

/// <summary>
/// Keeps calls from waiting for an engine that fails: after five failures in ten seconds it is not asked for five seconds, and then once,
/// by one call, before all others ask it again.
/// </summary>
internal sealed class EngineBreaker(TimeProvider time)
{
    private const int MostFailures = 5;
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(10);
    private readonly Lock _lock = new();
    private readonly Queue<DateTimeOffset> _failures = new(MostFailures);
    private DateTimeOffset? _openUntil;
    private bool _isTried;

    /// <summary>How long an engine that fails is left alone.</summary>
    public static TimeSpan OpenFor { get; } = TimeSpan.FromSeconds(5);

    /// <summary>Asks whether the engine may be asked; null when not. Who may, tells how it went with <see cref="Leave"/>.</summary>
    public BreakerPass? TryEnter()
    {
        lock (_lock)
        {
            if (_openUntil is not { } until)
            {
                return new BreakerPass(IsTrial: false);
            }

            if (_isTried || time.GetUtcNow() < until)
            {
                return null;
            }

            _isTried = true;
            return new BreakerPass(IsTrial: true);
        }
    }

    /// <summary>How it went.</summary>
    /// <param name="pass">What <see cref="TryEnter"/> gave.</param>
    /// <param name="isGood">Whether the engine did it; null: nobody knows, since it was no longer needed.</param>
    public BreakerChange Leave(BreakerPass pass, bool? isGood)
    {
        lock (_lock)
        {
            if (pass.IsTrial)
            {
                return LeaveTrial(isGood);
            }

            // What began before it was opened says nothing new.
            return isGood == false && _openUntil is null ? Count() : BreakerChange.None;
        }
    }

    private BreakerChange LeaveTrial(bool? isGood)
    {
        _isTried = false;
        switch (isGood)
        {
            case true:
                _openUntil = null;
                _failures.Clear();
                return BreakerChange.Closed;
            case false:
                _openUntil = time.GetUtcNow() + OpenFor;
                return BreakerChange.None;
            case null:
                return BreakerChange.None; // The next call tries.
        }
    }

    private BreakerChange Count()
    {
        var now = time.GetUtcNow();
        while (_failures.TryPeek(out var oldest) && now - oldest > Within)
        {
            _failures.Dequeue();
        }

        _failures.Enqueue(now);
        if (_failures.Count < MostFailures)
        {
            return BreakerChange.None;
        }

        _openUntil = now + OpenFor;
        _failures.Clear();
        return BreakerChange.Opened;
    }
}
