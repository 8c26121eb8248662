using Pollard.Protocol.Api;
using Pollard.Tasks.Storage;
using Pollard.Tasks.Validation;

namespace Pollard.Tasks;

/// <summary>What a door submits. The door has checked what only it can know; the engine checks bounds and limits.</summary>
public sealed record NewTask
{
    /// <summary>The id of the key that submits; empty for the anonymous owner.</summary>
    public required string Owner { get; init; }

    /// <summary>Which kind of work.</summary>
    public required string Kind { get; init; }

    /// <summary>The model; empty for kinds without one.</summary>
    public required string Model { get; init; }

    /// <summary>The request as it came. The engine keeps this memory: do not write to it again.</summary>
    public required ReadOnlyMemory<byte> Request { get; init; }

    /// <summary>What the host must have.</summary>
    public TaskRequirements? Requires { get; init; }

    /// <summary>-100 to 100; one point is worth ten seconds of waiting.</summary>
    public int Priority { get; init; }

    /// <summary>Tries at the most; null: the engine's default.</summary>
    public int? MaxAttempts { get; init; }

    /// <summary>How long one try may take; null: the engine's default.</summary>
    public TimeSpan? RunTimeout { get; init; }

    /// <summary>How long it may wait to be started; null: for ever.</summary>
    public TimeSpan? QueueTimeout { get; init; }

    /// <summary>Not to be started before.</summary>
    public DateTimeOffset? RunAt { get; init; }

    /// <summary>How long it is kept after its end; null: the engine's default.</summary>
    public TimeSpan? Retention { get; init; }

    /// <summary>When it is on disk.</summary>
    public Durability Durability { get; init; }

    /// <summary>What becomes of output already shown when its host is lost.</summary>
    public LostOutput LostOutput { get; init; }

    /// <summary>How another host may go on with its answer when it was cut, for whoever makes the request knows what it asks for.</summary>
    public Continuations Continuations { get; init; }

    /// <summary>True when somebody reads the output as it comes.</summary>
    public bool Stream { get; init; }

    /// <summary>The client's own, JSON.</summary>
    public string? Metadata { get; init; }

    /// <summary>What must hold of the answer; null when every answer counts. Such a task is always durable.</summary>
    public ValidationPlan? Validation { get; init; }

    /// <summary>A name besides its id, which no other task may have; 1 to 100 characters. Such a task is always durable.</summary>
    public string? Name { get; init; }

    /// <summary>The client's word that two submissions are one.</summary>
    public string? IdempotencyKey { get; init; }

    /// <summary>Beginnings of the prompt, by which a host that has read them before is found. Not kept over a restart.</summary>
    public PromptPrefixes Prefixes { get; init; }

    /// <summary>W3C trace context, passed on to the host.</summary>
    public string? Traceparent { get; init; }
}

/// <summary>What became of a submission.</summary>
public enum SubmitOutcome
{
    /// <summary>The task is accepted, and on disk if it is to be.</summary>
    Accepted,

    /// <summary>The idempotency key names an earlier task; <see cref="Submission.Task"/> is that one.</summary>
    Existing,

    /// <summary>The idempotency key was used with another request.</summary>
    IdempotencyConflict,

    /// <summary>Too much waits already; try again after <see cref="Submission.RetryAfter"/>.</summary>
    QueueFull,

    /// <summary>The store takes no writes; <see cref="Submission.Reason"/> says why.</summary>
    NotStored,
}

/// <summary>The answer to a submission.</summary>
/// <param name="Outcome">What became of it.</param>
/// <param name="Task">The task, when there is one.</param>
/// <param name="Reason">What is wrong and what to do, for people; null when nothing is.</param>
/// <param name="RetryAfter">When to try again.</param>
public sealed record Submission(
    SubmitOutcome Outcome,
    TaskHandle? Task,
    string? Reason = null,
    TimeSpan? RetryAfter = null
)
{
    /// <summary>What is wrong with the store, when that is why.</summary>
    public StoreFault? Fault { get; init; }
}
