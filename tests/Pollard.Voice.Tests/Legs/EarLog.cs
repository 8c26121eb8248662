using Pollard.Voice.Legs;

namespace Pollard.Voice.Tests.Legs;

/// <summary>Keeps what a leg hears, and can be awaited.</summary>
internal sealed class EarLog : ICallerEar
{
    private readonly Lock _gate = new();
    private readonly List<float> _samples = [];
    private readonly List<char> _keys = [];
    private TaskCompletionSource _changed = NewSignal();

    public float[] Samples
    {
        get
        {
            lock (_gate)
            {
                return [.. _samples];
            }
        }
    }

    public string Keys
    {
        get
        {
            lock (_gate)
            {
                return string.Concat(_keys);
            }
        }
    }

    public void Hear(ReadOnlySpan<float> samples)
    {
        lock (_gate)
        {
            _samples.AddRange(samples);
            Signal();
        }
    }

    public void Press(char key)
    {
        lock (_gate)
        {
            _keys.Add(key);
            Signal();
        }
    }

    /// <summary>Waits until enough was heard.</summary>
    public async Task UntilAsync(Func<EarLog, bool> isEnough)
    {
        while (true)
        {
            var changed = Volatile.Read(ref _changed).Task;
            if (isEnough(this))
            {
                return;
            }

            await changed.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        }
    }

    private void Signal() => Interlocked.Exchange(ref _changed, NewSignal()).TrySetResult();

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
