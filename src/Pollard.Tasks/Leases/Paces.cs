using Pollard.Tasks.Dispatch;

namespace Pollard.Tasks.Leases;

/// <summary>The pace of every host with every model, and with that the limits of an attempt. For any thread.</summary>
internal sealed class Paces(TaskEngineOptions options, TimeProvider time)
{
    private const int Most = 10_000;
    private static readonly TimeSpan Warm = TimeSpan.FromMinutes(2); // Backends unload a model after some minutes without work.
    private readonly Lock _gate = new();
    private readonly Dictionary<(string Host, string Model, string Kind), Pace> _paces = [];
    private readonly Dictionary<string, (string Model, long At)> _loaded = new(StringComparer.Ordinal);

    /// <summary>An attempt brought its answer, in so many pieces of output.</summary>
    public void Note(Attempt attempt, int outputs)
    {
        if (attempt.FirstOutputAt == 0)
        {
            return;
        }

        lock (_gate)
        {
            var pace = Of(attempt);
            pace.FirstTokenAfter(time.GetElapsedTime(attempt.BeganAt, attempt.FirstOutputAt), attempt.Request.Length);
            if (outputs > 1)
            {
                pace.TokenEvery(time.GetElapsedTime(attempt.FirstOutputAt, attempt.LastOutputAt) / (outputs - 1));
            }

            _loaded[attempt.HostId] = (attempt.Model, time.GetTimestamp());
        }
    }

    /// <summary>How long the first token may take. At its most where the model may have to be loaded first: the host did nothing for a while, or worked with another one.</summary>
    public TimeSpan FirstTokenLimit(Attempt attempt)
    {
        lock (_gate)
        {
            return
                _loaded.TryGetValue(attempt.HostId, out var loaded)
                && loaded.Model == attempt.Model
                && time.GetElapsedTime(loaded.At, attempt.BeganAt) <= Warm
                ? Of(attempt).FirstTokenLimit(attempt.Request.Length, options.FirstToken)
                : options.FirstToken.Most;
        }
    }

    /// <summary>How long an answer may stand still between tokens.</summary>
    public TimeSpan StallLimit(Attempt attempt)
    {
        lock (_gate)
        {
            return Of(attempt).StallLimit(options.Stall);
        }
    }

    private Pace Of(Attempt attempt)
    {
        var key = (attempt.HostId, attempt.Model, attempt.Kind);
        if (!_paces.TryGetValue(key, out var pace))
        {
            if (_paces.Count >= Most)
            {
                _paces.Clear(); // Hosts come and go for years: what was measured is soon measured again.
                _loaded.Clear();
            }

            pace = new Pace();
            _paces.Add(key, pace);
        }

        return pace;
    }
}
