using Pollard.Gateway.Http;
using Pollard.Tasks;
using Pollard.Tasks.Validation;

namespace Pollard.Gateway.Validation;

/// <summary>Judges answers by the checks of their plan, and writes the requests that ask for better ones.</summary>
public sealed class AnswerReview : IAnswerReview
{
    private const int MostErrorCharacters = 4000;

    private readonly ValidatorCatalog _catalog;

    /// <summary>A review with the programs of this machine.</summary>
    /// <param name="time">Ends checks that take too long.</param>
    public AnswerReview(TimeProvider time)
    {
        var parser = new ParserProcess(Interpreters.OfThisMachine, time);
        _catalog = new ValidatorCatalog(parser, name => ModelNames(name));
        Plans = new ValidationPlanReader(_catalog);
    }

    /// <summary>Turns the name of a validating model as clients write it into one that is served.</summary>
    public Func<string, string> ModelNames { get; set; } = static name => name;

    /// <summary>Reads plans that this review can carry out.</summary>
    internal ValidationPlanReader Plans { get; }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<Verdict>> JudgeAsync(ReviewedAnswer answer, CancellationToken cancellationToken)
    {
        var validators = answer.Row.Validation?.Validators ?? [];
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var findings = new Task<Finding>[validators.Count];
        try
        {
            for (var at = 0; at < findings.Length; at++)
            {
                // In their order, but for models: they take long and none needs another's word.
                findings[at] = RunAsync(validators[at], new CheckedAnswer(answer, at), stop.Token);
                if (!ValidatorCatalog.AsksModel(validators[at].Type))
                {
                    await findings[at];
                }
            }

            await foreach (var finding in Task.WhenEach(findings))
            {
                await finding; // The first that breaks ends the review.
            }

            var found = await Task.WhenAll(findings);
            return [.. validators.Zip(found, VerdictOf)];
        }
        catch
        {
            await stop.CancelAsync(); // Nobody needs the others any more.
            foreach (var finding in findings.OfType<Task>())
            {
                await finding.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            throw;
        }
    }

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> Revise(
        TaskRow row,
        ReadOnlyMemory<byte> request,
        IReadOnlyList<RejectedAnswer> rejected
    ) => Revision.Write(row, request, rejected);

    private async Task<Finding> RunAsync(ValidatorSpec validator, CheckedAnswer answer, CancellationToken ct)
    {
        try
        {
            return await _catalog.Read(validator, $"validation[{answer.Index}]")(answer, ct);
        }
        catch (RejectedException e)
        {
            // It was there when the task was submitted; a program may have gone since.
            throw new ReviewException($"{validator.Type}: {e.Message}", e);
        }
        catch (Exception e) when (e is not (ReviewException or OperationCanceledException))
        {
            throw new ReviewException($"{validator.Type}: the check broke: {e.Message}", e);
        }
    }

    private static Verdict VerdictOf(ValidatorSpec validator, Finding finding) =>
        new()
        {
            Validator = validator.Type,
            Valid = finding.Error is null,
            Error = finding.Error is { Length: > MostErrorCharacters } error
                ? string.Concat(error.AsSpan(0, MostErrorCharacters), "…")
                : finding.Error,
            Suggestions = finding.Suggestions,
            Debug = finding.Debug,
        };
}
