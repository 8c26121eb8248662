using Pollard.Tasks.Events;
using Pollard.Tasks.Storage;

namespace Pollard.Tasks;

/// <summary>A task that was submitted or found: read it, wait for it, read along.</summary>
public sealed class TaskHandle
{
    internal TaskHandle(LiveTask task) => Task = task;

    internal LiveTask Task { get; }

    /// <summary>Its state at this moment, as clients may see it: of a durable task what is on disk.</summary>
    public TaskRow Row => Task.Shown;

    /// <summary>Events that a reader could read at this moment.</summary>
    public int EventCount
    {
        get
        {
            lock (Task.Log.Gate)
            {
                return Math.Max(Task.Log.Visible, Task.Shown.EventCount);
            }
        }
    }

    /// <summary>Its id in Pollard's own form (<c>task_...</c>); other forms come from <see cref="TaskEngine.Ids"/>.</summary>
    public string PublicId => Task.PublicId;

    /// <summary>Waits until it has ended, but no longer than <paramref name="timeout"/>; answers with its state then.</summary>
    public ValueTask<TaskRow> WaitAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        Waiter waiter;
        ValueTask<bool> wait;
        lock (Task.Log.Gate)
        {
            if (Task.Shown.IsFinal)
            {
                return new(Task.Shown);
            }

            waiter = new Waiter(Task.Log, Task.Core.Wheel, onlyFinal: true);
            wait = waiter.BeginAsync();
        }

        waiter.Arm(timeout, cancellationToken);
        return FinishAsync(wait);
    }

    /// <summary>The newest of its events that are in memory, at most so many, in order: cheap, for people who watch.</summary>
    public IReadOnlyList<TaskEvent> Newest(int most)
    {
        lock (Task.Log.Gate)
        {
            return Task.Log.Slice(Math.Max(Task.Log.First, Task.Log.Visible - most), Task.Log.Visible);
        }
    }

    /// <summary>Reads its events after number <paramref name="after"/> (-1: all).</summary>
    public TaskEventReader ReadEvents(int after = -1) => new(Task, after);

    /// <summary>The same for the one for whom the answer is: a body that goes through leaves the memory when this reader has it, and its host is paced by it.</summary>
    public TaskEventReader TakeEvents() => new(Task, after: -1, takesBodies: true);

    /// <summary>The result of a completed task, else null.</summary>
    public ValueTask<ReadOnlyMemory<byte>?> ReadResultAsync(CancellationToken cancellationToken)
    {
        if (Task.Shown.State != TaskState.Completed)
        {
            return new((ReadOnlyMemory<byte>?)null);
        }

        return Task.Result is { } result
            ? new(result)
            : Task.Core.Store.ReadBodyAsync(Task.Id, BodyKind.Result, cancellationToken);
    }

    /// <summary>The body of the answer, where it is too large for the log: as much of it as there is. Null when there is none apart.</summary>
    public Stream? OpenBody() => Task.Core.Store.Bodies?.Read(Task.Id);

    /// <summary>The request as it was submitted.</summary>
    public ValueTask<ReadOnlyMemory<byte>?> ReadRequestAsync(CancellationToken cancellationToken) =>
        Task.Request is { } request
            ? new(request)
            : Task.Core.Store.ReadBodyAsync(Task.Id, BodyKind.Request, cancellationToken);

    private async ValueTask<TaskRow> FinishAsync(ValueTask<bool> wait)
    {
        await wait;
        return Task.Shown;
    }
}
