using Pollard.Protocol.Api;

namespace Pollard.Client;

/// <summary>
/// A task that was handed in: wait for it, read it as it comes, end it. It lives in the gateway, not here: another process opens
/// it with its id (<see cref="TasksClient.Open"/>), and all that it does outlives broken connections.
/// </summary>
public class PollardTask
{
    private readonly TasksClient _tasks;

    internal PollardTask(TasksClient tasks, string id)
    {
        ArgumentException.ThrowIfNullOrEmpty(id);
        _tasks = tasks;
        Id = id;
    }

    /// <summary>Its id, <c>task_...</c>.</summary>
    public string Id { get; }

    /// <summary>The task as it is now.</summary>
    /// <exception cref="PollardException">There is no such task (404), or the gateway cannot be reached.</exception>
    public Task<TaskDocument> GetAsync(CancellationToken cancellationToken = default) =>
        _tasks.GetAsync(Id, cancellationToken);

    /// <summary>Waits until it has ended, well or not: see <see cref="TaskDocument.State"/>.</summary>
    /// <param name="progress">Hears how far it is; null: nobody does.</param>
    /// <param name="cancellationToken">Stops waiting; the task goes on.</param>
    /// <exception cref="PollardException">There is no such task (404), or the gateway stays away.</exception>
    public async Task<TaskDocument> WaitAsync(
        IProgress<TaskProgress>? progress = null,
        CancellationToken cancellationToken = default
    )
    {
        if (progress is null)
        {
            return await _tasks.WaitAsync(Id, cancellationToken: cancellationToken).ConfigureAwait(false);
        }

        await foreach (var step in ProgressAsync(cancellationToken).ConfigureAwait(false))
        {
            progress.Report(step);
        }

        return await GetAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>How far it is, whenever that changes, until it has ended; of the text of an answer ten times a second at the most.</summary>
    /// <exception cref="PollardException">There is no such task (404), or the gateway stays away.</exception>
    public IAsyncEnumerable<TaskProgress> ProgressAsync(CancellationToken cancellationToken = default) =>
        ProgressReader.ReadAsync(EventsAsync(-1, cancellationToken), _tasks.Time, cancellationToken);

    /// <summary>The answer of a chat as it comes. A connection that breaks is opened anew where it broke.</summary>
    /// <param name="after">Only what comes after the event of that number, <see cref="ChatUpdate.Seq"/>; -1: all.</param>
    /// <param name="cancellationToken">Stops reading; the task goes on.</param>
    /// <exception cref="PollardException">The task did not complete, there is none (404), or the gateway stays away.</exception>
    public IAsyncEnumerable<ChatUpdate> StreamAsync(long after = -1, CancellationToken cancellationToken = default) =>
        ChatUpdate.ReadAsync(_tasks, Id, after, cancellationToken);

    /// <summary>All that happens to it, until it has ended.</summary>
    /// <param name="after">Only events with higher numbers; -1: all.</param>
    /// <param name="cancellationToken">Stops reading; the task goes on.</param>
    /// <exception cref="PollardException">There is no such task (404), or the gateway stays away.</exception>
    public IAsyncEnumerable<TaskEventDocument> EventsAsync(
        long after = -1,
        CancellationToken cancellationToken = default
    ) => _tasks.EventsAsync(Id, after, cancellationToken);

    /// <summary>Ends it.</summary>
    /// <exception cref="PollardException">It ended before (409), or there is no such task (404).</exception>
    public Task<TaskDocument> CancelAsync(CancellationToken cancellationToken = default) =>
        _tasks.CancelAsync(Id, cancellationToken);
}

/// <summary>A task whose result has a type.</summary>
/// <typeparam name="TResult">What comes of it.</typeparam>
public sealed class PollardTask<TResult> : PollardTask
{
    private readonly Func<TaskDocument, TResult> _read;

    internal PollardTask(TasksClient tasks, string id, Func<TaskDocument, TResult> read)
        : base(tasks, id) => _read = read;

    /// <summary>Waits for what comes of it.</summary>
    /// <param name="progress">Hears how far it is; null: nobody does.</param>
    /// <param name="cancellationToken">Stops waiting; the task goes on.</param>
    /// <exception cref="PollardException">
    /// It failed, was cancelled or took too long; or its result is something else (<see cref="PollardException.BadResult"/>).
    /// </exception>
    public async Task<TResult> ResultAsync(
        IProgress<TaskProgress>? progress = null,
        CancellationToken cancellationToken = default
    )
    {
        var task = await WaitAsync(progress, cancellationToken).ConfigureAwait(false);
        return task.State == "completed" ? _read(task) : throw Results.Failure(task);
    }
}
