using Pollard.Tasks.Events;

namespace Pollard.Tasks;

/// <summary>A task that was submitted or found: read it, wait for it, read along.</summary>
public sealed class TaskHandle
{
    internal TaskHandle() { }

    /// <summary>Its state at this moment.</summary>
    public TaskRow Row => throw new NotSupportedException();

    /// <summary>Its id in Pollard's own form (<c>task_...</c>); other forms come from <see cref="TaskEngine.Ids"/>.</summary>
    public string PublicId => throw new NotSupportedException();

    /// <summary>Waits until it has ended, but no longer than <paramref name="timeout"/>; answers with its state then.</summary>
    public ValueTask<TaskRow> WaitAsync(TimeSpan timeout, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    /// <summary>Reads its events after number <paramref name="after"/> (-1: all).</summary>
    public TaskEventReader ReadEvents(int after = -1) => throw new NotSupportedException();

    /// <summary>The result of a completed task, else null.</summary>
    public ValueTask<ReadOnlyMemory<byte>?> ReadResultAsync(CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    /// <summary>The request as it was submitted.</summary>
    public ValueTask<ReadOnlyMemory<byte>?> ReadRequestAsync(CancellationToken cancellationToken) =>
        throw new NotSupportedException();
}

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
    internal TaskEventReader() { }

    /// <summary>The next event that is there; false when <see cref="WaitAsync"/> must be awaited first.</summary>
    public bool TryRead(out TaskEvent next) => throw new NotSupportedException();

    /// <summary>Waits for events. May go on inline on the thread that reads the host's link: do not block after it.</summary>
    public ValueTask<EventWait> WaitAsync(TimeSpan timeout, CancellationToken cancellationToken) =>
        throw new NotSupportedException();
}
