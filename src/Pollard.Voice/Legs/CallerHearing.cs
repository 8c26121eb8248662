using Pollard.Voice.Audio;

namespace Pollard.Voice.Legs;

/// <summary>
/// Tells one ear what comes of its caller, by one thread at a time. A caller's side that sends nothing where there is silence is made to be
/// silent, or nobody would notice where speech ends; and one that sends nothing for long is gone.
/// </summary>
/// <param name="ear">Hears.</param>
/// <param name="mostSilence">How long nothing may come before <see cref="Gone"/>.</param>
/// <param name="isAwaited">Whether that holds only when something has come.</param>
internal sealed class CallerHearing(ICallerEar ear, TimeSpan mostSilence, bool isAwaited = false) : IThreadPoolWorkItem
{
    private const int FrameSamples = Playout.FrameBytes;
    private const int FillFrames = 10; // 200 ms: packets seldom come later than that, and words must not be torn.
    private static readonly float[] Silence = new float[FillFrames * FrameSamples];
    private readonly Lock _gate = new();
    private readonly TaskCompletionSource<string> _gone = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _mostFrames = FramesOf(mostSilence);
    private long _quietFrames; // Since anything came.
    private volatile bool _isAwaited = isAwaited;
    private int _owedFrames; // Since there was sound, or silence in its place.
    private int _isFilling;
    private int _filledSamples;

    /// <summary>Ends when nothing has come for too long, with that as the reason; and when the ear fails.</summary>
    public Task<string> Gone => _gone.Task;

    /// <summary>Samples of silence that were put in since the last sound.</summary>
    public int FilledSamples => Volatile.Read(ref _filledSamples);

    /// <summary>Frames of the clock since anything came.</summary>
    public long QuietFrames => Volatile.Read(ref _quietFrames);

    /// <summary>Sets how long nothing may come from now on.</summary>
    public void Allow(TimeSpan silence)
    {
        Volatile.Write(ref _mostFrames, FramesOf(silence));
        Volatile.Write(ref _quietFrames, 0);
    }

    /// <summary>Something came that need not be sound.</summary>
    public void Came()
    {
        _isAwaited = false;
        Volatile.Write(ref _quietFrames, 0);
    }

    /// <summary>Sound came.</summary>
    public void Hear(ReadOnlySpan<float> samples)
    {
        lock (_gate)
        {
            Volatile.Write(ref _owedFrames, 0);
            Volatile.Write(ref _filledSamples, 0);
            ear.Hear(samples);
        }
    }

    /// <summary>A key was pressed.</summary>
    public void Press(char key)
    {
        lock (_gate)
        {
            ear.Press(key);
        }
    }

    /// <summary>20 ms have passed. It never waits for the ear.</summary>
    public void Tick()
    {
        // hot: each call, each 20 ms.
        if (Interlocked.Increment(ref _quietFrames) >= Volatile.Read(ref _mostFrames) && !_isAwaited)
        {
            var seconds = Volatile.Read(ref _mostFrames) * FrameSamples / G711.Rate;
            _gone.TrySetResult($"nothing has come from the caller for {seconds} s");
        }

        if (
            Interlocked.Increment(ref _owedFrames) >= FillFrames
            && Interlocked.CompareExchange(ref _isFilling, 1, 0) == 0
        )
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }

    /// <summary>Puts silence in, away from the clock's thread.</summary>
    void IThreadPoolWorkItem.Execute()
    {
        try
        {
            lock (_gate)
            {
                if (_owedFrames >= FillFrames) // Sound may just have come.
                {
                    Interlocked.Add(ref _owedFrames, -FillFrames);
                    _filledSamples += Silence.Length;
                    ear.Hear(Silence);
                }
            }
        }
        catch (Exception e)
        {
            _gone.TrySetException(e); // There is nobody else to tell on this thread.
        }
        finally
        {
            Volatile.Write(ref _isFilling, 0);
        }
    }

    private static long FramesOf(TimeSpan length) => (long)(length.TotalSeconds * G711.Rate / FrameSamples);
}
