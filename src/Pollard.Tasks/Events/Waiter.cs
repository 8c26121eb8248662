using System.Threading.Tasks.Sources;
using Pollard.Tasks.Leases;

namespace Pollard.Tasks.Events;

/// <summary>
/// Somebody who waits for a task's next event or for its end, with a time-out. It is completed exactly once: by the log, by
/// the wheel or by its token, whoever takes it out of the log. Used again and again by one reader, it costs nothing a wait.
/// </summary>
internal sealed class Waiter(TaskLog log, TimerWheel wheel, bool onlyFinal) : WheelTimer, IValueTaskSource<bool>
{
    private ManualResetValueTaskSourceCore<bool> _source;
    private CancellationTokenRegistration _registration;
    private CancellationToken _token;

    internal Waiter? NextInLog;

    /// <summary>True: woken only by the end.</summary>
    public bool OnlyFinal { get; } = onlyFinal;

    /// <summary>Begins to wait: true when the log woke it, false after the time-out. The caller holds the log's gate and calls <see cref="Arm"/> after leaving it.</summary>
    public ValueTask<bool> BeginAsync()
    {
        _source.Reset();
        log.Add(this);
        return new ValueTask<bool>(this, _source.Version);
    }

    /// <summary>Sets the time-out and the token.</summary>
    public void Arm(TimeSpan timeout, CancellationToken ct)
    {
        _token = ct;
        if (timeout != Timeout.InfiniteTimeSpan)
        {
            wheel.Set(this, timeout);
        }

        if (ct.CanBeCanceled)
        {
            _registration = ct.UnsafeRegister(static state => ((Waiter)state!).GiveUp(cancelled: true), this);
        }
    }

    /// <summary>The log woke it. Called outside every lock.</summary>
    public void Wake() => _source.SetResult(true);

    /// <summary>Completes a chain of waiters that <see cref="TaskLog.Show"/> took out.</summary>
    public static void WakeAll(Waiter? first)
    {
        while (first is { } waiter)
        {
            first = waiter.NextInLog;
            waiter.NextInLog = null;
            waiter.Wake();
        }
    }

    internal override void Fire() => GiveUp(cancelled: false);

    private void GiveUp(bool cancelled)
    {
        bool mine;
        lock (log.Gate)
        {
            mine = log.Remove(this);
        }

        if (!mine)
        {
            return;
        }

        if (cancelled)
        {
            _source.SetException(new OperationCanceledException(_token));
        }
        else
        {
            _source.SetResult(false);
        }
    }

    bool IValueTaskSource<bool>.GetResult(short token)
    {
        wheel.Stop(this);
        _registration.Dispose(); // Waits for a cancellation under way, so that none is left for the next wait.
        _registration = default;
        return _source.GetResult(token);
    }

    ValueTaskSourceStatus IValueTaskSource<bool>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<bool>.OnCompleted(
        Action<object?> continuation,
        object? state,
        short token,
        ValueTaskSourceOnCompletedFlags flags
    ) => _source.OnCompleted(continuation, state, token, flags);
}
