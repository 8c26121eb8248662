using Microsoft.Extensions.Logging;
using Pollard.Tasks.Dispatch;
using Pollard.Tasks.Events;
using Pollard.Tasks.Storage;
using Pollard.Tasks.Validation;
using Pollard.Tasks.Watching;

namespace Pollard.Tasks;

/// <summary>The task engine: takes tasks in, gives them to hosts, keeps what they send, and ends each task once.</summary>
public sealed class TaskEngine : IAsyncDisposable
{
    private static readonly TimeSpan CommitPatience = TimeSpan.FromSeconds(30); // A store that takes longer is broken; it says so itself.
    private readonly EngineCore _core;
    private readonly RetentionLoop _retention;
    private readonly IDisposable _figures;

    private TaskEngine(EngineCore core)
    {
        _core = core;
        _retention = new RetentionLoop(core);
        _figures = TaskMetrics.Watch(core);
    }

    /// <summary>Ids as clients see them.</summary>
    public TaskIdCodec Ids => _core.Ids;

    /// <summary>The hosts that are connected.</summary>
    public HostPool Hosts => _core.Hosts;

    /// <summary>What it has done and does, for people who watch.</summary>
    public EngineActivity Activity => _core.Activity;

    /// <summary>Figures of the moment.</summary>
    public EngineStatistics Statistics =>
        new(
            _core.Pending,
            _core.Running,
            _core.Store.Backlog,
            _core.Store.Health,
            [_core.Wheel.Loop.Look(), _retention.Loop.Look(), .. _core.Store.Loops]
        );

    /// <summary>Opens the store, takes up what had not ended, and begins.</summary>
    public static async Task<TaskEngine> StartAsync(
        ITaskStore store,
        IResultAssembler results,
        IAnswerReview review,
        TaskEngineOptions options,
        TimeProvider time,
        Random random,
        ILogger<TaskEngine> logger,
        CancellationToken cancellationToken
    )
    {
        var identity = await store.OpenAsync(cancellationToken);
        var core = new EngineCore(store, identity, results, review, options, time, random, logger);
        await Recovery.RunAsync(core, cancellationToken);
        var engine = new TaskEngine(core);
        engine._retention.Start();
        return engine;
    }

    /// <summary>Takes a task. When this returns <see cref="SubmitOutcome.Accepted"/> the task will end exactly once.</summary>
    public ValueTask<Submission> SubmitAsync(NewTask task, CancellationToken cancellationToken) =>
        _core.Intake.SubmitAsync(task, cancellationToken);

    /// <summary>Takes several tasks in one commit; an answer for each, in order.</summary>
    public ValueTask<IReadOnlyList<Submission>> SubmitAsync(
        IReadOnlyList<NewTask> tasks,
        CancellationToken cancellationToken
    ) => _core.Intake.SubmitAsync(tasks, cancellationToken);

    /// <summary>A task of <paramref name="owner"/> (of anybody when null), or null. Another owner's task is not there.</summary>
    public async ValueTask<TaskHandle?> FindAsync(TaskId id, string? owner, CancellationToken cancellationToken)
    {
        var task = await _core.FindAsync(id, cancellationToken);
        return task is { IsAcknowledged: true } && (owner is null || task.Row.Owner == owner)
            ? new TaskHandle(task)
            : null;
    }

    /// <summary>A task of <paramref name="owner"/> (of anybody when null) by the name that its door gave it, or null.</summary>
    public async ValueTask<TaskHandle?> FindAsync(string name, string? owner, CancellationToken cancellationToken) =>
        await _core.Store.FindAsync(name, cancellationToken) is { } id
            ? await FindAsync(id, owner, cancellationToken)
            : null;

    /// <summary>One page of the rows that match, newest first, as they are at this moment.</summary>
    public async ValueTask<TaskListing> ListAsync(TaskQuery query, CancellationToken cancellationToken)
    {
        // Before the store is read: a task that ends meanwhile is still one of these, and its row is the newest.
        var live = _core.Live.Values;
        var page = await _core.Store.ListAsync(query, cancellationToken);
        var rows = page.Rows.ToDictionary(static row => row.Id);
        foreach (var task in live)
        {
            var shown = task.Shown;
            if (task.IsAcknowledged && query.Matches(shown) && !(shown.Id < page.Next))
            {
                rows[task.Id] = shown with { EventCount = new TaskHandle(task).EventCount }; // Rows count them when they are written.
            }
            else
            {
                rows.Remove(task.Id); // The store's copy is older than what is in memory.
            }
        }

        List<TaskRow> merged = [.. rows.Values.OrderByDescending(static row => row.Id).Take(query.Limit)];
        return new TaskListing(merged, merged.Count == query.Limit ? merged[^1].Id : page.Next);
    }

