namespace Pollard.Tasks.Leases;

/// <summary>How fast a host was with a model: what the first-token and stall limits are made of. The last 32 answers count.</summary>
internal sealed class Pace
{
    private const int Samples = 32;
    private const int Enough = 4; // Fewer say nothing: the limits stay at their most.
    private readonly double[] _firstToken = new double[Samples];
    private readonly double[] _gap = new double[Samples];
    private int _firstTokens;
    private int _gaps;

    public void FirstTokenAfter(TimeSpan time) => _firstToken[_firstTokens++ % Samples] = time.TotalMilliseconds;

    public void TokenEvery(TimeSpan time) => _gap[_gaps++ % Samples] = time.TotalMilliseconds;

    /// <summary>Three times the 95th percentile of first tokens, within its bounds.</summary>
    public TimeSpan FirstTokenLimit((TimeSpan Least, TimeSpan Most) bounds) =>
        Limit(_firstToken, _firstTokens, 0.95, 3, bounds);

    /// <summary>Twenty times the median gap between tokens, within its bounds.</summary>
    public TimeSpan StallLimit((TimeSpan Least, TimeSpan Most) bounds) => Limit(_gap, _gaps, 0.5, 20, bounds);

    private static TimeSpan Limit(
        double[] samples,
        int count,
        double quantile,
        int times,
        (TimeSpan Least, TimeSpan Most) bounds
    )
    {
        if (count < Enough)
        {
            return bounds.Most;
        }

        Span<double> sorted = stackalloc double[Math.Min(count, Samples)];
        samples.AsSpan(0, sorted.Length).CopyTo(sorted);
        sorted.Sort();
        var milliseconds = sorted[(int)((sorted.Length - 1) * quantile)] * times;
        return TimeSpan.FromMilliseconds(
            Math.Clamp(milliseconds, bounds.Least.TotalMilliseconds, bounds.Most.TotalMilliseconds)
        );
    }
}
