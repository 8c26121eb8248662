namespace Pollard.Tasks.Leases;

/// <summary>
/// How fast a host was with one kind of work on one model: what the first-token and stall limits are made of. The last 32
/// answers count. Not for several threads at once: <see cref="Paces"/> sees to that.
/// </summary>
internal sealed class Pace
{
    private const int Samples = 32;
    private const int Between = 8; // Answers between two looks at a full set of samples: sorting them costs more than the rest.
    private const int Enough = 4; // Fewer say nothing: the limits stay at their most.
    private readonly double[] _firstToken = new double[Samples];
    private readonly double[] _bytesPerMillisecond = new double[Samples];
    private readonly double[] _gap = new double[Samples];
    private int _firstTokens;
    private int _gaps;
    private double _slowFirstToken;
    private double _usualRate;
    private double _usualGap;

    /// <summary>An answer began.</summary>
    /// <param name="after">How long after the host was given the task.</param>
    /// <param name="requestBytes">The size of the request: the longer the prompt, the longer its reading.</param>
    public void FirstTokenAfter(TimeSpan after, int requestBytes)
    {
        var milliseconds = Math.Max(after.TotalMilliseconds, 1);
        _firstToken[_firstTokens % Samples] = milliseconds;
        _bytesPerMillisecond[_firstTokens % Samples] = requestBytes / milliseconds;
        _firstTokens++;

        if (!IsTimeToLook(_firstTokens))
        {
            return;
        }

        _slowFirstToken = Quantile(_firstToken, _firstTokens, 0.95);
        _usualRate = Quantile(_bytesPerMillisecond, _firstTokens, 0.5);
    }

    /// <summary>An answer ended, with so much time between its pieces of output.</summary>
    public void TokenEvery(TimeSpan gap)
    {
        _gap[_gaps++ % Samples] = gap.TotalMilliseconds;
        if (IsTimeToLook(_gaps))
        {
            _usualGap = Quantile(_gap, _gaps, 0.5);
        }
    }

    /// <summary>Three times the 95th percentile of first tokens and the time to read a request of this size, within bounds.</summary>
    public TimeSpan FirstTokenLimit(int requestBytes, (TimeSpan Least, TimeSpan Most) bounds)
    {
        if (_firstTokens < Enough)
        {
            return bounds.Most;
        }

        // The rate contains what every answer takes, whatever its prompt: that makes it lower, and the limit only kinder.
        var reading = _usualRate > 0 ? requestBytes / _usualRate : 0;
        return Within((3 * _slowFirstToken) + reading, bounds);
    }

    /// <summary>Twenty times the median gap between tokens, within its bounds.</summary>
    public TimeSpan StallLimit((TimeSpan Least, TimeSpan Most) bounds) =>
        _gaps < Enough ? bounds.Most : Within(20 * _usualGap, bounds);

    private static bool IsTimeToLook(int count) => count <= Samples || count % Between == 0;

    private static double Quantile(double[] samples, int count, double quantile)
    {
        Span<double> sorted = stackalloc double[Math.Min(count, Samples)];
        samples.AsSpan(0, sorted.Length).CopyTo(sorted);
        sorted.Sort();
        return sorted[(int)((sorted.Length - 1) * quantile)];
    }

    private static TimeSpan Within(double milliseconds, (TimeSpan Least, TimeSpan Most) bounds) =>
        TimeSpan.FromMilliseconds(
            Math.Clamp(milliseconds, bounds.Least.TotalMilliseconds, bounds.Most.TotalMilliseconds)
        );
}
