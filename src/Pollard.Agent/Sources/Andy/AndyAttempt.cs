using Pollard.Agent.Backends;
using Pollard.Agent.Pipeline;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Sources.Andy;

/// <summary>One piece of work of an Andy server: gathers the backend's output until it can be brought back.</summary>
/// <param name="work">What is to be done.</param>
/// <param name="over">Called once, with what is to be brought back.</param>
[System.Diagnostics.CodeAnalysis.SuppressMessage(
    "Design",
    "CA1001",
    Justification = "The token source has no timer and no handle; who asks it last is not known, so that nobody can dispose it."
)]
internal sealed class AndyAttempt(WorkItem work, Action<WorkItem, AndyOutcome> over) : IOfferedWork
{
    private readonly AndyAnswer _answer = new(work);
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _gate = new();

    /// <inheritdoc/>
    public WorkItem Work { get; } = work;

    /// <inheritdoc/>
    public CancellationToken Stopping => _stop.Token;

    /// <inheritdoc/>
    public void Accept()
    {
        // Nobody waits to hear it: these servers know only answers.
    }

    /// <inheritdoc/>
    public void Refuse(string code, string reason) =>
        over(Work, AndyOutcome.Of(code == "unknown_model" ? NotAvailable(Work.Offer.Model) : reason));

    /// <inheritdoc/>
    public ValueTask WriteAsync(
        DeltaKind kind,
        ushort choice,
        ReadOnlyMemory<byte> data,
        CancellationToken cancellationToken
    )
    {
        cancellationToken.ThrowIfCancellationRequested();
        bool isTooLong;
        lock (_gate)
        {
            if (choice == 0)
            {
                _answer.Add(kind, data.Span);
            }

            isTooLong = _answer.IsTooLong;
        }

        return isTooLong ? new ValueTask(_stop.CancelAsync()) : ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public void End(WorkResult? result)
    {
        lock (_gate)
        {
            over(
                Work,
                result switch
                {
                    { Finish: { } finish } => AndyOutcome.Of(_answer, finish),
                    { Failure: { } failure } => AndyOutcome.Of(WordsFor(failure)),
                    _ => AndyOutcome.Of($"the answer has more than {AndyAnswer.MostBytes / 1024 / 1024} MB"),
                }
            );
        }
    }

    /// <summary>What every client of these pools says when it lacks a model.</summary>
    private static string NotAvailable(string model) => $"Model {model} not available";

    // Bots look for the code where a conversation has become too long, and drop its oldest turn.
    private static string WordsFor(Messages.Fail failure) =>
        failure.Code == "context_length_exceeded" && !failure.Message.Contains(failure.Code, StringComparison.Ordinal)
            ? $"{failure.Code}: {failure.Message}"
            : failure.Message;
}
