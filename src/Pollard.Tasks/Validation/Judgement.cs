using System.Text.Json.Serialization;

namespace Pollard.Tasks.Validation;

/// <summary>What became of one answer: the data of the event <c>validation</c>.</summary>
/// <param name="Attempt">The answer's number, from 1.</param>
/// <param name="MaxAttempts">Answers that the plan allows.</param>
/// <param name="Valid">True when all checks passed.</param>
/// <param name="Verdicts">What each check said.</param>
public sealed record Judgement(int Attempt, int MaxAttempts, bool Valid, IReadOnlyList<Verdict> Verdicts);

/// <summary>The data of the event <c>input_needed</c>.</summary>
/// <param name="Reason">Why a person is asked, for people.</param>
/// <param name="Until">After this the task ends as a time-out.</param>
public sealed record InputNeededData(string Reason, DateTimeOffset? Until);

/// <summary>What a person wants of a task that needs input.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<InputAction>))]
public enum InputAction
{
    /// <summary>The model is asked again, with what the person says.</summary>
    [JsonStringEnumMemberName("retry")]
    Retry,

    /// <summary>The last answer counts after all.</summary>
    [JsonStringEnumMemberName("accept")]
    Accept,

    /// <summary>The task fails.</summary>
    [JsonStringEnumMemberName("reject")]
    Reject,
}

/// <summary>What a person said: the data of the event <c>input</c>.</summary>
/// <param name="Action">What is to be done.</param>
/// <param name="Text">For the model, or the reason; null for nothing.</param>
public sealed record TaskInput(InputAction Action, string? Text);
