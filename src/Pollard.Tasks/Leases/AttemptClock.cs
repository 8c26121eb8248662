using Pollard.Tasks.Dispatch;

namespace Pollard.Tasks.Leases;

/// <summary>What an attempt's clock waits for.</summary>
internal enum ClockPhase : byte
{
    /// <summary>The host takes the offer.</summary>
    Offered,

    /// <summary>The first token, the next token, or the end of the time it may take.</summary>
    Running,

    /// <summary>The host comes back.</summary>
    Orphaned,

    /// <summary>The host says that a stopped backend's slot is free.</summary>
    Held,
}

/// <summary>The one timer of an attempt, through all its phases; looked at when it fires, not moved with each token.</summary>
internal sealed class AttemptClock(EngineCore core, Attempt attempt) : WheelTimer
{
    public ClockPhase Phase { get; private set; }

    public void Set(ClockPhase phase, TimeSpan delay)
    {
        Phase = phase;
        core.Wheel.Set(this, delay);
    }

    public void Stop() => core.Wheel.Stop(this);

    /// <summary>What a running attempt has missed, if anything, and else how long until it could.</summary>
    public (TaskError? Missed, TimeSpan Next) Look()
    {
        var time = core.Time;
        var left = attempt.TimeLeft;
        if (attempt.Host is { Role: HostRole.Fallback } || attempt.Host?.CallsTool(attempt.Model) == true)
        {
            return (null, left); // An upstream has limits of its own, and so has an agent for its tools.
        }

        if (attempt.LastOutputAt != 0)
        {
            var limit = core.Paces.StallLimit(attempt);
            var (since, heldUp) = attempt.StandsStill();
            var stall = heldUp ? limit : limit - time.GetElapsedTime(since); // A reader that is slow is not the host's fault.
            return stall <= TimeSpan.Zero
                ? (
                    new TaskError("stalled", "the host stopped sending in the middle of its answer", Retryable: true),
                    left
                )
                : (null, Least(stall, left));
        }

        var sinceBegin = time.GetElapsedTime(attempt.BeganAt);
        var whole = attempt.Host?.Description.AnswerWithin; // Its first token is its last: no measure of the next answer's.
        var first = whole ?? core.Paces.FirstTokenLimit(attempt);
        var sinceSign = attempt.LastPhaseAt != 0 ? time.GetElapsedTime(attempt.LastPhaseAt) : sinceBegin;
        var isCommand = attempt.Host?.RunsAsCommand(attempt.Model) == true; // Its time is the task's, while it shows signs of life.
        first = Least(first - sinceSign, isCommand ? left : (whole ?? core.Options.FirstToken.Most) - sinceBegin);
        return first <= TimeSpan.Zero
            ? (new TaskError("first_token_late", "the host did not begin its answer in time", Retryable: true), left)
            : (null, Least(first, left));
    }

    internal override void Fire() => core.AttemptTimeReached(attempt);

    private static TimeSpan Least(TimeSpan one, TimeSpan other) => one < other ? one : other;
}
