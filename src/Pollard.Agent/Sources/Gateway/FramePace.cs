using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Sources.Gateway;

/// <summary>
/// Keeps an attempt's output below the number of frames that the gateway lets through: who is over it waits a moment, in which
/// small pieces gather into fewer frames. Not safe for threads: its owner holds a lock.
/// </summary>
internal sealed class FramePace(TimeProvider time)
{
    /// <summary>Half of what the gateway lets through: a wire that stood still for seconds brings at once what gathered on it.</summary>
    private const double PerSecond = LinkLimits.FramesPerSecond / 2.0;

    /// <summary>How long who is over it waits.</summary>
    public static readonly TimeSpan Wait = TimeSpan.FromMilliseconds(10);

    private double _left = PerSecond;
    private long _filledAt = time.GetTimestamp();

    /// <summary>True when one more frame may be sent now.</summary>
    public bool TryTake()
    {
        // hot: the clock is looked at only when the frames of a whole second are used up.
        if (_left < 1)
        {
            var now = time.GetTimestamp();
            _left = Math.Min(PerSecond, _left + (PerSecond * time.GetElapsedTime(_filledAt, now).TotalSeconds));
            _filledAt = now;
            if (_left < 1)
            {
                return false;
            }
        }

        _left--;
        return true;
    }
}