    /// <summary>Ends a task that has not ended: for the caller at once, for the host as soon as it hears.</summary>
    /// <returns>True when this call ended it; false when it had ended before.</returns>
    /// <exception cref="StoreException">The end could not be brought to disk in time; it still will be when the store is mended.</exception>
    public async ValueTask<bool> CancelAsync(TaskHandle task, string reason, CancellationToken cancellationToken)
    {
        if (!_core.Cancel(task.Task, reason))
        {
            return false;
        }

        var row = await task.WaitAsync(CommitPatience, cancellationToken);
        return row.IsFinal ? true : throw NotOnDisk("the cancellation");
    }

    /// <summary>Starts a failed, timed-out or cancelled task over, with a new budget of attempts.</summary>
    /// <returns>True when it waits again; false when its state does not allow that.</returns>
    /// <exception cref="StoreException">The new start could not be brought to disk in time; it still will be when the store is mended.</exception>
    public async ValueTask<bool> RetryAsync(TaskHandle task, CancellationToken cancellationToken)
    {
        var events = task.EventCount;
        if (!TryRetry(task.Task))
        {
            return false;
        }

        // Shown is what is on disk: the task waits again for good when its event is.
        var shown = await new TaskEventReader(task.Task, events - 1).WaitAsync(CommitPatience, cancellationToken);
        return shown == EventWait.Ready ? true : throw NotOnDisk("the new start");
    }

    /// <summary>Says what becomes of a task that needs input.</summary>
    /// <returns>True when that is on disk; false when it needs none, or no more.</returns>
    /// <exception cref="StoreException">It could not be brought to disk in time; it still will be when the store is mended.</exception>
    public async ValueTask<bool> GiveInputAsync(TaskHandle task, TaskInput input, CancellationToken cancellationToken)
    {
        var events = task.EventCount;
        var log = ReviewLog.Of(await _core.ReadLogAsync(task.Task, cancellationToken));
        if (!_core.Hear(task.Task, input, log))
        {
            return false;
        }

        var shown = await new TaskEventReader(task.Task, events - 1).WaitAsync(CommitPatience, cancellationToken);
        return shown == EventWait.Ready ? true : throw NotOnDisk("the input");
    }

    /// <summary>Why a task waits: what stands for and against each host.</summary>
    public WhyReport Why(TaskHandle task) => WaitReason.Explain(_core, task.Task);

    /// <summary>How many tasks of an owner may run at the same time; null lifts the limit.</summary>
    public void LimitOwner(string owner, int? maxRunning)
    {
        using var change = _core.Begin();
        var share = _core.Dispatcher.Owner(owner);
        share.Limit = maxRunning ?? int.MaxValue;
        _core.Dispatcher.OwnerFreed(share, change.Effects);
        share.Limit = maxRunning;
    }

    /// <summary>Stops the engine and closes the store; what has not ended goes on at the next start.</summary>
    public async ValueTask DisposeAsync()
    {
        _figures.Dispose();
        await _retention.DisposeAsync();
        await _core.Store.DisposeAsync();
        _core.Dispose();
    }

    private StoreException NotOnDisk(string what)
    {
        var health = _core.Store.Health;
        return new StoreException(
            health.Fault ?? StoreFault.Slow,
            health.Reason ?? $"the store is too slow: {what} is not on disk yet"
        );
    }

    private bool TryRetry(LiveTask task)
    {
        using var change = _core.Begin();
        var live = _core.Live.GetOrAdd(task.Id, task);
        if (!ReferenceEquals(live, task) || !live.Shown.IsFinal)
        {
            return false; // It has not ended, or nobody may know that yet, or somebody else starts it over.
        }

        if (
            _core.Change(live, new TaskChange.Retried(_core.Fences.Next(), null), change.Effects)
            != TransitionOutcome.Applied
        )
        {
            if (live is { Row.IsFinal: true, Saving: false })
            {
                _core.Live.TryRemove(new(live.Id, live)); // Else the saver does when it has saved it.
            }

            return false;
        }

        _core.Ended.Remove(live.Id);
        live.ResultStored = false;
        live.TriesOfWorkers = 0;
        live.AvoidHost = null;
        live.KeptFor = null;
        _core.Await(live, change.Effects);
        return true;
    }
}

/// <summary>Figures of the moment.</summary>
/// <param name="Pending">Tasks that wait.</param>
/// <param name="Running">Tasks that hosts have.</param>
/// <param name="StoreBacklog">Writes that wait for a commit.</param>
/// <param name="Store">How the store is.</param>
/// <param name="Loops">The engine's and the store's own loops.</param>
public sealed record EngineStatistics(
    int Pending,
    int Running,
    int StoreBacklog,
    StoreHealth Store,
    IReadOnlyList<LoopState> Loops
);
