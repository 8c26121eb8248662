using System.Buffers;
using System.Text;
using System.Text.Json;
using Pollard.Agent.Backends;
using Pollard.Agent.Backends.Ollama;
using Pollard.Agent.Backends.OpenAi;
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
                    { Finish: { } finish } => TaskOutcome.Of(_text.WrittenSpan, _body.WrittenMemory, finish),
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

/// <summary>What came of a run, in the words of the small contract's addition: <c>result</c> or <c>error</c>.</summary>
/// <param name="Result">What the server is told.</param>
/// <param name="IsFailure">True for an error.</param>
internal sealed record TaskOutcome(TaskResult Result, bool IsFailure)
{
    /// <summary>An error.</summary>
    public static TaskOutcome Of(Messages.Fail failure) =>
        new(
            new TaskResult(
                OllamaRequest.Write(json =>
                {
                    json.WriteString("error", failure.Message);
                    json.WriteString("error_code", failure.Code);
                })
            ),
            IsFailure: true
        );

    /// <summary>A text, or a body as it came: JSON, or base64 of what is none.</summary>
    public static TaskOutcome Of(ReadOnlySpan<byte> text, ReadOnlyMemory<byte> body, Messages.Finish finish)
    {
        var said = Encoding.UTF8.GetString(text); // A model may end in the middle of a character.
        return new(
            new TaskResult(
                OllamaRequest.Write(json =>
                {
                    if (body.IsEmpty)
                    {
                        json.WriteString("result", said);
                    }
                    else if (ExtraMembers.Parse(body) is { } value)
                    {
                        json.WritePropertyName("result");
                        value.WriteTo(json);
                    }
                    else
                    {
                        json.WriteBase64String("result_base64", body.Span);
                    }

                    WriteFigures(json, finish);
                })
            ),
            IsFailure: false
        );
    }

    private static void WriteFigures(Utf8JsonWriter json, Messages.Finish finish)
    {
        if (finish.Model is { } model)
        {
            json.WriteString("model", model);
        }

        if (finish.FinishReasons is [var reason, ..])
        {
            json.WriteString("finish_reason", reason);
        }

        if (finish.Usage is { } usage)
        {
            json.WritePropertyName("usage");
            usage.WriteTo(json);
        }
    }
}
