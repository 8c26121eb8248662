using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using Pollard.Tasks.Events;

namespace Pollard.Tasks.Storage;

/// <summary>When a <see cref="MemoryTaskStore"/> commits what it was given.</summary>
public enum MemoryCommits
{
    /// <summary>Before <see cref="ITaskStore.Enqueue"/> returns: no disk is as quick, and what depends on that is hidden.</summary>
    AtOnce,

    /// <summary>On another thread, as a disk does.</summary>
    Behind,

    /// <summary>By <see cref="MemoryTaskStore.CommitPending"/> alone, so that a test decides what a crash loses.</summary>
    ByHand,
}

/// <summary>A store in memory: the model that other stores are compared with, and the disk of simulated engines.</summary>
public sealed class MemoryTaskStore(TimeProvider time, MemoryCommits commits = MemoryCommits.AtOnce) : ITaskStore
{
    private const int IdKeyBytes = 16;
    private readonly Lock _gate = new();
    private readonly Queue<Pending> _pending = [];
    private MemoryTables _tables = new(RandomNumberGenerator.GetBytes(IdKeyBytes));
    private StoreHealth _health = new(Fault: null, Reason: null);
    private bool _dead;

    /// <inheritdoc/>
    public int Backlog
    {
        get
        {
            lock (_gate)
            {
                return _pending.Count;
            }
        }
    }

    /// <inheritdoc/>
    public StoreHealth Health => Volatile.Read(ref _health);

    /// <inheritdoc/>
    public IReadOnlyList<LoopState> Loops => [];

    /// <summary>What happens after a list was read and before its caller has it.</summary>
    public Func<Task>? Listed { get; set; }

    /// <summary>Commits the oldest writes that wait.</summary>
    /// <param name="max">At most so many.</param>
    /// <returns>How many there were.</returns>
    public int CommitPending(int max = int.MaxValue)
    {
        var done = new List<(Pending Pending, StoreOutcome Outcome)>();
        lock (_gate)
        {
            while (done.Count < max && _pending.TryDequeue(out var pending))
            {
                var outcome = Health.Writable ? pending.Apply(_tables, time.GetUtcNow()) : StoreOutcome.Failed;
                done.Add((pending, outcome));
            }
        }

        foreach (var (pending, outcome) in done)
        {
            pending.Complete(outcome, Health);
        }

        return done.Count;
    }

    /// <summary>
    /// The store as a new process finds it: what was committed and nothing else. This one is dead from here on: it takes
    /// writes and never says that they are done.
    /// </summary>
    public MemoryTaskStore Crash()
    {
        lock (_gate)
        {
            _dead = true;
            _pending.Clear();
            var tables = _tables;
            _tables = new MemoryTables(tables.IdKey);
            return new MemoryTaskStore(time, commits) { _tables = tables };
        }
    }

    /// <summary>Makes every write fail, as a full disk does, until it is called with null.</summary>
    public void FailWrites(string? reason) =>
        Volatile.Write(ref _health, new StoreHealth(reason is null ? null : StoreFault.DiskFull, reason));

