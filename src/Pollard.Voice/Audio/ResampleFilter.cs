using System.Collections.Concurrent;

namespace Pollard.Voice.Audio;

/// <summary>
/// The low-pass of a change of rate, as taps for each place that a sample may have between two of the old rate: a sinc in a Kaiser window.
/// It passes 85 % of the band that both rates have, and stops all that would fold back into it or be an image of it.
/// </summary>
internal sealed class ResampleFilter
{
    /// <summary>The lowest rate, telephony's.</summary>
    public const int LeastRate = 8_000;

    /// <summary>The highest rate.</summary>
    public const int MostRate = 48_000;

    private const int MostPhases = 1_280; // What the worst pair of usual rates needs, 11,025 to 32,000.
    private const int MostKept = 64; // Rates come from others: filters of odd pairs are made anew rather than kept for ever.
    private const double PassShare = 0.85; // 3,400 Hz of 4,000.
    private const double StopDecibels = 80;
    private const int TapsAtOnce = 8;
    private static readonly ConcurrentDictionary<(int From, int To), ResampleFilter> Kept = new();
    private readonly float[] _taps;

    private ResampleFilter(int from, int to)
    {
        var divisor = Gcd(from, to);
        (Up, Down) = (to / divisor, from / divisor);
        Phases = Math.Min(Up, MostPhases);
        var narrow = Math.Min(from, to) / (double)from; // The narrower band, in parts of the old one.
        var length = (StopDecibels - 7.95) / (14.36 * (1 - PassShare) * narrow / 2);
        Taps = (int)Math.Ceiling(length / TapsAtOnce) * TapsAtOnce;
        _taps = new float[(Phases + 1) * Taps]; // One more, which is the first one later by a sample: what is between is mixed.
        for (var phase = 0; phase <= Phases; phase++)
        {
            Fill(_taps.AsSpan(phase * Taps, Taps), phase / (double)Phases, narrow * (1 + PassShare) / 2);
        }
    }

    /// <summary>New samples for each <see cref="Down"/> old ones.</summary>
    public int Up { get; }

    /// <summary>Old samples for each <see cref="Up"/> new ones.</summary>
    public int Down { get; }

    /// <summary>Places between two old samples for which there are taps; fewer than <see cref="Up"/> where the rates have little in common.</summary>
    public int Phases { get; }

    /// <summary>Old samples that make a new one.</summary>
    public int Taps { get; }

    /// <summary>The filter from one rate to another.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A rate is below 8,000 or above 48,000.</exception>
    public static ResampleFilter Of(int from, int to)
    {
        ThrowIfOdd(from);
        ThrowIfOdd(to);
        if (Kept.TryGetValue((from, to), out var kept))
        {
            return kept;
        }

        var made = new ResampleFilter(from, to);
        return Kept.Count < MostKept ? Kept.GetOrAdd((from, to), made) : made;
    }

    /// <summary>The taps of a place, in the order of the samples.</summary>
    public ReadOnlySpan<float> TapsOf(int phase) => _taps.AsSpan(phase * Taps, Taps);

    // The new sample lies between the two in the middle, by as much of their distance as the place says.
    private static void Fill(Span<float> taps, double place, double cutoff)
    {
        var beta = 0.1102 * (StopDecibels - 8.7);
        var half = taps.Length / 2.0;
        var sum = 0.0;
        for (var i = 0; i < taps.Length; i++)
        {
            var at = i - (half - 1) - place;
            var turn = Math.PI * cutoff * at;
            var edge = Math.Min(Math.Abs(at / half), 1);
            var tap = (at == 0 ? 1 : Math.Sin(turn) / turn) * Bessel(beta * Math.Sqrt(1 - edge * edge));
            taps[i] = (float)tap;
            sum += tap;
        }

        foreach (ref var tap in taps)
        {
            tap = (float)(tap / sum); // Each place gives a steady level as it is, or there would be a tone of the places themselves.
        }
    }

    // The modified Bessel function of order zero.
    private static double Bessel(double x)
    {
        var (sum, term) = (1.0, 1.0);
        for (var k = 1; term > sum * 1e-12; k++)
        {
            term *= x / (2 * k) * (x / (2 * k));
            sum += term;
        }

        return sum;
    }

    private static int Gcd(int a, int b) => b == 0 ? a : Gcd(b, a % b);

    private static void ThrowIfOdd(int rate)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rate, LeastRate);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(rate, MostRate);
    }
}
