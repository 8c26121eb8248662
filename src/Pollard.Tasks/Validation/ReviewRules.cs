using System.Globalization;

namespace Pollard.Tasks.Validation;

/// <summary>What follows a rejected answer.</summary>
internal enum AfterRejection
{
    Again,
    Person,
    Failure,
}

/// <summary>The rules of the loop: answer, judgement, feedback, and at last a person or the end. Pure.</summary>
internal static class ReviewRules
{
    private const int MostReasons = 10;
    private static readonly TimeSpan DefaultInputTimeout = TimeSpan.FromDays(1);

    public static TaskError NobodyAnswered { get; } =
        new("input_timeout", "nobody said in time what becomes of the task");

    /// <summary>What follows the rejection of the row's last answer.</summary>
    public static AfterRejection After(TaskRow row, ValidationPlan plan)
    {
        var answers = row.ValidationAttempts - row.ValidationBase;
        return row.ValidationAttempts >= TaskRow.MostValidationAttempts ? AfterRejection.Failure
            : answers >= plan.HumanAfter ? AfterRejection.Person
            : answers >= plan.MaxAttempts ? AfterRejection.Failure
            : AfterRejection.Again;
    }

    /// <summary>How long to wait before the model is asked again.</summary>
    /// <param name="row">The row whose last answer was rejected.</param>
    /// <param name="plan">Its plan.</param>
    /// <param name="jitter">From 0 to 1.</param>
    public static TimeSpan Backoff(TaskRow row, ValidationPlan plan, double jitter)
    {
        var earlier = row.ValidationAttempts - row.ValidationBase - 1;
        var seconds = Math.Min(plan.InitialDelay * Math.Pow(plan.BackoffFactor, earlier), plan.MaxDelay);
        return TimeSpan.FromSeconds(seconds * (1 + (plan.JitterRange * ((2 * jitter) - 1))));
    }

    public static TimeSpan InputTimeout(ValidationPlan plan) =>
        plan.InputTimeout is { } seconds ? TimeSpan.FromSeconds(seconds) : DefaultInputTimeout;

    public static TaskError NotPassed(TaskRow row, Judgement last) =>
        new(
            "validation_failed",
            string.Create(
                CultureInfo.InvariantCulture,
                $"no answer passed its checks in {row.ValidationAttempts} attempts; the last one: {Reasons(last)}"
            )
        );

    public static string WhyAPerson(TaskRow row, Judgement last) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"no answer passed its checks in {row.ValidationAttempts - row.ValidationBase} attempts, and the task asks for a person then; the last one: {Reasons(last)}"
        );

    public static TaskError RejectedByPerson(TaskInput input) =>
        new("rejected", input.Text is { Length: > 0 } text ? text : "a person who was asked rejected the answer");

    public static string Reasons(Judgement judgement)
    {
        var failed = judgement.Verdicts.Where(static verdict => !verdict.Valid).ToList();
        var reasons = failed
            .Take(MostReasons)
            .Select(static verdict => $"{verdict.Validator}: {verdict.Error ?? "does not hold"}");
        return string.Join("; ", reasons) + (failed.Count > MostReasons ? "; ..." : "");
    }
}
