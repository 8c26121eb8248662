using System.Diagnostics.Metrics;

namespace Pollard.Storage;

/// <summary>What is measured of the store.</summary>
internal static class StoreMetrics
{
    private static readonly Meter Meter = new("Pollard.Storage");

    private static readonly Histogram<double> Duration = Meter.CreateHistogram(
        "pollard.store.commit.duration",
        "s",
        "From the begin of a transaction to its end on disk.",
        tags: null,
        new InstrumentAdvice<double>
        {
            HistogramBucketBoundaries =
            [
                0.0005,
                0.001,
                0.0025,
                0.005,
                0.01,
                0.025,
                0.05,
                0.1,
                0.25,
                0.5,
                1,
                2.5,
                5,
                10,
            ],
        }
    );

    private static readonly Histogram<int> Writes = Meter.CreateHistogram(
        "pollard.store.commit.writes",
        "{write}",
        "Writes that share a commit.",
        tags: null,
        new InstrumentAdvice<int> { HistogramBucketBoundaries = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024] }
    );

    /// <summary>A transaction is on disk.</summary>
    public static void Committed(TimeSpan took, int writes)
    {
        Duration.Record(took.TotalSeconds);
        Writes.Record(writes);
    }
}
