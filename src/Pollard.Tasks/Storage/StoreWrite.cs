using System.Threading.Tasks.Sources;
using Pollard.Tasks.Events;

namespace Pollard.Tasks.Storage;

/// <summary>How a write ended.</summary>
public enum StoreOutcome : byte
{
    /// <summary>It is on disk.</summary>
    Committed = 0,

    /// <summary>The owner used that idempotency key before, see <see cref="StoreWrite.Existing"/>; nothing was written.</summary>
    Duplicate = 1,

    /// <summary>The row was not at the expected version; nothing was written.</summary>
    Conflict = 2,

    /// <summary>The whole commit failed, see <see cref="ITaskStore.Health"/>; nothing was written.</summary>
    Failed = 3,
}

/// <summary>
/// One change of one task, written whole or not at all: its row, and with it bodies and events where there are any.
/// Awaiting <see cref="Done"/> goes on apart from the writer's thread.
/// </summary>
public sealed class StoreWrite : IValueTaskSource<StoreOutcome>
{
    private ManualResetValueTaskSourceCore<StoreOutcome> _done = new() { RunContinuationsAsynchronously = true };

    /// <summary>Which task.</summary>
    public required TaskId Id { get; init; }

    /// <summary>The row as it is to be; null when only events are added.</summary>
    public TaskRow? Row { get; init; }

    /// <summary>The version the stored row must have; 0 inserts a new row.</summary>
    public long ExpectedVersion { get; init; }

    /// <summary>The request, with an insert.</summary>
    public ReadOnlyMemory<byte>? Request { get; init; }

    /// <summary>The result, with the change that completes. An empty one of an earlier generation is replaced.</summary>
    public ReadOnlyMemory<byte>? Result { get; init; }

    /// <summary>Events that follow those stored.</summary>
    public EventSegment? Events { get; init; }

    /// <summary>With an insert: at most one task of an owner has this key while it lives.</summary>
    public IdempotencyKey? Idempotency { get; init; }

    /// <summary>After <see cref="StoreOutcome.Duplicate"/>: the task that has the key, and the fingerprint it was made with.</summary>
    public (TaskId Id, string Fingerprint)? Existing { get; set; }

    /// <summary>True when nobody waits for it: the store may gather it with others for a moment, and then many share one commit.</summary>
    public bool MayLinger { get; init; }

    /// <summary>Ends when the write is on disk or has failed. Await it once.</summary>
    public ValueTask<StoreOutcome> Done => new(this, _done.Version);

    /// <summary>For stores: says how it ended. Called once.</summary>
    public void Complete(StoreOutcome outcome) => _done.SetResult(outcome);

    StoreOutcome IValueTaskSource<StoreOutcome>.GetResult(short token) => _done.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<StoreOutcome>.GetStatus(short token) => _done.GetStatus(token);

    void IValueTaskSource<StoreOutcome>.OnCompleted(
        Action<object?> continuation,
        object? state,
        short token,
        ValueTaskSourceOnCompletedFlags flags
    ) => _done.OnCompleted(continuation, state, token, flags);
}

/// <summary>A client's word that two submissions are one.</summary>
/// <param name="Key">The value of <c>Idempotency-Key</c>, at most 255 characters.</param>
/// <param name="Fingerprint">A hash of what was submitted: the same key with another one is a conflict.</param>
/// <param name="ExpiresAt">After this the key may be used anew.</param>
public sealed record IdempotencyKey(string Key, string Fingerprint, DateTimeOffset ExpiresAt);
