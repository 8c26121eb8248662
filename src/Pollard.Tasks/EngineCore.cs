using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Pollard.Tasks.Dispatch;
using Pollard.Tasks.Events;
using Pollard.Tasks.Leases;
using Pollard.Tasks.Storage;
using Pollard.Tasks.Validation;
using Pollard.Tasks.Watching;

namespace Pollard.Tasks;

/// <summary>
/// The engine's state and the one way in which it changes: <see cref="Begin"/> takes the lock, changes are made, and what they
/// cause outside is done after the lock is left. Doors come in through <see cref="TaskEngine"/>, hosts through <see cref="HostPool"/>.
/// </summary>
internal sealed partial class EngineCore : IDisposable
{
    public EngineCore(
        ITaskStore store,
        StoreIdentity identity,
        IResultAssembler results,
        IAnswerReview review,
        TaskEngineOptions options,
        TimeProvider time,
        Random random,
        ILogger logger
    )
    {
        Store = store;
        Results = results;
        Options = options;
        Time = time;
        Random = random;
        Logger = logger;
        Ids = new TaskIdCodec(identity.IdKey.Span);
        NewIds = new TaskIdSource(time, identity.Newest);
        Tokens = new AttemptTokens(identity.IdKey.Span);
        Fences = new Fences(identity.Epoch);
        Wheel = new TimerWheel(time, e => LogTimerFailed(logger, e));
        Saver = new TaskSaver(this, logger);
        Losses = new MassLoss(time);
        Paces = new Paces(options, time);
        Rates = new Rates(time);
        Dispatcher = new Dispatcher(this);
        Hosts = new HostPool(this, (long)identity.Epoch << 32);
        Ended = new EndedTasks(options);
        Intake = new Intake(this);
        Reviews = new Reviews(this, review);
        Activity = new EngineActivity(this);
        Breakers = new Breakers(time);
    }

    // The longest that a host may ask to be left alone. A longer rest is the wall clock's fault.
    private static readonly TimeSpan MostRest = TimeSpan.FromHours(1);

    public Lock Gate { get; } = new();

    public ITaskStore Store { get; }

    public IResultAssembler Results { get; }

    public TaskEngineOptions Options { get; }

    public TimeProvider Time { get; }

    public Random Random { get; }

    public ILogger Logger { get; }

    public TaskIdCodec Ids { get; }

    public TaskIdSource NewIds { get; }

    public AttemptTokens Tokens { get; }

    public Fences Fences { get; }

    public TimerWheel Wheel { get; }

    public TaskSaver Saver { get; }

    public Dispatcher Dispatcher { get; }

    public MassLoss Losses { get; }

    public Paces Paces { get; }

    public Rates Rates { get; }

    public HostPool Hosts { get; }

    public Intake Intake { get; }

    public Reviews Reviews { get; }

    public Breakers Breakers { get; }

    public EngineActivity Activity { get; }

    /// <summary>Tasks that have not ended, and ended ones whose end is not on disk yet.</summary>
    public ConcurrentDictionary<TaskId, LiveTask> Live { get; } = new();

    /// <summary>Tasks that ended a short while ago.</summary>
    public EndedTasks Ended { get; }

    /// <summary>Tasks that wait, ready or not. Under the lock.</summary>
    public int Pending { get; set; }

    /// <summary>Tasks that hosts have. Under the lock.</summary>
    public int Running { get; set; }

    /// <summary>Bytes of requests held for tasks that have not ended. Under the lock.</summary>
    public long RequestBytes { get; set; }

    /// <summary>Takes the lock until the answer is disposed of; then does what was gathered.</summary>
    public EngineChange Begin() => new(Gate);

    /// <summary>A task from memory, or a copy of an ended one from the store; null when there is none.</summary>
    public async ValueTask<LiveTask?> FindAsync(TaskId id, CancellationToken ct)
    {
        if ((Live.GetValueOrDefault(id) ?? KeptInMemory(id)) is { } task)
        {
            return task;
        }

        return await Store.FindAsync(id, ct) is { } row
            ? new LiveTask(this, row, row.EventCount)
            {
                StoredVersion = row.Version,
                ResultStored = row.State == TaskState.Completed,
            }
            : null;
    }

