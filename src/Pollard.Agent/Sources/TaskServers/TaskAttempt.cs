using System.Buffers;
using Pollard.Agent.Backends;
using Pollard.Agent.Pipeline;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Sources.TaskServers;

/// <summary>One run of a task: gathers the backend's output until it is a result.</summary>
/// <param name="work">What is to be done.</param>
/// <param name="over">Called once; null: it was not run, or not to its end, and is to be run again.</param>
[System.Diagnostics.CodeAnalysis.SuppressMessage(
    "Design",
    "CA1001",
    Justification = "The token source has no timer and no handle; who asks it last is not known, so that nobody can dispose it."
)]
internal sealed class TaskAttempt(WorkItem work, Action<TaskOutcome?> over) : IOfferedWork
{
    private const int MostBytes = 8 * 1024 * 1024;
    private readonly ArrayBufferWriter<byte> _text = new();
    private readonly ArrayBufferWriter<byte> _head = new();
    private readonly ArrayBufferWriter<byte> _body = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _gate = new();
    private Messages.Fail? _failure;

    /// <inheritdoc/>
    public WorkItem Work => work;

    /// <inheritdoc/>
    public CancellationToken Stopping => _stop.Token;

    /// <inheritdoc/>
    public void Accept()
    {
        // Nobody waits to hear it: these servers know only results.
    }

    /// <inheritdoc/>
    public void Refuse(string code, string reason) =>
        over(code is "draining" or "busy" ? null : TaskOutcome.Of(Failure(code, reason)));

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
            switch (kind)
            {
                case DeltaKind.Content or DeltaKind.Refusal when choice == 0:
                    _text.Write(data.Span);
                    break;
                case DeltaKind.Head:
                    _head.Write(data.Span);
                    break;
                case DeltaKind.Body:
                    _body.Write(data.Span);
                    break;
                case DeltaKind.ToolCall:
                    _failure = Failure("unsupported", "the model called a tool, which nobody here can answer");
                    break;
                default:
                    break; // Reasoning, progress and log-probabilities have no place in such a result.
            }

            if (_text.WrittenCount + _body.WrittenCount > MostBytes)
            {
                _failure = Failure("too_long", $"the result has more than {MostBytes / 1024 / 1024} MB");
            }
        }

        return _failure is null ? ValueTask.CompletedTask : new ValueTask(_stop.CancelAsync());
    }

    /// <inheritdoc/>
    public void End(WorkResult? result)
    {
        lock (_gate)
        {
            over(
                result switch
                {
                    _ when _failure is not null => TaskOutcome.Of(_failure),
                    { Failure.Code: "agent_stopped" or "draining" } => null, // The pipeline's: stopped, not failed.
                    { Failure: { } failure } => TaskOutcome.Of(failure),
                    { Finish: { } finish } => TaskOutcome.Of(
                        _text.WrittenMemory,
                        _head.WrittenMemory,
                        _body.WrittenMemory,
                        finish
                    ),
                    _ => null,
                }
            );
        }
    }

    private static Messages.Fail Failure(string code, string message) =>
        new()
        {
            Code = code,
            Message = message,
            Retryable = false,
        };
}
