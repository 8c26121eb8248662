using Pollard.Tasks.Storage;

namespace Pollard.Storage.Sqlite;

/// <summary>A wish to delete ended tasks, done in slices between commits.</summary>
internal sealed class PurgeJob(DateTimeOffset now, TimeSpan keep, int max, CancellationToken cancellationToken)
{
    private readonly TaskCompletionSource<int> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<int> Done => _done.Task;

    public DateTimeOffset Now => now;

    /// <summary>What ended until then and does not say itself how long it is kept, is due.</summary>
    public DateTimeOffset EndedUntil => now - keep;

    public int Deleted { get; set; }

    public int Left => max - Deleted;

    public bool IsCancelled => cancellationToken.IsCancellationRequested;

    public void Complete() => _done.TrySetResult(Deleted);

    public void Cancel() => _done.TrySetCanceled(cancellationToken);

    public void Fail(StoreException error) => _done.TrySetException(error);
}

/// <summary>Deletes ended tasks with all that belongs to them. Runs on the writer's thread.</summary>
internal sealed class Purger(SqliteConnection connection)
{
    private const int SliceTasks = 100;
    private const int VacuumPages = 1_024;

    private readonly SqliteStatement _due = connection.Prepare(
        """
        SELECT id, owner, idempotency_key FROM task INDEXED BY task_due
        WHERE final = 1 AND ended_at IS NOT NULL AND retention IS NULL AND ended_at <= ?1
        ORDER BY ended_at, id LIMIT ?2
        """
    );

    private readonly SqliteStatement _dueOwn = connection.Prepare(
        """
        SELECT id, owner, idempotency_key FROM task INDEXED BY task_due_own
        WHERE final = 1 AND ended_at IS NOT NULL AND retention IS NOT NULL AND ended_at + retention <= ?1
        ORDER BY ended_at + retention, id LIMIT ?2
        """
    );

    private readonly SqliteStatement _deleteKey = connection.Prepare(
        "DELETE FROM idempotency WHERE owner = ?1 AND key = ?2 AND task = ?3"
    );

    private readonly SqliteStatement[] _deletes =
    [
        // Before the row that says which they are.
        connection.Prepare(
            $"""
            DELETE FROM task_label
            WHERE task = ?1 AND label IN (SELECT value FROM task, {SqliteSchema.LabelsOfTask} WHERE task.id = ?1)
            """
        ),
        connection.Prepare("DELETE FROM task_request WHERE task = ?1"),
        connection.Prepare("DELETE FROM task_result WHERE task = ?1"),
        connection.Prepare("DELETE FROM task_events WHERE task = ?1"),
        connection.Prepare("DELETE FROM task WHERE id = ?1"),
    ];

    private readonly List<Due> _slice = [];

    /// <summary>Deletes one slice in a transaction of its own.</summary>
    /// <returns>True when no more are due, or as many as wished are deleted.</returns>
    public bool DeleteSlice(PurgeJob job)
    {
        var wanted = Math.Min(SliceTasks, job.Left);
        _slice.Clear();
        if (wanted > 0)
        {
            connection.Execute("BEGIN IMMEDIATE");
            Collect(_due, job.EndedUntil, wanted);
            Collect(_dueOwn, job.Now, wanted);
            foreach (var task in _slice)
            {
                Delete(task);
            }

            connection.Execute("COMMIT");
        }

        job.Deleted += _slice.Count;
        return _slice.Count < wanted || job.Left <= 0;
    }

    /// <summary>Gives space back to the disk, some at a time, when more than a quarter of the file is empty: less will be written again soon.</summary>
    public void Shrink()
    {
        var free = connection.QueryInteger("PRAGMA freelist_count");
        if (free > VacuumPages && free > connection.QueryInteger("PRAGMA page_count") / 4)
        {
            connection.Execute($"PRAGMA incremental_vacuum({VacuumPages})");
        }
    }

    private void Collect(SqliteStatement statement, DateTimeOffset until, int wanted)
    {
        statement.Bind(1, until.ToUnixTimeMilliseconds()).Bind(2, wanted - _slice.Count);
        try
        {
            while (statement.Step())
            {
                _slice.Add(new Due(statement.Integer(0), statement.Text(1), statement.OptionalText(2)));
            }
        }
        finally
        {
            statement.Reset();
        }
    }

    private void Delete(Due task)
    {
        if (task.Key is not null)
        {
            _deleteKey.Bind(1, task.Owner).Bind(2, task.Key).Bind(3, task.Id).Run();
        }

        foreach (var statement in _deletes)
        {
            statement.Bind(1, task.Id).Run();
        }
    }

    private readonly record struct Due(long Id, string Owner, string? Key);
}
