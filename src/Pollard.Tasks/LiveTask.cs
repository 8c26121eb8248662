using Pollard.Protocol.Api;
using Pollard.Tasks.Dispatch;
using Pollard.Tasks.Events;
using Pollard.Tasks.Leases;
using Pollard.Tasks.Storage;

namespace Pollard.Tasks;

/// <summary>
/// A task in memory. <see cref="Row"/> is the truth of this moment; <see cref="Shown"/> is what clients see: the same for a
/// relaxed task, what is on disk for a durable one. Both change only under the engine's lock and the log's.
/// </summary>
internal sealed class LiveTask(EngineCore core, TaskRow row, int firstEvent) : WheelTimer
{
    private string? _publicId;

    public EngineCore Core { get; } = core;

    public TaskId Id { get; } = row.Id;

    public TaskRow Row { get; set; } = row;

    public TaskRow Shown { get; set; } = row;

    public TaskLog Log { get; } = new(firstEvent);

    public string PublicId => _publicId ??= Core.Ids.Format(Id);

    /// <summary>The request while it is held in memory.</summary>
    public ReadOnlyMemory<byte>? Request { get; set; }

    /// <summary>Bytes of the request that count for the engine's bound.</summary>
    public int HeldBytes { get; set; }

    /// <summary>The size of the request; 0 when it is not known, after a restart.</summary>
    public int RequestBytes { get; init; }

    /// <summary>Beginnings of the prompt.</summary>
    public PromptPrefixes Prefixes { get; init; }

    /// <summary>The result while it is held in memory.</summary>
    public ReadOnlyMemory<byte>? Result { get; set; }

    /// <summary>The client's trace context, where it has no spans of its own.</summary>
    public string? Traceparent { get; init; }

    /// <summary>Its spans; null: nobody listens.</summary>
    public TaskTrace? Trace { get; set; }

    /// <summary>The try that may write. Null while the task waits or has ended.</summary>
    public Attempt? Attempt { get; set; }

    /// <summary>A second try beside it, as long as neither has begun the answer; null when there is none.</summary>
    public Attempt? Hedge { get; set; }

    /// <summary>The attempt that ended the task while that end is on its way to disk, and the version that is it.</summary>
    public (Attempt Attempt, IHostSink Sink, long Version)? Closing { get; set; }

    /// <summary>Where it waits for a host; null while it does not.</summary>
    public WorkClass? QueuedIn { get; set; }

    /// <summary>Grows each time it is queued, so that a queue knows an entry that was left behind.</summary>
    public int QueueTicket { get; set; }

    /// <summary>The host that failed it last: another one is tried first, for a while.</summary>
    public string? AvoidHost { get; set; }

    /// <summary>When it failed it, on the monotonic clock.</summary>
    public long AvoidedAt { get; set; }

    /// <summary>The host that has begun it and can go on with it: for a while only this one may have it; null when any may.</summary>
    public string? KeptFor { get; set; }

    /// <summary>Until when that is so, on the monotonic clock.</summary>
    public long KeptUntil { get; set; }

    /// <summary>It is not known whether that host can go on with it: it has not been here since the gateway's start.</summary>
    public bool IsKeptBlindly { get; set; }

    /// <summary>How much longer only that host may have it.</summary>
    public TimeSpan KeptLeft => Core.Time.GetElapsedTime(Core.Time.GetTimestamp(), KeptUntil);

    /// <summary>When its rest after a try is over, on the monotonic clock; null while it has none.</summary>
    public long? RestsUntil { get; set; }

    /// <summary>How often in a row it was offered and not taken.</summary>
    public int Untaken { get; set; }

    /// <summary>Only a fallback may have it: the workers are used up.</summary>
    public bool OnlyFallback => TriesOfWorkers > 0;

    /// <summary>The tries that workers had before they were used up; 0 as long as they are not.</summary>
    public int TriesOfWorkers { get; set; }

    /// <summary>The answer that was cut and is gone on with; null when it is not, or was not.</summary>
    public CutAnswer? Cut { get; set; }

    /// <summary>Ways to go on with its answer that have failed.</summary>
    public Continuations StruckOut { get; set; }

    /// <summary>A host that was to go on with its answer has given it anew.</summary>
    public bool WasSaidAgain { get; set; }

    /// <summary>What the host must have that is given it next.</summary>
    public TaskRequirements? Requires => Row.Stage == TaskStage.Interrupted ? Cut?.Requires : Row.Requires;

    /// <summary>How much longer it waits for a host that can go on with its answer.</summary>
    public TimeSpan CutLeft =>
        Row.Stage == TaskStage.Interrupted && Cut is { } cut
            ? Core.Time.GetElapsedTime(Core.Time.GetTimestamp(), cut.WaitsUntil)
            : TimeSpan.Zero;

    /// <summary>Ends the judging of its answer; null while none is judged.</summary>
    public CancellationTokenSource? Reviewing { get; set; }

    /// <summary>With the first write.</summary>
    public IdempotencyKey? Idempotency { get; init; }

    /// <summary>True while it waits for another host than this one, where there is one.</summary>
    public bool Avoids(DispatchHost host) => AvoidHost == host.Id && AvoidLeft > TimeSpan.Zero;

    /// <summary>How much longer it waits for another host than the one that failed it.</summary>
    public TimeSpan AvoidLeft =>
        AvoidHost is null ? TimeSpan.Zero : EngineCore.AvoidFor - Core.Time.GetElapsedTime(AvoidedAt);

    // What follows is the saver's, guarded by the log's gate.

    /// <summary>The version on disk; 0 when the task is not there yet.</summary>
    public long StoredVersion { get; set; }

    /// <summary>False for a durable task that is not on disk yet: for clients it does not exist.</summary>
    public bool IsAcknowledged => StoredVersion > 0 || Row.Durability == Durability.Relaxed;

    /// <summary>Where the body of the answer is written to; it is on disk before the events that tell of it. Null while there is none.</summary>
    public IBodyWriter? Body { get; set; }

    /// <summary>A write is under way.</summary>
    public bool Saving { get; set; }

    /// <summary>Something changed since the write under way was made.</summary>
    public bool SaveAgain { get; set; }

    /// <summary>The result is on disk.</summary>
    public bool ResultStored { get; set; }

    /// <summary>Output waits to be gathered: <see cref="SaveTimer"/> is set.</summary>
    public bool OutputWaits { get; set; }

    /// <summary>Saves gathered output, or tries again what could not be saved.</summary>
    public WheelTimer? SaveTimer { get; set; }

    /// <summary>The task's time has come while it waits: to be started, or to be given up.</summary>
    internal override void Fire() => Core.QueueTimeReached(this);
}
