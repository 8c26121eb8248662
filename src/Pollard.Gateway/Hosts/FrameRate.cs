namespace Pollard.Gateway.Hosts;

/// <summary>Counts frames of a host and notices when there are more than the link allows, averaged over ten seconds.</summary>
internal sealed class FrameRate(TimeProvider time, int mostPerSecond)
{
    private const int WindowSeconds = 10;
    private long _windowStart = time.GetTimestamp();
    private int _windowFrames;

    /// <summary>Counts one. False when there are too many: no agent of ours comes near, so this one floods.</summary>
    public bool IsWithin()
    {
        // hot: the clock is looked at once in ten seconds' worth of frames.
        if (++_windowFrames < WindowSeconds * mostPerSecond)
        {
            return true;
        }

        var inTime = time.GetElapsedTime(_windowStart).TotalSeconds >= WindowSeconds;
        _windowStart = time.GetTimestamp();
        _windowFrames = 0;
        return inTime;
    }
}
