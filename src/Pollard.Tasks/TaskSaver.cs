using Microsoft.Extensions.Logging;
using Pollard.Tasks.Storage;

namespace Pollard.Tasks;

/// <summary>
/// Brings tasks to disk. Of one task at most one write is under way; what changes meanwhile goes with the next, so that writes
/// of a task never overtake each other and a busy store writes less, not later. What a durable task shows is what was committed.
/// </summary>
internal sealed partial class TaskSaver(EngineCore core, ILogger logger)
{
    private static readonly TimeSpan TryAgain = TimeSpan.FromSeconds(1);

    /// <summary>The task's row or events changed. The caller holds the log's gate.</summary>
    public void Changed(LiveTask task, Effects effects)
    {
        if (task.Row.Durability == Durability.Full)
        {
            Save(task, effects);
            return;
        }

        task.Shown = task.Row;
        effects.Wake(task.Log.Show(task.Log.Count, task.Row.IsFinal));
        if (task.Row.IsFinal)
        {
            Save(task, effects);
        }
    }

    /// <summary>Output of a durable task came: saved at once when it is the first or much, else gathered for a moment. The caller holds the log's gate.</summary>
    public void OutputCame(LiveTask task, bool first, int gatheredBytes, Effects effects)
    {
        if (first || gatheredBytes >= core.Options.OutputCommitBytes)
        {
            Save(task, effects);
        }
        else if (!task.OutputWaits && !task.Saving)
        {
            task.OutputWaits = true;
            core.Wheel.Set(task.SaveTimer ??= new SaveTimer(this, task), core.Options.OutputCommitDelay);
        }
    }

    /// <summary>Writes all that is not on disk yet. The caller holds the log's gate.</summary>
    public void Save(LiveTask task, Effects effects)
    {
        if (task.Saving)
        {
            task.SaveAgain = true;
            return;
        }

        var write = Build(task);
        var body = task.Body;
        if (body is null)
        {
            core.Store.Enqueue(write);
        }

        effects.Add(
            static (subject, detail, number) =>
            {
                var (saver, saved, body) = ((TaskSaver, StoreWrite, IBodyWriter?))detail!;
                _ = saver.WriteAsync((LiveTask)subject, saved, body, (int)number); // Catches all that can go wrong itself.
            },
            task,
            (this, write, body),
            task.Log.Count
        );
    }

    /// <summary>Makes the write of all that is not on disk yet, and marks it as under way. The caller holds the log's gate, enqueues it, and then calls <see cref="FinishAsync"/>.</summary>
    public static StoreWrite Build(LiveTask task)
    {
        task.Saving = true;
        task.SaveAgain = false;
        task.OutputWaits = false;
        var isNew = task.StoredVersion == 0;
        var rowChanged = task.StoredVersion != task.Row.Version;
        return new StoreWrite
        {
            Id = task.Id,
            Row = rowChanged ? task.Row with { EventCount = task.Log.Count } : null,
            ExpectedVersion = task.StoredVersion,
            Request = isNew ? task.Request : null,
            Result = task is { Row.State: TaskState.Completed, ResultStored: false } ? task.Result : null,
            Events = task.Log.Pack(task.Log.Stored),
            Idempotency = isNew ? task.Idempotency : null,
            MayLinger = task.Row is { Durability: Durability.Relaxed, IsFinal: true }, // Its client has its answer.
        };
    }

    /// <summary>Waits for the write and shows what it brought to disk.</summary>
    public async Task<StoreOutcome> FinishAsync(LiveTask task, StoreWrite write, int events) =>
        Conclude(task, write, events, await write.Done);

    // Events must not tell of a body that a crash would take back.
    private async Task WriteAsync(LiveTask task, StoreWrite write, IBodyWriter? body, int events)
    {
        if (body is not null)
        {
            try
            {
                await body.FlushAsync();
                core.Store.Enqueue(write);
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException)
            {
                LogBodyNotKept(logger, task.PublicId, e.Message);
                Conclude(task, write, events, StoreOutcome.Failed);
                return;
            }
        }

        await FinishAsync(task, write, events);
    }

