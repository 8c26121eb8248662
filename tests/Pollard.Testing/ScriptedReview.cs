using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Pollard.Tasks;
using Pollard.Tasks.Validation;

namespace Pollard.Testing;

/// <summary>A review that does what a test says: by itself every answer passes, and a revised request tells what was rejected.</summary>
public sealed class ScriptedReview : IAnswerReview
{
    /// <summary>Judges an answer; null: it passes.</summary>
    public Func<ReviewedAnswer, CancellationToken, Task<IReadOnlyList<Verdict>>>? Judge { get; set; }

    /// <summary>The answers that came to be judged.</summary>
    public ConcurrentQueue<ReviewedAnswer> Judged { get; } = [];

    /// <summary>A plan that asks this review.</summary>
    public static ValidationPlan Plan(int maxAttempts = 3, int? humanAfter = null) =>
        new()
        {
            Validators = [new ValidatorSpec("scripted", null)],
            MaxAttempts = maxAttempts,
            InitialDelay = 1,
            BackoffFactor = 2,
            MaxDelay = 60,
            JitterRange = 0,
            HumanAfter = humanAfter,
        };

    /// <summary>One check that says this.</summary>
    public static IReadOnlyList<Verdict> Says(bool valid, string? error = null) =>
        [
            new Verdict
            {
                Validator = "scripted",
                Valid = valid,
                Error = error,
            },
        ];

    /// <inheritdoc/>
    public Task<IReadOnlyList<Verdict>> JudgeAsync(ReviewedAnswer answer, CancellationToken cancellationToken)
    {
        Judged.Enqueue(answer);
        return Judge?.Invoke(answer, cancellationToken) ?? Task.FromResult(Says(true));
    }

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> Revise(
        TaskRow row,
        ReadOnlyMemory<byte> request,
        IReadOnlyList<RejectedAnswer> rejected
    )
    {
        var text = new StringBuilder(Encoding.UTF8.GetString(request.Span));
        foreach (var answer in rejected)
        {
            var error = answer.Verdicts.FirstOrDefault(static verdict => !verdict.Valid)?.Error;
            text.Append(CultureInfo.InvariantCulture, $"|{answer.Text}:{error}:{answer.Input}");
        }

        return Encoding.UTF8.GetBytes(text.ToString());
    }
}
