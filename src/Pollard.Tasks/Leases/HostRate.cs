namespace Pollard.Tasks.Leases;

/// <summary>How fast one host is with one model and kind of work, and how often it fails by its own fault. Used under the engine's lock.</summary>
internal sealed class HostRate(TimeProvider time)
{
    private const int Memory = 5;
    private const double FaultWeight = 0.1;
    private const double Least = 0.05; // So that a host which always fails is asked again, when no other is there.

    // What was measured once may be true no more: a host that was slow or broken gets another chance.
    private static readonly TimeSpan Holds = TimeSpan.FromMinutes(10);
    private double _reliability = 1;
    private long _measuredAt;

    /// <summary>What it did.</summary>
    public WorkRate Work { get; } = new(Memory);

    /// <summary>The share of its attempts that it did not fail itself, the last ten or so; 0.05 to 1.</summary>
    public double Reliability => IsFresh ? Math.Max(_reliability, Least) : 1;

    /// <summary>Something was measured not long ago.</summary>
    public bool IsFresh => _measuredAt != 0 && time.GetElapsedTime(_measuredAt) < Holds;

    /// <summary>It brought an answer.</summary>
    /// <param name="sample">What that took; null when it tells nothing of the next one.</param>
    public void NoteDone(WorkSample? sample)
    {
        if (sample is { } measured)
        {
            Work.Note(measured);
        }

        Note(failed: false);
    }

    /// <summary>It failed an attempt, or was lost with it.</summary>
    public void NoteFault() => Note(failed: true);

    private void Note(bool failed)
    {
        _measuredAt = time.GetTimestamp();
        _reliability += FaultWeight * ((failed ? 0 : 1) - _reliability);
    }
}
