using Microsoft.Extensions.Logging;
using Pollard.Tasks.Dispatch;
using Pollard.Tasks.Storage;

namespace Pollard.Tasks;

/// <summary>The task engine: takes tasks in, gives them to hosts, keeps what they send, and ends each task once.</summary>
public sealed class TaskEngine : IAsyncDisposable
{
    private TaskEngine() { }

    /// <summary>Opens the store, takes up what had not ended, and begins.</summary>
    public static Task<TaskEngine> StartAsync(
        ITaskStore store,
        IResultAssembler results,
        TaskEngineOptions options,
        TimeProvider time,
        Random random,
        ILogger<TaskEngine> logger,
        CancellationToken cancellationToken
    ) => throw new NotSupportedException();

    /// <summary>Ids as clients see them.</summary>
    public TaskIdCodec Ids => throw new NotSupportedException();

    /// <summary>The hosts that are connected.</summary>
    public HostPool Hosts => throw new NotSupportedException();

    /// <summary>Figures of the moment.</summary>
    public EngineStatistics Statistics => throw new NotSupportedException();

    /// <summary>Takes a task. When this returns <see cref="SubmitOutcome.Accepted"/> the task will end exactly once.</summary>
    public ValueTask<Submission> SubmitAsync(NewTask task, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    /// <summary>Takes several tasks in one commit; an answer for each, in order.</summary>
    public ValueTask<IReadOnlyList<Submission>> SubmitAsync(
        IReadOnlyList<NewTask> tasks,
        CancellationToken cancellationToken
    ) => throw new NotSupportedException();

    /// <summary>A task of <paramref name="owner"/> (of anybody when null), or null. Another owner's task is not there.</summary>
    public ValueTask<TaskHandle?> FindAsync(
        TaskId id,
        string? owner,
        CancellationToken cancellationToken
    ) => throw new NotSupportedException();

    /// <summary>Rows that match, newest first, those of the present moment included.</summary>
    public ValueTask<IReadOnlyList<TaskRow>> ListAsync(
        TaskQuery query,
        CancellationToken cancellationToken
    ) => throw new NotSupportedException();

    /// <summary>Ends a task that has not ended: for the caller at once, for the host as soon as it hears.</summary>
    /// <returns>True when this call ended it; false when it had ended before.</returns>
    public ValueTask<bool> CancelAsync(
        TaskHandle task,
        string reason,
        CancellationToken cancellationToken
    ) => throw new NotSupportedException();

    /// <summary>Starts a failed, timed-out or cancelled task over, with a new budget of attempts.</summary>
    /// <returns>True when it waits again; false when its state does not allow that.</returns>
    public ValueTask<bool> RetryAsync(TaskHandle task, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    /// <summary>Why a task waits: what stands for and against each host.</summary>
    public WhyReport Why(TaskHandle task) => throw new NotSupportedException();

    /// <summary>How many tasks of an owner may run at the same time; null lifts the limit.</summary>
    public void LimitOwner(string owner, int? maxRunning) => throw new NotSupportedException();

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => throw new NotSupportedException();
}

/// <summary>Figures of the moment.</summary>
/// <param name="Pending">Tasks that wait.</param>
/// <param name="Running">Tasks that hosts have.</param>
/// <param name="StoreBacklog">Writes that wait for a commit.</param>
/// <param name="Store">How the store is.</param>
/// <param name="LastRan">When each internal loop last ran, by name.</param>
public sealed record EngineStatistics(
    int Pending,
    int Running,
    int StoreBacklog,
    StoreHealth Store,
    IReadOnlyDictionary<string, DateTimeOffset> LastRan
);

/// <summary>Why a task waits.</summary>
/// <param name="Summary">The reason in one sentence.</param>
/// <param name="Position">How many tasks for the same work come first; null when it does not wait.</param>
/// <param name="Hosts">What stands for and against each host.</param>
public sealed record WhyReport(string Summary, int? Position, IReadOnlyList<WhyHostReport> Hosts);

/// <summary>One host's part of the answer.</summary>
public sealed record WhyHostReport(string Host, bool Can, string Reason);
