using Pollard.Protocol.Api;
using Pollard.Tasks.Validation;

namespace Pollard.Tasks;

/// <summary>A task's state, as the store keeps it: narrow, without request, output or result.</summary>
public sealed record TaskRow
{
    /// <summary>Its number.</summary>
    public required TaskId Id { get; init; }

    /// <summary>The id of the key that owns it; empty for the anonymous owner of a gateway without keys.</summary>
    public required string Owner { get; init; }

    /// <summary>Which kind of work.</summary>
    public required string Kind { get; init; }

    /// <summary>The model; empty for kinds without one.</summary>
    public required string Model { get; init; }

    /// <summary>What the host must have; null for nothing in particular.</summary>
    public TaskRequirements? Requires { get; init; }

    /// <summary>Where it is.</summary>
    public TaskState State { get; init; }

    /// <summary>-100 to 100.</summary>
    public int Priority { get; init; }

    /// <summary>Tries so far, for people.</summary>
    public int Attempt { get; init; }

    /// <summary>Tries at the most.</summary>
    public int MaxAttempts { get; init; } = 1;

    /// <summary>The try that may write, 0 before the first. Grows over the whole store's life and is never reused.</summary>
    public long Fence { get; init; }

    /// <summary>The id of the host that has it or had it last.</summary>
    public string? Host { get; init; }

    /// <summary>1, and one more each time it is started over after its end.</summary>
    public int Generation { get; init; } = 1;

    /// <summary>Grows by one with each change.</summary>
    public long Version { get; init; }

    /// <summary>When it was accepted.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Not to be started before; null: at once.</summary>
    public DateTimeOffset? RunAt { get; init; }

    /// <summary>Ends as a time-out when it still waits then; moved on by the time that a host worked in vain; null: waits for ever.</summary>
    public DateTimeOffset? QueueDeadline { get; init; }

    /// <summary>When its last try began.</summary>
    public DateTimeOffset? StartedAt { get; init; }

    /// <summary>When it ended.</summary>
    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>How long one try may take.</summary>
    public TimeSpan RunTimeout { get; init; }

    /// <summary>How long it is kept after its end; null: the store's default.</summary>
    public TimeSpan? Retention { get; init; }

    /// <summary>When it is on disk.</summary>
    public Durability Durability { get; init; }

    /// <summary>What becomes of output already shown when its host is lost.</summary>
    public LostOutput LostOutput { get; init; }

    /// <summary>How another host may go on with its answer when it was cut.</summary>
    public Continuations Continuations { get; init; }

    /// <summary>True when somebody reads the output as it comes.</summary>
    public bool Stream { get; init; }

    /// <summary>Events that its log holds.</summary>
    public int EventCount { get; init; }

    /// <summary>Why it did not complete.</summary>
    public TaskError? Error { get; init; }

    /// <summary>Tokens and the like, JSON in OpenAI's shape.</summary>
    public string? Usage { get; init; }

    /// <summary>The client's own, JSON.</summary>
    public string? Metadata { get; init; }

    /// <summary>What must hold of its answer; null when every answer counts.</summary>
    public ValidationPlan? Validation { get; init; }

    /// <summary>Where it is within its state.</summary>
    public TaskStage Stage { get; init; }

    /// <summary>Answers so far that were to be judged, at most <see cref="MostValidationAttempts"/>.</summary>
    public int ValidationAttempts { get; init; }

    /// <summary>Those of them that a person has looked at: the plan's numbers count from there.</summary>
    public int ValidationBase { get; init; }

    /// <summary>The name that a door gave it besides its id; no two tasks have the same.</summary>
    public string? Name { get; init; }

    /// <summary>The most answers of one task that are judged.</summary>
    public const int MostValidationAttempts = 250;

    /// <summary>True when the state will not change any more (but by a retry, which makes a new generation).</summary>
    public bool IsFinal => State >= TaskState.Completed;
}

/// <summary>Why a task or an attempt did not end well.</summary>
/// <param name="Code">A stable word.</param>
/// <param name="Message">What happened, for people.</param>
/// <param name="Retryable">True when the same may work later or elsewhere.</param>
/// <param name="Status">The HTTP status that a backend gave; null when there was none.</param>
/// <param name="RetryAfterSeconds">How long the backend asked to be left alone; null when it did not.</param>
/// <param name="Parameter">The member of the request that is to blame; null when none is.</param>
public sealed record TaskError(
    string Code,
    string Message,
    bool Retryable = false,
    int? Status = null,
    double? RetryAfterSeconds = null,
    string? Parameter = null
);
