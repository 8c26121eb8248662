namespace Pollard.Gateway.Hosts;

/// <summary>Counts what somebody does within a minute. Used under its owner's lock.</summary>
internal sealed class MinuteCount(TimeProvider time, int most)
{
    /// <summary>How long a minute is.</summary>
    public static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
    private long _began = time.GetTimestamp();
    private int _count;

    /// <summary>True when the minute has passed.</summary>
    public bool IsOver => time.GetElapsedTime(_began) >= Minute;

    /// <summary>One more; false when that is too many.</summary>
    public bool Take()
    {
        if (IsOver)
        {
            (_count, _began) = (0, time.GetTimestamp());
        }

        return ++_count <= most;
    }
}
