namespace Pollard.Client;

/// <summary>
/// How often and how long a call is repeated: after 0.1 s, doubling to 5 s, with jitter, and never before the moment that the
/// gateway asked for; within a time since the last success.
/// </summary>
internal sealed class Patience(TimeSpan within, TimeProvider time)
{
    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(5);
    private long _heard = time.GetTimestamp();
    private int _failures;

    /// <summary>The gateway answered: the count begins again.</summary>
    public void Heard()
    {
        _heard = time.GetTimestamp();
        _failures = 0;
    }

    /// <summary>Waits before the next try; throws <paramref name="failure"/> when that is of no use or would be too late.</summary>
    public async Task WaitOrThrowAsync(PollardException failure, CancellationToken ct)
    {
        var delay = First * Math.Pow(2, Math.Min(_failures, 10));
        _failures++;
        delay = delay < Longest ? delay : Longest;
        delay *= 0.5 + (Random.Shared.NextDouble() / 2);
        // On top of what was asked for: clients that were turned away together do not come back together.
        delay += failure.RetryAfter ?? TimeSpan.Zero;
        if (!failure.IsTransient || time.GetElapsedTime(_heard) + delay > within)
        {
            throw failure;
        }

        await Task.Delay(delay, time, ct).ConfigureAwait(false);
    }
}
