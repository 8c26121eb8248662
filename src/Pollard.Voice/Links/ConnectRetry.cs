namespace Pollard.Voice.Links;

/// <summary>
/// When a connection is tried again: so many tries with a short wait between the first and a longer one between the others, and then,
/// unless it is given up, for ever with waits that are drawn from a growing range.
/// </summary>
internal sealed record ConnectRetry
{
    /// <summary>As existing services do it: ten tries, and none after.</summary>
    public static ConnectRetry Existing { get; } = new() { GivesUp = true };

    /// <summary>Between our own services: one that comes is found at once on this machine, and within a second on another.</summary>
    public static ConnectRetry Ours { get; } =
        new()
        {
            RefusedHereWait = TimeSpan.FromMilliseconds(80),
            LongWait = TimeSpan.FromMilliseconds(800),
            MostWait = TimeSpan.FromSeconds(1),
        };

    /// <summary>Tries before it is given up, or the waits are drawn; at least 1.</summary>
    public int Tries { get; init; } = 10;

    /// <summary>After how many of the tries the wait is the short one.</summary>
    public int ShortWaits { get; init; } = 5;

    /// <summary>The short wait.</summary>
    public TimeSpan ShortWait { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>The longer wait.</summary>
    public TimeSpan LongWait { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>What a wait that is drawn never exceeds.</summary>
    public TimeSpan MostWait { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// The wait after a try that was refused by this machine, however many there were: that costs microseconds and disturbs nobody. Null: as
    /// after any other.
    /// </summary>
    public TimeSpan? RefusedHereWait { get; init; }

    /// <summary>How long one try may take.</summary>
    public TimeSpan TryWithin { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>True: after the tries nothing more is tried.</summary>
    public bool GivesUp { get; init; }

    /// <summary>Tries of which the log says something when they fail.</summary>
    public IReadOnlyList<int> LoggedTries { get; init; } = [1, 5, 9];

    /// <summary>How often it says so after them.</summary>
    public TimeSpan LogEvery { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long to wait after a try that failed, counted from 1; null: it was the last.</summary>
    /// <param name="tried">The try.</param>
    /// <param name="last">The wait before; of the first, anything.</param>
    /// <param name="isRefusedHere">Whether nobody listened, on this machine.</param>
    /// <param name="random">What waits are drawn with.</param>
    public TimeSpan? WaitAfter(int tried, TimeSpan last, bool isRefusedHere, Random random)
    {
        if (isRefusedHere && RefusedHereWait is { } brief)
        {
            return brief;
        }

        if (tried < Tries)
        {
            return tried <= ShortWaits ? ShortWait : LongWait;
        }

        if (GivesUp)
        {
            return null;
        }

        // Between the longer wait and three times the wait before: peers that lost the same service do not come in step.
        var most = TimeSpan.FromTicks(Math.Min(MostWait.Ticks, 3 * Math.Max(last.Ticks, LongWait.Ticks)));
        return most <= LongWait ? most : LongWait + ((most - LongWait) * random.NextDouble());
    }
}
