using System.Text.Json;

namespace Pollard.Tasks.Validation;

/// <summary>What must hold of a task's answer before it counts, and what happens when it does not. Kept with the task, as JSON.</summary>
public sealed record ValidationPlan
{
    /// <summary>The checks, all of which must pass; one at the least.</summary>
    public required IReadOnlyList<ValidatorSpec> Validators { get; init; }

    /// <summary>Answers that the model may give before the task fails, 1 or more.</summary>
    public required int MaxAttempts { get; init; }

    /// <summary>Seconds before the second answer is asked for; each later one waits <see cref="BackoffFactor"/> times as long.</summary>
    public required double InitialDelay { get; init; }

    /// <summary>What the wait grows by, 1 or more.</summary>
    public required double BackoffFactor { get; init; }

    /// <summary>Seconds that a wait grows to at the most.</summary>
    public required double MaxDelay { get; init; }

    /// <summary>A wait is made longer or shorter by a random part of up to this much of it, 0 to 1.</summary>
    public required double JitterRange { get; init; }

    /// <summary>After so many rejected answers the model is told of <see cref="ToolName"/> and given <see cref="ToolMcpConfig"/>; null: never.</summary>
    public int? ToolAfter { get; init; }

    /// <summary>The tool that the model is told to use then.</summary>
    public string? ToolName { get; init; }

    /// <summary>The <c>mcp_config</c> that its request then carries.</summary>
    public JsonElement? ToolMcpConfig { get; init; }

    /// <summary>After so many rejected answers a person is asked; null: the task fails after <see cref="MaxAttempts"/>.</summary>
    public int? HumanAfter { get; init; }

    /// <summary>Seconds that a person has to answer before the task fails.</summary>
    public double? InputTimeout { get; init; }

    /// <summary>What the client first asked, for checks and feedback that quote it; null: the last message of its user.</summary>
    public string? OriginalPrompt { get; init; }

    /// <summary>Stops asking a model that keeps failing; null: asks on.</summary>
    public BreakerSpec? Breaker { get; init; }
}

/// <summary>One check by its name, with what it is told.</summary>
/// <param name="Type">The name.</param>
/// <param name="Params">A JSON object; null where it needs none.</param>
public sealed record ValidatorSpec(string Type, JsonElement? Params);

/// <summary>When a model counts as failing, over all tasks that ask to be spared it.</summary>
/// <param name="FailureThreshold">So many failures within the window open the breaker.</param>
/// <param name="WindowSeconds">How long a failure counts.</param>
/// <param name="OpenSeconds">How long it stays open before one task may try.</param>
/// <param name="SuccessThreshold">So many successes in a row close it.</param>
public sealed record BreakerSpec(int FailureThreshold, double WindowSeconds, double OpenSeconds, int SuccessThreshold);
