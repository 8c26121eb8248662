namespace Pollard.Tasks.Events;

/// <summary>What a wait for events brought.</summary>
public enum EventWait
{
    /// <summary>There are events: <see cref="TaskEventReader.TryRead"/> gives them.</summary>
    Ready,

    /// <summary>The final event was read; no more will come.</summary>
    Ended,

    /// <summary>Nothing came in that time.</summary>
    TimedOut,
}

/// <summary>A reader of one task's log, from memory and from the store alike. One at a time may use it.</summary>
public sealed class TaskEventReader
{
    private const int PageBytes = 256 * 1024;
    private readonly LiveTask _task;
    private readonly Waiter _waiter;
    private IReadOnlyList<TaskEvent> _page = []; // Read from the store, when the log in memory begins later.
    private int _pageAt;
    private readonly bool _takesBodies;
    private int _next;

    internal TaskEventReader(LiveTask task, int after, bool takesBodies = false)
    {
        (_task, _takesBodies) = (task, takesBodies);
        _next = Math.Max(0, after + 1);
        _waiter = new Waiter(task.Log, task.Core.Wheel, onlyFinal: false);
    }

    /// <summary>The next event that is there; false when <see cref="WaitAsync"/> must be awaited first.</summary>
    public bool TryRead(out TaskEvent next)
    {
        if (_pageAt < _page.Count)
        {
            next = _page[_pageAt++];
            _next = next.Seq + 1;
            return true;
        }

        var log = _task.Log;
        lock (log.Gate)
        {
            if (_next < log.First || _next >= log.Visible)
            {
                next = default;
                return false;
            }

            next = log[_next++];
            if (_takesBodies || !log.DropsBodies) // Whoever else looks on must not take a body from its reader, or drive its host on.
            {
                log.NoteRead(next);
            }
        }

        EngineCore.CreditReader(_task);
        return true;
    }

    /// <summary>Waits for events. May go on inline on the thread that reads the host's link: do not block after it.</summary>
    public ValueTask<EventWait> WaitAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        ValueTask<bool> wait;
        lock (_task.Log.Gate)
        {
            if (_next < _task.Log.First)
            {
                return new(ReadPageAsync(cancellationToken));
            }

            if (_next < _task.Log.Visible)
            {
                return new(EventWait.Ready);
            }

            // Of another version than what is shown: it was started over, which is on its way to disk.
            if (_task.Shown is { IsFinal: true } shown && shown.Version == _task.Row.Version)
            {
                return new(EventWait.Ended);
            }

            wait = _waiter.BeginAsync();
        }

        _waiter.Arm(timeout, cancellationToken);
        return FinishAsync(wait, timeout, cancellationToken);
    }

    // What woke it may be before its place, when it was asked to begin behind what is there.
    private async ValueTask<EventWait> FinishAsync(ValueTask<bool> wait, TimeSpan timeout, CancellationToken ct) =>
        await wait ? await WaitAsync(timeout, ct) : EventWait.TimedOut;

    private async Task<EventWait> ReadPageAsync(CancellationToken ct)
    {
        _page = await _task.Core.Store.ReadEventsAsync(_task.Id, _next, PageBytes, ct);
        _pageAt = 0;
        if (_page.Count > 0)
        {
            return EventWait.Ready;
        }

        // Ended, and deleted since; or the store lost events, which doctor would tell.
        _next = _task.Log.First;
        return await WaitAsync(TimeSpan.Zero, ct);
    }
}
