using Pollard.Tasks.Events;

namespace Pollard.Tasks.Storage;

/// <summary>
/// Where tasks are kept. Writes are ordered and grouped: what is enqueued first is committed first, and many share one
/// commit. A store decides nothing: it applies a change when the row is at the version that the change was made from, and says
/// whether it was. One conformance suite runs over every store.
/// </summary>
public interface ITaskStore : IAsyncDisposable
{
    /// <summary>Opens or makes the store and begins a new epoch, on disk before this returns.</summary>
    /// <exception cref="StoreException">It cannot be opened; the message says what to do.</exception>
    Task<StoreIdentity> OpenAsync(CancellationToken cancellationToken);

    /// <summary>Writes that wait for a commit. The caller refuses new work when it grows over its bound.</summary>
    int Backlog { get; }

    /// <summary>How the store is: read-only when its disk is full or broken.</summary>
    StoreHealth Health { get; }

    /// <summary>The store's own loops; none where it has none.</summary>
    IReadOnlyList<LoopState> Loops { get; }

    /// <summary>Takes writes, to be committed in this order and, as far as they are handed over together, in one commit. Never waits; each write says itself when it is done.</summary>
    void Enqueue(params ReadOnlySpan<StoreWrite> writes);

    /// <summary>All rows that have not ended, oldest first. Called once, before the first write.</summary>
    IAsyncEnumerable<TaskRow> ReadUnfinishedAsync(CancellationToken cancellationToken);

    /// <summary>Bodies that are too large for the log; null where it keeps none, and they are in the log whatever their size.</summary>
    IBodyStore? Bodies => null;

    /// <summary>One row, or null.</summary>
    ValueTask<TaskRow?> FindAsync(TaskId id, CancellationToken cancellationToken);

    /// <summary>The task with that name, or null.</summary>
    ValueTask<TaskId?> FindAsync(string name, CancellationToken cancellationToken);

    /// <summary>A task's request or result, or null when there is none.</summary>
    /// <exception cref="StoreException">Its checksum does not hold.</exception>
    ValueTask<ReadOnlyMemory<byte>?> ReadBodyAsync(TaskId id, BodyKind kind, CancellationToken cancellationToken);

    /// <summary>Events numbered <paramref name="from"/> and above, in order; at most about <paramref name="maxBytes"/> of them, but at least one where there is one.</summary>
    ValueTask<IReadOnlyList<TaskEvent>> ReadEventsAsync(
        TaskId id,
        int from,
        int maxBytes,
        CancellationToken cancellationToken
    );

    /// <summary>One page of the rows that match, newest first.</summary>
    ValueTask<TaskListing> ListAsync(TaskQuery query, CancellationToken cancellationToken);

    /// <summary>Deletes tasks that ended before their time to be kept was over, a slice at a time, between commits that others wait for.</summary>
    /// <param name="now">The present moment.</param>
    /// <param name="keep">How long tasks are kept that do not say so themselves.</param>
    /// <param name="max">At most so many tasks.</param>
    /// <param name="cancellationToken">Stops before the slice, never within it.</param>
    /// <returns>How many were deleted; less than <paramref name="max"/> when no more are due.</returns>
    ValueTask<int> PurgeAsync(DateTimeOffset now, TimeSpan keep, int max, CancellationToken cancellationToken);

    /// <summary>How much is kept.</summary>
    ValueTask<StoreSize> MeasureAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Small things that are no tasks (keys, tokens, hosts), on disk when this is done. Calls come to disk in the order in which they
    /// were made, deletions too, also when none waits for the one before.
    /// </summary>
    ValueTask PutRecordAsync(
        string collection,
        string id,
        ReadOnlyMemory<byte> json,
        CancellationToken cancellationToken
    );

    /// <summary>Deletes one; nothing happens when it is not there.</summary>
    ValueTask DeleteRecordAsync(string collection, string id, CancellationToken cancellationToken);

    /// <summary>All records of a collection.</summary>
    ValueTask<IReadOnlyList<StoreRecord>> ReadRecordsAsync(string collection, CancellationToken cancellationToken);
}

/// <summary>What a store says about itself when it is opened.</summary>
/// <param name="Epoch">One more than at any earlier start; at most 2^23.</param>
/// <param name="IdKey">16 secret bytes for <see cref="TaskIdCodec"/>, made with the store.</param>
/// <param name="Newest">The newest task there is; 0 when there is none.</param>
public sealed record StoreIdentity(int Epoch, ReadOnlyMemory<byte> IdKey, TaskId Newest);

/// <summary>How much a store keeps.</summary>
/// <param name="EndedTasks">Ended tasks that do not say themselves how long they are kept.</param>
/// <param name="Bytes">What all takes on disk, without space that is free to be written again.</param>
public sealed record StoreSize(long EndedTasks, long Bytes);

/// <summary>How a store is.</summary>
/// <param name="Fault">Why it is not writable, in general; null when it is.</param>
/// <param name="Reason">Why it is not writable, and what to do, for its operator; null when it is.</param>
public sealed record StoreHealth(StoreFault? Fault, string? Reason)
{
    /// <summary>False: new tasks are refused until it is mended, and where the disk is not merely nearly full other writes fail too; reads go on.</summary>
    public bool Writable => Fault is null;
}

/// <summary>A small thing that is no task.</summary>
public sealed record StoreRecord(string Id, ReadOnlyMemory<byte> Json);

/// <summary>Which body of a task.</summary>
public enum BodyKind : byte
{
    /// <summary>What the client asked.</summary>
    Request = 0,

    /// <summary>What came of it.</summary>
    Result = 1,
}
