using Pollard.Voice.Engines;

namespace Pollard.Voice.Tests.Engines;

/// <summary>The sound that an engine hands on.</summary>
internal sealed class SoundLog
{
    private readonly List<float> _samples = [];
    private readonly TaskCompletionSource _first = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public int Rate { get; private set; }

    public int Parts { get; private set; }

    /// <summary>How many parts said that the sentence begins anew.</summary>
    public int Anew { get; private set; }

    public IReadOnlyList<float> Samples => _samples;

    /// <summary>Ends with the first part.</summary>
    public Task First => _first.Task;

    public ValueTask TakeAsync(Sound part, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        if (part.IsAnew)
        {
            Anew++;
            _samples.Clear();
        }

        (Rate, Parts) = (part.Rate, Parts + 1);
        _samples.AddRange(part.Samples.Span);
        _first.TrySetResult();
        return ValueTask.CompletedTask;
    }

    /// <summary>As the engines hear it: the samples between are drawn by straight lines.</summary>
    public float[] ToUtterance()
    {
        var utterance = new float[(int)((long)_samples.Count * SpeechLimits.Rate / Rate)];
        for (var i = 0; i < utterance.Length; i++)
        {
            var at = i * (double)Rate / SpeechLimits.Rate;
            var before = (int)at;
            var after = Math.Min(before + 1, _samples.Count - 1);
            utterance[i] = (float)(_samples[before] + ((_samples[after] - _samples[before]) * (at - before)));
        }

        return utterance;
    }
}
