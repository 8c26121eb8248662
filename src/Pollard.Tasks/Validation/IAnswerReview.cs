using System.Text.Json;

namespace Pollard.Tasks.Validation;

/// <summary>Judges answers, and asks for better ones. The engine knows when and how often; who speaks the dialects knows how.</summary>
public interface IAnswerReview
{
    /// <summary>Runs all checks of the answer's plan; a verdict for each, in their order.</summary>
    /// <exception cref="ReviewException">A check could not be made, which says nothing about the answer.</exception>
    Task<IReadOnlyList<Verdict>> JudgeAsync(ReviewedAnswer answer, CancellationToken cancellationToken);

    /// <summary>The request that asks again: the conversation with every rejected answer and what was wrong with it.</summary>
    /// <param name="row">The task.</param>
    /// <param name="request">What the client asked first.</param>
    /// <param name="rejected">All answers so far, oldest first.</param>
    ReadOnlyMemory<byte> Revise(TaskRow row, ReadOnlyMemory<byte> request, IReadOnlyList<RejectedAnswer> rejected);
}

/// <summary>An answer that is to be judged.</summary>
public sealed record ReviewedAnswer
{
    /// <summary>The task, with its <see cref="TaskRow.Validation"/>.</summary>
    public required TaskRow Row { get; init; }

    /// <summary>The task's id as clients see it.</summary>
    public required string PublicId { get; init; }

    /// <summary>The answer's number, from 1.</summary>
    public required int Number { get; init; }

    /// <summary>The client's first request.</summary>
    public required ReadOnlyMemory<byte> Request { get; init; }

    /// <summary>The text of the answer.</summary>
    public required string Text { get; init; }

    /// <summary>Runs a task of the check's own and waits for its end. The idempotency key makes it one task, also after a restart.</summary>
    public required Func<NewTask, CancellationToken, Task<AskedTask>> AskAsync { get; init; }
}

/// <summary>How a task ended that a check asked for.</summary>
/// <param name="Row">The task.</param>
/// <param name="Result">Its result; null when it did not complete.</param>
public sealed record AskedTask(TaskRow Row, ReadOnlyMemory<byte>? Result);

/// <summary>What one check says of an answer. Stored with the task, as JSON.</summary>
public sealed record Verdict
{
    /// <summary>The check's name.</summary>
    public required string Validator { get; init; }

    /// <summary>True when it holds.</summary>
    public required bool Valid { get; init; }

    /// <summary>What is wrong, in words the model and the client can act on; null when nothing is.</summary>
    public string? Error { get; init; }

    /// <summary>What would mend it.</summary>
    public IReadOnlyList<string>? Suggestions { get; init; }

    /// <summary>More for people: what was compared, the public id of a task that was asked.</summary>
    public JsonElement? Debug { get; init; }
}

/// <summary>An answer that did not pass.</summary>
/// <param name="Text">The answer.</param>
/// <param name="Verdicts">What the checks said.</param>
/// <param name="Input">What a person said of it when asked; null when nobody was.</param>
public sealed record RejectedAnswer(string Text, IReadOnlyList<Verdict> Verdicts, string? Input);

/// <summary>A check could not be made: its model was not there, its process did not start.</summary>
public sealed class ReviewException : Exception
{
    /// <summary>The reason, for people.</summary>
    public ReviewException(string message, Exception? innerException = null)
        : base(message, innerException) { }
}
