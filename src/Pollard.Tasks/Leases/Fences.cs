using System.Globalization;

namespace Pollard.Tasks.Leases;

/// <summary>Gives out fences: 23 bits of the store's epoch, 40 of a counter. A fence is unique and grows even when the claim it was made for never reached the disk.</summary>
internal sealed class Fences(int epoch)
{
    private const int CounterBits = 40;
    private long _last = (long)epoch << CounterBits;

    /// <summary>A fence for people and for JSON, whose numbers are too small for it: the epoch and the counter.</summary>
    public static string Format(long fence) =>
        string.Create(CultureInfo.InvariantCulture, $"{fence >> CounterBits}.{fence & ((1L << CounterBits) - 1)}");

    public long Next() => Interlocked.Increment(ref _last);
}
