using System.Text.Json.Serialization;

namespace Pollard.Agent.Owner;

/// <summary>What an agent is doing, for its owner.</summary>
public sealed record AgentStatus
{
    /// <summary>What people call the machine.</summary>
    public required string Name { get; init; }

    /// <summary>The address of the gateway, the Andy server or the task server; absent for a gateway in the same process.</summary>
    public string? Gateway { get; init; }

    /// <summary><c>working</c>, <c>idle</c>, <c>paused</c>, <c>offline</c> (no gateway) or <c>stopping</c>.</summary>
    public required string State { get; init; }

    /// <summary>What carries its link: <c>h2</c>, <c>ws</c>, <c>turn</c>, <c>memory</c>, and of an Andy server <c>andy-poll</c> or <c>andy-ws</c>, of a task server <c>get-task</c>; absent while there is none.</summary>
    public string? Carrier { get; init; }

    /// <summary>Since when the link stands; absent while there is none.</summary>
    public DateTimeOffset? LinkedAt { get; init; }

    /// <summary>Why it takes no work of its owner's accord; absent: it does.</summary>
    public AgentRest? Rest { get; init; }

    /// <summary>Why it gets no work, in the gateway's words; absent while it gets some, or the gateway says nothing.</summary>
    public string? WhyIdle { get; init; }

    /// <summary>When the agent was started.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>Attempts at the same time.</summary>
    public required int Slots { get; init; }

    /// <summary>The models that it offers.</summary>
    public required IReadOnlyList<string> Models { get; init; }

    /// <summary>Those of them that its join token is not for.</summary>
    public required IReadOnlyList<string> ExcludedModels { get; init; }

    /// <summary>What runs now.</summary>
    public required IReadOnlyList<AgentAttempt> Running { get; init; }

    /// <summary>What it did since midnight, in the machine's time zone.</summary>
    public required AgentDay Today { get; init; }

    /// <summary>What went wrong last, the newest first; at most ten.</summary>
    public required IReadOnlyList<AgentProblem> Problems { get; init; }

    /// <summary>What passes the stages of its pipeline; absent where it works for no task server.</summary>
    public AgentTasks? Tasks { get; init; }
}

/// <summary>What has passed an agent's pipeline since its start.</summary>
public sealed record AgentTasks
{
    /// <summary>Tasks that came from the server.</summary>
    public required long Fetched { get; init; }

    /// <summary>Tasks that were run, well or not.</summary>
    public required long Processed { get; init; }

    /// <summary>Results that the server has confirmed.</summary>
    public required long Delivered { get; init; }

    /// <summary>Tasks of those processed that failed; their errors are their results.</summary>
    public required long Failed { get; init; }

    /// <summary>Results that the server will never take, such as of tasks that it does not know any more.</summary>
    public required long Dropped { get; init; }

    /// <summary>Questions for work.</summary>
    public required AgentStage Fetch { get; init; }

    /// <summary>Tasks that wait to be run.</summary>
    public required AgentStage Process { get; init; }

    /// <summary>Results that wait to be brought.</summary>
    public required AgentStage Deliver { get; init; }
}

/// <summary>One stage of a pipeline, as it was in the last ten seconds.</summary>
/// <param name="Depth">What waits now.</param>
/// <param name="WaitSeconds">How long what passed had waited, on average.</param>
/// <param name="PerSecond">How much passed in a second.</param>
public sealed record AgentStage(int Depth, double WaitSeconds, double PerSecond);

/// <summary>Why an agent takes no work of its owner's accord.</summary>
/// <param name="Cause"><c>paused</c>, <c>schedule</c> or <c>in_use</c>.</param>
/// <param name="Reason">The same for people.</param>
/// <param name="Until">When it takes work again; null: nobody knows.</param>
public sealed record AgentRest(string Cause, string Reason, DateTimeOffset? Until)
{
    /// <summary>The owner said so.</summary>
    public const string Paused = "paused";

    /// <summary>Somebody uses the machine.</summary>
    public const string InUse = "in_use";

    /// <summary>It is outside the hours of the schedule.</summary>
    public const string Scheduled = "schedule";
}

/// <summary>One attempt that runs.</summary>
/// <param name="Task">The task's id.</param>
/// <param name="Kind">Which kind of work.</param>
/// <param name="Model">The model.</param>
/// <param name="BeganAt">When it began.</param>
/// <param name="Tokens">Tokens of output so far: an estimate, four bytes a token.</param>
/// <param name="TokensPerSecond">The same by the seconds since the first of them; null before it.</param>
public sealed record AgentAttempt(
    string Task,
    string Kind,
    string Model,
    DateTimeOffset BeganAt,
    long Tokens,
    double? TokensPerSecond
);

/// <summary>What an agent did in a day.</summary>
/// <param name="Finished">Attempts that ended well.</param>
/// <param name="Failed">Attempts that failed.</param>
/// <param name="Tokens">Tokens of output, as the backends count them, and estimated where they do not.</param>
public sealed record AgentDay(int Finished, int Failed, long Tokens);

/// <summary>Something that went wrong.</summary>
/// <param name="At">When.</param>
/// <param name="Message">What; of an attempt with its task.</param>
public sealed record AgentProblem(DateTimeOffset At, string Message);

/// <summary>How an owner's commands cross to the running agent.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(AgentStatus))]
[JsonSerializable(typeof(ControlRequest))]
[JsonSerializable(typeof(ControlReply))]
[JsonSerializable(typeof(Pause))]
internal sealed partial class OwnerJson : JsonSerializerContext;

/// <summary>What an owner wants of the running agent.</summary>
/// <param name="Command"><c>status</c>, <c>pause</c>, <c>resume</c> or <c>pool_size</c>.</param>
/// <param name="Seconds">How long to pause; absent: until it is resumed.</param>
/// <param name="Size">How many tasks to work on at the same time.</param>
internal sealed record ControlRequest(string Command, double? Seconds = null, int? Size = null);

/// <summary>What the agent says to that: exactly one of the two.</summary>
internal sealed record ControlReply(AgentStatus? Status, string? Error);

/// <summary>The owner's word that the machine is not to work, as it lies on disk.</summary>
/// <param name="Until">When it ends by itself; null: when the owner says so.</param>
internal sealed record Pause(DateTimeOffset? Until);
