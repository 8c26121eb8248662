using System.Collections.Concurrent;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Dispatch;

namespace Pollard.Gateway.Hosts;

/// <summary>An attempt in one session. Only the session's reader changes what is not volatile.</summary>
internal sealed class SessionAttempt(Attempt attempt, TimeProvider time)
{
    private int _fenced;
    private long _offerLeftAt;

    public Attempt Attempt { get; } = attempt;

    /// <summary>How many frames about it the host sends.</summary>
    public FrameRate Rate { get; } = new(time, LinkLimits.FramesPerSecond);

    /// <summary>Output of the batch being read awaits its flush.</summary>
    public bool IsTouched { get; set; }

    /// <summary>The host was told, or is about to be told, to stop.</summary>
    public volatile bool IsStopped;

    /// <summary>When the offer left for the host, on the monotonic clock; 0 while it waits.</summary>
    public long OfferLeftAt
    {
        get => Volatile.Read(ref _offerLeftAt);
        set => Volatile.Write(ref _offerLeftAt, value);
    }

    /// <summary>True the first time: a host is told once that an attempt is no longer its own.</summary>
    public bool TryFence()
    {
        IsStopped = true;
        return Interlocked.Exchange(ref _fenced, 1) == 0;
    }
}

/// <summary>The attempts of one session, by the handles that it gave them. A handle is never given twice.</summary>
internal sealed class SessionAttempts(TimeProvider time)
{
    // Small: most sessions have nothing most of the time, and there may be very many of them.
    private readonly ConcurrentDictionary<uint, SessionAttempt> _attempts = new(concurrencyLevel: 1, capacity: 1);
    private uint _last;

    /// <summary>True when the host has nothing of this session.</summary>
    public bool IsEmpty => _attempts.IsEmpty;

    /// <summary>Gives an attempt its handle.</summary>
    public SessionAttempt Add(Attempt attempt)
    {
        var entry = new SessionAttempt(attempt, time);
        attempt.Handle = Interlocked.Increment(ref _last);
        _attempts[attempt.Handle] = entry;
        return entry;
    }

    /// <summary>The attempt with this handle, or null when it has none any more.</summary>
    public SessionAttempt? Find(uint handle) => _attempts.GetValueOrDefault(handle);

    /// <summary>True for a handle that was given out, be it still known or not.</summary>
    public bool WasGiven(uint handle) => handle != 0 && handle <= Volatile.Read(ref _last);

    /// <summary>Forgets an attempt whose slot is free.</summary>
    public void Remove(uint handle) => _attempts.TryRemove(handle, out _);
}
