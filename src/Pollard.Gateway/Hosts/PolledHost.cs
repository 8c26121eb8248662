using Pollard.Protocol.HostLink;
using Pollard.Tasks.Dispatch;

namespace Pollard.Gateway.Hosts;

/// <summary>What a request for work came to: work, nothing, or a newer request in its place.</summary>
/// <param name="Work">The work; null: there was none.</param>
/// <param name="IsReplaced">True when a newer request of the same host ended this one.</param>
internal readonly record struct Polled(PolledWork? Work, bool IsReplaced);

/// <summary>
/// A host that asks for work request by request, and has no link. For each request of it that is held it has a free slot in the
/// engine, so that an offer is taken in the same moment, and what it does not ask for goes to others.
/// </summary>
internal sealed partial class PolledHost(
    HostPool pool,
    HostGuests guests,
    TimeProvider time,
    PolledLimits limits,
    string id,
    PolledProfile profile
)
{
    private const int BroughtKept = 256;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, PolledWork> _work = new(StringComparer.Ordinal);
    private readonly List<TaskCompletionSource<Polled>> _polls = [];
    private readonly Queue<PolledWork> _brought = []; // The last ones: who did not hear the answer brings them again.
    private DispatchHost? _link;
    private bool _isLinking;
    private bool _isGone;
    private bool _isTelling;
    private int _slots;
    private long _heard = time.GetTimestamp();

    /// <summary>Its id for everybody.</summary>
    public string Id => id;

    /// <summary>What it is.</summary>
    public PolledProfile Profile => profile;

    /// <summary>It was shut out, or has left.</summary>
    public bool IsGone => Volatile.Read(ref _isGone);

    /// <summary>Something was heard of it.</summary>
    public void Touch()
    {
        Volatile.Write(ref _heard, time.GetTimestamp());
        Link();
        _link?.Touch();
    }

    /// <summary>The host asks for work: answers when there is some, or when the time is over.</summary>
    public async Task<Polled> TakeAsync(TimeSpan hold, CancellationToken ct)
    {
        var poll = new TaskCompletionSource<Polled>(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource<Polled>? oldest = null;
        lock (_gate)
        {
            _polls.Add(poll);
            if (_polls.Count > profile.Polls)
            {
                oldest = _polls[0];
                _polls.RemoveAt(0);
            }
        }

        oldest?.TrySetResult(new Polled(null, IsReplaced: true));
        Touch();
        Inform();
        try
        {
            return await poll.Task.WaitAsync(hold, time, ct);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            lock (_gate)
            {
                _polls.Remove(poll);
            }

            var isMine = poll.TrySetResult(default);
            Inform();
            return isMine ? default : await poll.Task; // It came in the last moment.
        }
    }

    /// <summary>The work with this id that the host has, or has brought of late; null when it has none such.</summary>
    public PolledWork? Find(string workId)
    {
        lock (_gate)
        {
            return _work.GetValueOrDefault(workId) ?? _brought.FirstOrDefault(work => work.Id == workId);
        }
    }

    /// <summary>True for work that it has and has not brought.</summary>
    public bool IsAt(PolledWork work)
    {
        lock (_gate)
        {
            return _work.ContainsKey(work.Id);
        }
    }

    /// <summary>The host brings work, which it has no more from here on; false when it did so before, or has it no more.</summary>
    public bool Bring(PolledWork work)
    {
        lock (_gate)
        {
            if (!_work.Remove(work.Id))
            {
                return false;
            }

            _brought.Enqueue(work);
            if (_brought.Count > BroughtKept)
            {
                _brought.Dequeue();
            }
        }

        Touch();
        return true;
    }

    /// <summary>The try failed, if the host still has it; whether there is another is the engine's to say.</summary>
    public void Fail(PolledWork work, Messages.Fail why)
    {
        lock (_gate)
        {
            if (!_work.Remove(work.Id))
            {
                return;
            }
        }

        work.Attempt.Fail(work.Attempt.NextSeq, why);
        work.Attempt.Free();
        work.End();
        Inform();
    }

    /// <summary>The work goes to another host at once, and the try does not count.</summary>
    public bool TakeBack(PolledWork work, string why)
    {
        lock (_gate)
        {
            if (!_work.Remove(work.Id))
            {
                return false;
            }
        }

        work.End();
        work.Attempt.Refuse("busy", why);
        Inform();
        return true;
    }

    /// <summary>Looks after the host; false when it is to be forgotten.</summary>
    public bool Tick()
    {
        List<PolledWork> late;
        bool isHeld;
        lock (_gate)
        {
            isHeld = _polls.Count > 0 || _brought.Any(static work => work.IsOpen);
            late = [.. _work.Values.Where(static work => work.LeaseLeft <= TimeSpan.Zero)];
        }

        if (isHeld)
        {
            Touch(); // It waits for our answer, or we hand on what it brought: it is there.
        }

        if (IsGone || time.GetElapsedTime(Volatile.Read(ref _heard)) > limits.Idle)
        {
            return false;
        }

        foreach (var work in late)
        {
            Fail(work, Late);
        }

        Inform();
        return true;
    }

    /// <summary>It goes. What it has goes to others at once.</summary>
    public void Leave()
    {
        lock (_gate)
        {
            _isGone = true;
        }

        EndAll();
        pool.Evict(id, "left", "the host has left");
        guests.Left(id);
    }

    /// <summary>Tells the engine how many slots the host has at this moment.</summary>
    public void Inform()
    {
        while (true)
        {
            int slots;
            lock (_gate)
            {
                slots = Math.Min(_work.Count + _polls.Count, Math.Max(profile.Slots, _work.Count));
                if (_isTelling || slots == _slots || _link is null)
                {
                    return; // Whoever tells looks again.
                }

                (_slots, _isTelling) = (slots, true);
            }

            _link?.SetSlots(slots); // Outside the lock: it may bring an offer at once.
            lock (_gate)
            {
                _isTelling = false;
            }
        }
    }

    private static Messages.Fail Late { get; } =
        new()
        {
            Code = "host_lost",
            Message = "the agent did not bring the result within the time that the task has",
            Retryable = true,
        };

    private void EndAll()
    {
        List<TaskCompletionSource<Polled>> polls;
        List<PolledWork> work;
        lock (_gate)
        {
            (polls, work) = ([.. _polls], [.. _work.Values, .. _brought]);
            _polls.Clear();
            _work.Clear();
        }

        foreach (var poll in polls)
        {
            poll.TrySetResult(default);
        }

        foreach (var one in work)
        {
            one.End();
        }
    }
}
