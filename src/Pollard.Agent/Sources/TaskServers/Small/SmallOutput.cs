using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Pollard.Agent.Backends.Ollama;
using Pollard.Agent.Backends.OpenAi;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Sources.TaskServers.Small;

/// <summary>
/// A result in the words of our addition to the small contract: <c>result</c>, a text, or a body with the head of the tool's answer where
/// there is one; or <c>error</c>.
/// </summary>
internal sealed class SmallOutput : ITaskOutput
{
    private const int MostBytes = 8 * 1024 * 1024;
    private readonly ArrayBufferWriter<byte> _text = new();
    private readonly ArrayBufferWriter<byte> _head = new();
    private readonly ArrayBufferWriter<byte> _body = new();

    /// <inheritdoc/>
    public Messages.Fail? Write(DeltaKind kind, ushort choice, ReadOnlySpan<byte> data)
    {
        switch (kind)
        {
            case DeltaKind.Content or DeltaKind.Refusal when choice == 0:
                _text.Write(data);
                break;
            case DeltaKind.Head:
                _head.Write(data);
                break;
            case DeltaKind.Body:
                _body.Write(data);
                break;
            case DeltaKind.ToolCall:
                return Failure("unsupported", "the model called a tool, which nobody here can answer");
            default:
                break; // Reasoning, progress and log-probabilities have no place in such a result.
        }

        return _text.WrittenCount + _body.WrittenCount > MostBytes
            ? Failure("too_long", $"the result has more than {MostBytes / 1024 / 1024} MB")
            : null;
    }

    /// <inheritdoc/>
    public TaskOutcome Finish(Messages.Finish finish) =>
        new(
            new TaskResult(
                OllamaRequest.Write(json =>
                {
                    WriteOutput(json);
                    if (ExtraMembers.Parse(_head.WrittenMemory) is { } answer)
                    {
                        json.WritePropertyName("http");
                        answer.WriteTo(json);
                    }

                    WriteFigures(json, finish);
                })
            ),
            IsFailure: false
        );

    /// <inheritdoc/>
    public TaskOutcome Fail(Messages.Fail failure) =>
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

    /// <inheritdoc/>
    public void Dispose()
    {
        // All of it is in memory.
    }

    private void WriteOutput(Utf8JsonWriter json)
    {
        var isBody = _body.WrittenCount > 0;
        var output = isBody ? _body.WrittenMemory : _text.WrittenMemory;
        if (isBody && ExtraMembers.Parse(output) is { } value)
        {
            json.WritePropertyName("result");
            value.WriteTo(json);
        }
        else if (isBody && !Utf8.IsValid(output.Span))
        {
            json.WriteBase64String("result_base64", output.Span);
        }
        else
        {
            json.WriteString("result", Encoding.UTF8.GetString(output.Span)); // A model may end in the middle of a character.
        }
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

    private static Messages.Fail Failure(string code, string message) =>
        new()
        {
            Code = code,
            Message = message,
            Retryable = false,
        };
}