    // One whose time to be kept is over is not given out from memory, where nothing deletes it before others take its place.
    private LiveTask? KeptInMemory(TaskId id) =>
        Ended.Find(id) is { } task
        && !(task.Shown.EndedAt + (task.Shown.Retention ?? Options.Retention) <= Time.GetUtcNow())
            ? task
            : null;

    /// <summary>Applies a change to a task's row, logs it, and has it saved. The caller holds the lock.</summary>
    public TransitionOutcome Change(LiveTask task, TaskChange change, Effects effects)
    {
        var before = task.Row;
        var now = Time.GetUtcNow();
        var transition = TaskMachine.Apply(before, change, now);
        if (!transition.Applied)
        {
            return transition.Outcome;
        }

        lock (task.Log.Gate)
        {
            task.Row = transition.Row;
            EventLog.Note(task, before, change, now);
            Saver.Changed(task, effects);
        }

        Pending += Waits(transition.Row) - Waits(before);
        Running += Runs(transition.Row) - Runs(before);
        TaskMetrics.Changed(before, change, transition.Row, now, task.Trace);
        Activity.Changed(task, before, change);
        task.Trace?.Changed(change, transition.Row);
        return TransitionOutcome.Applied;
    }

    /// <summary>A task begins to wait for a host, now or at its time. The caller holds the lock.</summary>
    public void Await(LiveTask task, Effects effects)
    {
        var now = Time.GetUtcNow();
        var row = task.Row;
        if (row.Stage == TaskStage.InputNeeded)
        {
            Wheel.Set(task, (row.QueueDeadline ?? now) - now); // A plan always sets one.
            return;
        }

        if (row.RunAt > now)
        {
            var rest = row.RunAt.Value - now;
            if (row.StartedAt is not null) // It is no moment that a client chose, but a rest after a try.
            {
                rest = rest < MostRest ? rest : MostRest;
                task.RestsUntil = Time.GetTimestamp() + (long)(rest.TotalSeconds * Time.TimestampFrequency);
            }

            Wheel.Set(task, Least(rest, row.QueueDeadline - now));
            return;
        }

        if (IsSpared(task, effects))
        {
            return;
        }

        if (row.RunAt is not null)
        {
            ForgetRunAt(task); // From here on any host may claim it, whatever becomes of the wall clock.
        }

        SetQueueTimer(task);
        if (HasWayBack(task))
        {
            Dispatcher.Keep(task, effects);
        }
        else
        {
            task.KeptFor = null;
            Dispatcher.Enqueue(task, effects);
        }
    }

    // The next moment at which a task that waits for a host may have another one, or is given up.
    private void SetQueueTimer(LiveTask task)
    {
        var next = task.Row.QueueDeadline - Time.GetUtcNow();
        foreach (
            var left in (ReadOnlySpan<TimeSpan>)
                [task.AvoidLeft, task.KeptFor is null ? default : task.KeptLeft, task.CutLeft]
        )
        {
            next = left > TimeSpan.Zero ? Least(left, next) : next;
        }

        if (next is { } wait)
        {
            Wheel.Set(task, wait);
        }
    }

    /// <summary>Drops the request of a task that waits when too much is held already; it is read from the store when a host takes it. The caller holds the lock.</summary>
    public void HoldRequest(LiveTask task)
    {
        if (task.Request is not { Length: var length })
        {
            return;
        }

        if (
            task is { Row.State: TaskState.Pending, StoredVersion: > 0 }
            && RequestBytes + length > Options.RequestMemoryBytes / 2 // The rest is for those that cannot be read again.
        )
        {
            task.Request = null;
            return;
        }

        task.HeldBytes = length;
        RequestBytes += length;
    }