    /// <inheritdoc/>
    public Task<StoreIdentity> OpenAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            return Task.FromResult(new StoreIdentity(++_tables.Epoch, _tables.IdKey, _tables.Newest));
        }
    }

    /// <inheritdoc/>
    public void Enqueue(params ReadOnlySpan<StoreWrite> writes)
    {
        lock (_gate)
        {
            foreach (var write in writes)
            {
                if (!_dead)
                {
                    _pending.Enqueue(new Pending(write, null, null));
                }
            }
        }

        Commit();
    }

    private void Commit()
    {
        switch (commits)
        {
            case MemoryCommits.AtOnce:
                CommitPending();
                break;
            case MemoryCommits.Behind:
                ThreadPool.UnsafeQueueUserWorkItem(static store => store.CommitPending(), this, preferLocal: false);
                break;
            default:
                break;
        }
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<TaskRow> ReadUnfinishedAsync(
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        await Task.CompletedTask;
        foreach (var row in Read(tables => tables.Unfinished()))
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return row;
        }
    }

    /// <inheritdoc/>
    public ValueTask<TaskRow?> FindAsync(TaskId id, CancellationToken cancellationToken) =>
        new(Read(tables => tables.Find(id)));

    /// <inheritdoc/>
    public ValueTask<TaskId?> FindAsync(string name, CancellationToken cancellationToken) =>
        new(Read(tables => tables.Find(name)));

    /// <inheritdoc/>
    public ValueTask<ReadOnlyMemory<byte>?> ReadBodyAsync(
        TaskId id,
        BodyKind kind,
        CancellationToken cancellationToken
    ) => new(Read(tables => tables.Body(id, kind)));

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<TaskEvent>> ReadEventsAsync(
        TaskId id,
        int from,
        int maxBytes,
        CancellationToken cancellationToken
    ) => new(Read(tables => tables.Events(id, from, maxBytes)));

    /// <inheritdoc/>
    public async ValueTask<TaskListing> ListAsync(TaskQuery query, CancellationToken cancellationToken)
    {
        var page = Read(tables => tables.List(query));
        if (Listed is { } meanwhile)
        {
            await meanwhile();
        }

        return page;
    }

    /// <inheritdoc/>
    public ValueTask<int> PurgeAsync(DateTimeOffset now, TimeSpan keep, int max, CancellationToken cancellationToken) =>
        new(Change(tables => tables.Purge(now, keep, max)));

    /// <inheritdoc/>
    public ValueTask<StoreSize> MeasureAsync(CancellationToken cancellationToken) =>
        new(Read(static tables => tables.Measure()));

    /// <inheritdoc/>
    public ValueTask PutRecordAsync(
        string collection,
        string id,
        ReadOnlyMemory<byte> json,
        CancellationToken cancellationToken
    )
    {
        var kept = json.ToArray();
        return ChangeRecordAsync(tables => tables.Records[(collection, id)] = kept, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask DeleteRecordAsync(string collection, string id, CancellationToken cancellationToken) =>
        ChangeRecordAsync(tables => tables.Records.Remove((collection, id)), cancellationToken);

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<StoreRecord>> ReadRecordsAsync(
        string collection,
        CancellationToken cancellationToken
    ) => new(Read(tables => tables.Collection(collection)));

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        CommitPending();
        return ValueTask.CompletedTask;
    }

    private ValueTask ChangeRecordAsync(Action<MemoryTables> change, CancellationToken ct)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            if (!_dead)
            {
                _pending.Enqueue(new Pending(null, change, done));
            }
        }

        Commit();
        return new ValueTask(done.Task.WaitAsync(ct));
    }

    private T Read<T>(Func<MemoryTables, T> read)
    {
        lock (_gate)
        {
            return read(_tables);
        }
    }

    private T Change<T>(Func<MemoryTables, T> change)
    {
        lock (_gate)
        {
            return Health.Writable ? change(_tables) : throw Unwritable(Health);
        }
    }

    private static StoreException Unwritable(StoreHealth health) =>
        new(health.Fault ?? StoreFault.ReadOnly, health.Reason ?? "The store takes no writes.");

    // A task's write, or a change of a record.
    private sealed record Pending(StoreWrite? Write, Action<MemoryTables>? Change, TaskCompletionSource? Done)
    {
        public StoreOutcome Apply(MemoryTables tables, DateTimeOffset now)
        {
            if (Write is not null)
            {
                return tables.Apply(Write, now);
            }

            Change!(tables);
            return StoreOutcome.Committed;
        }

        public void Complete(StoreOutcome outcome, StoreHealth health)
        {
            Write?.Complete(outcome);
            if (outcome == StoreOutcome.Committed)
            {
                Done?.SetResult();
            }
            else
            {
                Done?.SetException(Unwritable(health));
            }
        }
    }
}
