using OpenTelemetry.Trace;

namespace Pollard.Gateway.Observability;

/// <summary>
/// Keeps so many traces a second of those that begin here, the first of each second, and none of the others: all that there is where little
/// happens, and a bounded part of what a busy gateway does. What a client has decided to trace is not asked here.
/// </summary>
/// <param name="perSecond">Traces a second at the most.</param>
/// <param name="time">The clock.</param>
internal sealed class NewTraceSampler(int perSecond, TimeProvider time) : Sampler
{
    private long _second;
    private int _kept;

    /// <inheritdoc/>
    public override SamplingResult ShouldSample(in SamplingParameters samplingParameters)
    {
        var second = time.GetTimestamp() / time.TimestampFrequency;
        if (Interlocked.Exchange(ref _second, second) != second)
        {
            Volatile.Write(ref _kept, 0);
        }

        return new SamplingResult(
            Interlocked.Increment(ref _kept) <= perSecond ? SamplingDecision.RecordAndSample : SamplingDecision.Drop
        );
    }
}
