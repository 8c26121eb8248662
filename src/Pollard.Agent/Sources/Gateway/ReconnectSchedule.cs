namespace Pollard.Agent.Sources.Gateway;

/// <summary>
/// When to connect again: at once after the first loss, then after a random part of a window that doubles from one second to
/// 64, so that the hosts of a gateway that comes back do not come all at once.
/// </summary>
internal sealed class ReconnectSchedule(TimeProvider time, Random random)
{
    private const int LongestSeconds = 64;
    private static readonly TimeSpan GoodAfter = TimeSpan.FromSeconds(10);
    private int _losses;
    private long _connectedAt;

    /// <summary>A session began.</summary>
    public void Connected() => _connectedAt = time.GetTimestamp();

    /// <summary>How long to wait after this loss.</summary>
    /// <param name="wasProven">The session had worked; when it had worked for a while, the count begins anew.</param>
    public TimeSpan NextDelay(bool wasProven)
    {
        if (wasProven && time.GetElapsedTime(_connectedAt) >= GoodAfter)
        {
            _losses = 0;
        }

        var window = _losses == 0 ? 0 : Math.Min(LongestSeconds, 1L << Math.Min(_losses - 1, 6));
        _losses++;
        return Within(window);
    }

    /// <summary>A random part of a window that the gateway gave.</summary>
    public TimeSpan Within(double windowSeconds) =>
        TimeSpan.FromSeconds(random.NextDouble() * Math.Clamp(windowSeconds, 0, LongestSeconds));
}
