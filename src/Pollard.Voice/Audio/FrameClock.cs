using Microsoft.Extensions.Logging;

namespace Pollard.Voice.Audio;

/// <summary>Sends a call its next frame. It may neither wait nor throw: all calls have one thread.</summary>
/// <param name="number">The frame's number, one for each 20 ms that pass, also for those that were skipped.</param>
/// <param name="frame">160 bytes of G.711; they are the clock's again afterwards.</param>
/// <param name="isSound">Whether there is anything but silence in it.</param>
internal delegate void FrameDue(long number, ReadOnlySpan<byte> frame, bool isSound);

/// <summary>
/// The clock of all calls of a process: each has a frame each 20 ms, at times that are reckoned from the beginning, so that no delay adds
/// up. After a standstill it catches up a few frames; the other times are skipped, and what was to be heard then is heard later.
/// </summary>
internal sealed partial class FrameClock : IDisposable
{
    private const int FramesPerSecond = 50;
    private const int MostBehind = 3; // What a phone's own buffer takes at once, 60 ms.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly long _origin;
    private readonly AutoResetEvent _changed = new(initialState: false);
    private readonly Lock _gate = new();
    private readonly byte[] _frame = new byte[Playout.FrameBytes];
    private Line[] _lines = []; // Replaced as a whole, so that the clock needs no lock.
    private Thread? _thread;
    private long _done;
    private volatile bool _isStopped;

    public FrameClock(TimeProvider time, ILogger logger)
    {
        (_time, _logger) = (time, logger);
        _origin = time.GetTimestamp();
    }

    /// <summary>The number of the last frame, for who looks whether it runs.</summary>
    public long LastFrame => Volatile.Read(ref _done);

    /// <summary>Begins to give frames, on a thread of its own: the pool's may all be busy.</summary>
    public void Start()
    {
        _thread = new Thread(Run)
        {
            IsBackground = true,
            Name = "Frames of calls",
            Priority = ThreadPriority.Highest,
        };
        _thread.Start();
    }

    /// <summary>Gives a call its frames until what is returned is disposed; one may still be on its way then.</summary>
    public IDisposable Add(Playout playout, FrameDue due)
    {
        var line = new Line(this, playout, due);
        lock (_gate)
        {
            _lines = [.. _lines, line];
        }

        _changed.Set();
        return line;
    }

    /// <summary>Gives all frames whose time has come.</summary>
    /// <returns>How long it is until the next; infinite where there is no call.</returns>
    public TimeSpan GiveDue()
    {
        var due = (_time.GetTimestamp() - _origin) * FramesPerSecond / _time.TimestampFrequency;
        if (Volatile.Read(ref _lines).Length == 0)
        {
            _done = due;
            return Timeout.InfiniteTimeSpan;
        }

        if (due - _done > MostBehind)
        {
            AudioMetrics.Skipped(due - _done - MostBehind);
            _done = due - MostBehind;
        }

        while (_done < due)
        {
            Volatile.Write(ref _done, _done + 1);
            foreach (var line in Volatile.Read(ref _lines))
            {
                Give(line);
            }

            AudioMetrics.Late(-Until(_done));
        }

        var wait = Until(_done + 1);
        return wait > TimeSpan.Zero ? wait : TimeSpan.Zero;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_isStopped)
        {
            return;
        }

        _isStopped = true;
        _changed.Set();
        if (_thread is null || _thread.Join(Patience)) // It is not, where a call's own code hangs.
        {
            _changed.Dispose();
        }
    }

    private void Run()
    {
        while (!_isStopped)
        {
            var wait = GiveDue();
            // Up to the next millisecond: a shorter wait would be none, and the thread would turn in circles.
            _changed.WaitOne(
                wait == Timeout.InfiniteTimeSpan ? Timeout.Infinite : (int)Math.Ceiling(wait.TotalMilliseconds)
            );
        }
    }

    private void Give(Line line)
    {
        try
        {
            var isSound = line.Playout.Take(_frame);
            line.Due(_done, _frame, isSound);
        }
        catch (Exception e)
        {
            line.Dispose(); // The others must go on, and one that fails would 50 times a second.
            LogFailed(_logger, e);
        }
    }

    private TimeSpan Until(long frame)
    {
        var at = _origin + frame * _time.TimestampFrequency / FramesPerSecond;
        return _time.GetElapsedTime(_time.GetTimestamp(), at);
    }

    private void Remove(Line line)
    {
        lock (_gate)
        {
            _lines = [.. _lines.Where(one => one != line)];
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "A call could not send its frame, and hears no more")]
    private static partial void LogFailed(ILogger logger, Exception exception);

    private sealed class Line(FrameClock clock, Playout playout, FrameDue due) : IDisposable
    {
        public Playout Playout { get; } = playout;

        public FrameDue Due { get; } = due;

        public void Dispose() => clock.Remove(this);
    }
}