    /// <summary>A time came that a waiting task had set.</summary>
    public void QueueTimeReached(LiveTask task)
    {
        using var change = Begin();
        if (task.Row.State != TaskState.Pending)
        {
            return;
        }

        if (task.Row.QueueDeadline <= Time.GetUtcNow())
        {
            Dispatcher.Dequeue(task);
            Change(task, new TaskChange.QueueTimedOut(), change.Effects);
        }
        else if (task is { Row.Stage: TaskStage.Interrupted, RestsUntil: null } && task.CutLeft <= TimeSpan.Zero)
        {
            StopWaitingToContinue(task, change.Effects);
        }
        else if (task.QueuedIn is { } work)
        {
            Dispatcher.Pump(work, change.Effects); // The time is over in which the host that failed it was avoided.
            if (task.QueuedIn is not null)
            {
                SetQueueTimer(task);
            }
        }
        else
        {
            EndRest(task);
            Dispatcher.Dequeue(task); // It may have waited for the host that has begun it.
            Await(task, change.Effects);
        }
    }

    // The wall clock may have been set back meanwhile; a rest is over when its time has passed.
    private void EndRest(LiveTask task)
    {
        if (task.RestsUntil is { } until && Time.GetTimestamp() >= until)
        {
            task.RestsUntil = null;
            ForgetRunAt(task);
        }
    }

    private static void ForgetRunAt(LiveTask task)
    {
        lock (task.Log.Gate) // A write of the row may be in the making. The claim saves it.
        {
            task.Row = task.Row with { RunAt = null };
        }
    }

    /// <summary>Output up to this event is on disk: its host may forget it. The caller holds the lock.</summary>
    public static void AcknowledgeStored(LiveTask task, int events, Effects effects)
    {
        if (task.Attempt is { Host: { } host } attempt)
        {
            var outputs = Math.Min(events - attempt.FirstEvent, attempt.NextSeq);
            if (outputs > 0)
            {
                effects.Acknowledge(attempt, host.Sink, outputs);
            }
        }
        else if (task.Closing is { } closing && task.Shown.Version >= closing.Version)
        {
            // The end is on disk: now the host may forget its last frame too.
            task.Closing = null;
            effects.Acknowledge(closing.Attempt, closing.Sink, closing.Attempt.NextSeq + 1);
        }
    }

    /// <summary>A reader read on: its host may send on.</summary>
    public static void CreditReader(LiveTask task) => task.Attempt?.GiveCredit();

    /// <summary>An ended task is on disk, or never will be: it leaves the table. The caller holds the lock.</summary>
    public void Forget(LiveTask task)
    {
        Wheel.Stop(task);
        if (Live.TryRemove(new(task.Id, task)))
        {
            RequestBytes -= task.HeldBytes;
            task.HeldBytes = 0;
            Ended.Add(task);
        }
    }

    public void Dispose()
    {
        Reviews.Dispose();
        Wheel.Dispose();
        Ids.Dispose();
        Tokens.Dispose();
    }

    private static int Waits(TaskRow row) => row.State == TaskState.Pending ? 1 : 0;

    private static int Runs(TaskRow row) => row.State == TaskState.Running ? 1 : 0;

    private static TimeSpan Least(TimeSpan one, TimeSpan? other) => other is { } also && also < one ? also : one;

    [LoggerMessage(
        Level = LogLevel.Critical,
        Message = "A deadline could not be worked off; this is a fault of the program"
    )]
    private static partial void LogTimerFailed(ILogger logger, Exception exception);
}

/// <summary>The engine's lock, held, with what is to be done after it.</summary>
internal readonly ref struct EngineChange
{
    private readonly Lock _gate;

    public EngineChange(Lock gate)
    {
        _gate = gate;
        Effects = Effects.Rent();
        gate.Enter();
    }

    public Effects Effects { get; }

    public void Dispose()
    {
        _gate.Exit();
        Effects.Run();
    }
}
