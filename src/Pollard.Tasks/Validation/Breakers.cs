namespace Pollard.Tasks.Validation;

/// <summary>
/// Which models keep failing, over all tasks that ask to be spared them. A model's breaker opens when it failed often enough of
/// late; after a while one task may try, and when enough of those succeed it closes. Forgotten at a restart: it opens again soon
/// enough. Under the engine's lock.
/// </summary>
internal sealed class Breakers(TimeProvider time)
{
    private const int MostModels = 10_000;
    private readonly Dictionary<string, Breaker> _breakers = new(StringComparer.Ordinal);

    /// <summary>How long the model is to be left alone; null: it may be asked, and this task is the one that tries where only one may.</summary>
    public TimeSpan? OpenFor(string model, BreakerSpec spec)
    {
        if (!_breakers.TryGetValue(model, out var breaker) || breaker.OpenedAt is not { } opened)
        {
            return null;
        }

        var left = TimeSpan.FromSeconds(spec.OpenSeconds) - time.GetElapsedTime(opened);
        if (left > TimeSpan.Zero)
        {
            return left;
        }

        // From here on it lets one task through in each such time, until they have succeeded or one has failed.
        breaker.OpenedAt = time.GetTimestamp();
        breaker.IsTrying = true;
        return null;
    }

    /// <summary>An answer of the model did not come, or did not pass.</summary>
    public void Failed(string model, BreakerSpec spec)
    {
        if (!_breakers.TryGetValue(model, out var breaker))
        {
            if (_breakers.Count >= MostModels)
            {
                return;
            }

            _breakers.Add(model, breaker = new Breaker());
        }

        var now = time.GetTimestamp();
        while (
            breaker.Failures.TryPeek(out var oldest)
            && time.GetElapsedTime(oldest, now) > TimeSpan.FromSeconds(spec.WindowSeconds)
        )
        {
            breaker.Failures.Dequeue();
        }

        breaker.Failures.Enqueue(now);
        breaker.Successes = 0;
        if (breaker.IsTrying || breaker.Failures.Count >= spec.FailureThreshold)
        {
            breaker.OpenedAt = now;
            breaker.IsTrying = false;
            breaker.Failures.Clear();
        }
    }

    /// <summary>An answer of the model passed.</summary>
    public void Succeeded(string model, BreakerSpec spec)
    {
        if (!_breakers.TryGetValue(model, out var breaker))
        {
            return;
        }

        if (breaker.OpenedAt is null || ++breaker.Successes >= spec.SuccessThreshold)
        {
            _breakers.Remove(model);
        }
        else if (breaker.IsTrying)
        {
            breaker.OpenedAt = time.GetTimestamp() - (long)(spec.OpenSeconds * time.TimestampFrequency); // The next may try at once.
        }
    }

    private sealed class Breaker
    {
        public Queue<long> Failures { get; } = [];

        public long? OpenedAt { get; set; }

        public bool IsTrying { get; set; }

        public int Successes { get; set; }
    }
}