    private StoreOutcome Conclude(LiveTask task, StoreWrite write, int events, StoreOutcome outcome)
    {
        var effects = Effects.Rent();
        var ended = false;
        lock (core.Gate)
        {
            lock (task.Log.Gate)
            {
                task.Saving = false;
                switch (outcome)
                {
                    case StoreOutcome.Committed:
                        Committed(task, write, events, effects);
                        ended = task is { Shown.IsFinal: true, Saving: false, SaveAgain: false };
                        break;
                    case StoreOutcome.Failed when task.StoredVersion > 0:
                        core.Wheel.Set(task.SaveTimer ??= new SaveTimer(this, task), TryAgain);
                        break;
                    case StoreOutcome.Failed when task.Row is { Durability: Durability.Relaxed, IsFinal: true }:
                        LogNotRecorded(logger, task.PublicId, core.Store.Health.Reason);
                        ended = true;
                        break;
                    case StoreOutcome.Conflict:
                        LogConflict(logger, task.PublicId, write.ExpectedVersion);
                        ended = true;
                        break;
                    default:
                        break; // A new task that could not be stored: who submits it says so to the client.
                }
            }

            if (ended)
            {
                core.Forget(task);
            }
        }

        effects.Run();
        if (ended)
        {
            CloseBody(task);
        }

        return outcome;
    }

    private static void CloseBody(LiveTask task)
    {
        IBodyWriter? body;
        bool isWanted;
        lock (task.Log.Gate)
        {
            (body, task.Body) = (task.Body, null);
            isWanted = task.Row.State == TaskState.Completed;
        }

        if (isWanted)
        {
            body?.Dispose();
        }
        else
        {
            body?.Abandon();
        }
    }

    private void Committed(LiveTask task, StoreWrite write, int events, Effects effects)
    {
        task.StoredVersion = write.Row?.Version ?? task.StoredVersion;
        task.ResultStored |= write.Result is not null;
        task.Log.Stored = events;
        if (task.Row.Durability == Durability.Full)
        {
            task.Shown = write.Row ?? task.Shown;
            effects.Wake(task.Log.Show(events, task.Shown.IsFinal));
            EngineCore.AcknowledgeStored(task, events, effects);
            if (task is { Shown.Stage: TaskStage.Validating, Row.Stage: TaskStage.Validating })
            {
                core.Reviews.Begin(task, effects); // Not before: a check may make tasks of its own.
            }
        }

        if (task.SaveAgain)
        {
            Save(task, effects);
        }
    }

    private void SaveLater(LiveTask task)
    {
        var effects = Effects.Rent();
        lock (task.Log.Gate)
        {
            if (task.StoredVersion != task.Row.Version || task.Log.Stored < task.Log.Count)
            {
                Save(task, effects);
            }
        }

        effects.Run();
    }

    private sealed class SaveTimer(TaskSaver saver, LiveTask task) : Leases.WheelTimer
    {
        internal override void Fire() => saver.SaveLater(task);
    }

    [LoggerMessage(
        Level = LogLevel.Error,
        Message = "Task {TaskId} was not recorded after it had been answered: {Reason}"
    )]
    private static partial void LogNotRecorded(ILogger logger, string taskId, string? reason);

    [LoggerMessage(
        Level = LogLevel.Error,
        Message = "The body of task {TaskId} could not be brought to disk; it is tried again: {Reason}"
    )]
    private static partial void LogBodyNotKept(ILogger logger, string taskId, string reason);

    [LoggerMessage(
        Level = LogLevel.Critical,
        Message = "The store holds another version of task {TaskId} than {Version}; does a second gateway use this store?"
    )]
    private static partial void LogConflict(ILogger logger, string taskId, long version);
}
