using System.Numerics;

namespace Pollard.Tasks.Leases;

/// <summary>Something to happen at a time. One instance is in the wheel at most once.</summary>
internal abstract class WheelTimer
{
    internal WheelTimer? Next;
    internal WheelTimer? Previous;
    internal long Due; // In ticks of the wheel.
    internal int Slot = -1;

    /// <summary>The time has come. Called outside the wheel's lock, on the thread of its timer: short, and never throws.</summary>
    internal abstract void Fire();
}

/// <summary>
/// All the engine's deadlines: setting and stopping one costs a few pointers, however many there are, and only one timer of
/// the platform runs, set for the next deadline. Six wheels of 64 slots, each turning 64 times slower than the one before.
/// Deadlines are kept to 10 ms and never fire early; time is monotonic.
/// </summary>
internal sealed class TimerWheel : IDisposable
{
    private const int Levels = 6;
    private const int SlotsPerLevel = 64;
    private const int Shift = 6;
    private const long MaxTicks = 1L << ((Shift * Levels) - 1); // Ten years.
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(10);

    private static readonly TimeSpan ArmedMost = TimeSpan.FromDays(1); // The platform's timer takes no more than 49 days.
    private static readonly TimeSpan RoundDeadline = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private readonly WheelTimer?[] _slots = new WheelTimer?[Levels * SlotsPerLevel];
    private readonly ulong[] _occupied = new ulong[Levels];
    private readonly TimeProvider _time;
    private readonly long _start;
    private readonly ITimer _timer;
    private readonly Action<Exception> _failed;
    private long _now; // The last tick that was worked off.
    private long _armed = long.MaxValue; // The tick that the platform's timer is set for.

    /// <param name="time">The clock.</param>
    /// <param name="failed">Told of a timer that threw: its fault must not keep the others from firing, nor end the process.</param>
    public TimerWheel(TimeProvider time, Action<Exception> failed)
    {
        _failed = failed;
        _time = time;
        Loop = new BackgroundLoop("timers", RoundDeadline, interval: null, time);
        _start = time.GetTimestamp();
        _timer = time.CreateTimer(
            static state => ((TimerWheel)state!).Advance(),
            this,
            Timeout.InfiniteTimeSpan,
            Timeout.InfiniteTimeSpan
        );
    }

    /// <summary>How the wheel is.</summary>
    public BackgroundLoop Loop { get; }

    /// <summary>Sets the timer to fire after <paramref name="delay"/>; one that was set before is moved.</summary>
    public void Set(WheelTimer timer, TimeSpan delay)
    {
        lock (_gate)
        {
            if (timer.Slot >= 0)
            {
                Unlink(timer);
            }

            if (IsEmpty())
            {
                _now = Math.Max(_now, Elapsed()); // Nothing to pass on the way: no slow wheel has to be turned for this one.
            }

            // Rounded up, and one more for the tick that has begun: never early.
            var ticks =
                delay <= TimeSpan.Zero ? 1 : Math.Min((delay.Ticks + Tick.Ticks - 1) / Tick.Ticks, MaxTicks) + 1;
            timer.Due = Math.Max(Elapsed(), _now) + ticks;
            Link(timer);
            Arm();
        }
    }

    /// <summary>Takes the timer out. It may still fire when it is being fired at this moment.</summary>
    public void Stop(WheelTimer timer)
    {
        lock (_gate)
        {
            if (timer.Slot >= 0)
            {
                Unlink(timer);
            }
        }
    }

    public void Dispose() => _timer.Dispose();

    private bool IsEmpty()
    {
        foreach (var slots in _occupied)
        {
            if (slots != 0)
            {
                return false;
            }
        }

        return true;
    }

    private long Elapsed() => _time.GetElapsedTime(_start).Ticks / Tick.Ticks;

    private void Advance()
    {
        Loop.Begin();
        List<WheelTimer>? due = null; // A list of its own: a timer may be set again by somebody before its turn comes here.
        lock (_gate)
        {
            _armed = long.MaxValue;
            var target = Elapsed();
            while (NextTick() is var next && next <= target)
            {
                _now = next;
                Collect(ref due);
            }

            _now = Math.Max(_now, target);
            Arm();
        }

        foreach (var timer in due ?? [])
        {
            try
            {
                timer.Fire();
            }
            catch (Exception e)
            {
                _failed(e);
            }
        }

        Loop.End();
    }

    // Takes what is due at _now, and spreads the slots of slower wheels that begin at _now over the faster ones.
    private void Collect(ref List<WheelTimer>? due)
    {
        for (var level = 0; level < Levels; level++)
        {
            if (level > 0 && (_now & ((1L << (Shift * level)) - 1)) != 0)
            {
                break;
            }

            var slot = level * SlotsPerLevel + (int)((_now >> (Shift * level)) & (SlotsPerLevel - 1));
            while (_slots[slot] is { } timer)
            {
                Unlink(timer);
                if (timer.Due <= _now)
                {
                    (due ??= []).Add(timer);
                }
                else
                {
                    Link(timer);
                }
            }
        }
    }

    // The next tick at which any slot has to be looked at.
    private long NextTick()
    {
        var next = long.MaxValue;
        for (var level = 0; level < Levels; level++)
        {
            if (_occupied[level] == 0)
            {
                continue;
            }

            var position = _now >> (Shift * level);
            var rotated = BitOperations.RotateRight(_occupied[level], (int)((position + 1) & (SlotsPerLevel - 1)));
            var ahead = BitOperations.TrailingZeroCount(rotated) + 1;
            next = Math.Min(next, (position + ahead) << (Shift * level));
        }

        return next;
    }

    private void Arm()
    {
        var next = NextTick();
        if (next >= _armed)
        {
            return; // Firing too early for a timer that was stopped costs one look; setting the timer each time costs more.
        }

        var delay = TimeSpan.FromTicks(next * Tick.Ticks) - _time.GetElapsedTime(_start);
        delay = delay < ArmedMost ? delay : ArmedMost; // One look a day for what is far away.
        _timer.Change(
            TimeSpan.FromMilliseconds(Math.Max(1, Math.Ceiling(delay.TotalMilliseconds))),
            Timeout.InfiniteTimeSpan
        );
        _armed = next;
    }

    private void Link(WheelTimer timer)
    {
        var distance = timer.Due - _now;
        var level = 0;
        while (level < Levels - 1 && distance >= 1L << (Shift * (level + 1)))
        {
            level++;
        }

        var index = (int)((timer.Due >> (Shift * level)) & (SlotsPerLevel - 1));
        var slot = level * SlotsPerLevel + index;
        timer.Slot = slot;
        timer.Previous = null;
        timer.Next = _slots[slot];
        if (timer.Next is { } next)
        {
            next.Previous = timer;
        }

        _slots[slot] = timer;
        _occupied[level] |= 1UL << index;
    }

    private void Unlink(WheelTimer timer)
    {
        var slot = timer.Slot;
        if (timer.Previous is { } previous)
        {
            previous.Next = timer.Next;
        }
        else
        {
            _slots[slot] = timer.Next;
            if (timer.Next is null)
            {
                _occupied[slot / SlotsPerLevel] &= ~(1UL << (slot % SlotsPerLevel));
            }
        }

        if (timer.Next is { } next)
        {
            next.Previous = timer.Previous;
        }

        timer.Next = null;
        timer.Previous = null;
        timer.Slot = -1;
    }
}
