using Pollard.Agent.Backends;
using Pollard.Agent.Pipeline;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Sources.TaskServers;

/// <summary>One run of a task.</summary>
/// <param name="job">The task, with its work.</param>
/// <param name="begun">Called once before anything is done; not when the run is refused.</param>
/// <param name="over">Called once; null: it was not run, or not to its end, and is to be run again.</param>
[System.Diagnostics.CodeAnalysis.SuppressMessage(
    "Design",
    "CA1001",
    Justification = "The token source has no timer and no handle; who asks it last is not known, so that nobody can dispose it."
)]
internal sealed class TaskAttempt(TaskJob job, Action begun, Action<TaskOutcome?> over) : IOfferedWork
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _gate = new();
    private Messages.Fail? _failure;

    /// <inheritdoc/>
    public WorkItem Work => job.Work!;

    /// <inheritdoc/>
    public CancellationToken Stopping => _stop.Token;

    /// <inheritdoc/>
    public void Accept() => begun(); // The server need not hear it: such servers know only results.

    /// <inheritdoc/>
    public void Refuse(string code, string reason) =>
        Over(
            code is "draining" or "busy"
                ? null
                : job.Output.Fail(
                    new Messages.Fail
                    {
                        Code = code,
                        Message = reason,
                        Retryable = false,
                    }
                )
        );

    /// <inheritdoc/>
    public ValueTask WriteAsync(
        DeltaKind kind,
        ushort choice,
        ReadOnlyMemory<byte> data,
        CancellationToken cancellationToken
    )
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (_gate)
        {
            _failure ??= job.Output.Write(kind, choice, data.Span);
        }

        return _failure is null ? ValueTask.CompletedTask : new ValueTask(_stop.CancelAsync());
    }

    /// <inheritdoc/>
    public void End(WorkResult? result)
    {
        lock (_gate)
        {
            Over(
                result switch
                {
                    _ when _failure is not null => job.Output.Fail(_failure),
                    { Failure.Code: "agent_stopped" or "draining" } => null, // The pipeline's: stopped, not failed.
                    { Failure: { } failure } => job.Output.Fail(failure),
                    { Finish: { } finish } => job.Output.Finish(finish),
                    _ => null,
                }
            );
        }
    }

    private void Over(TaskOutcome? outcome)
    {
        job.Dispose(); // Before anybody else has the task: it may be run again at once.
        over(outcome);
    }
}
