using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Pollard.Agent.Backends.Ollama;
using Pollard.Agent.Backends.OpenAi;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Sources.TaskServers;

/// <summary>What came of a run, in the words of our addition to the small contract: <c>result</c> or <c>error</c>.</summary>
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

    /// <summary>An answer: a text, or a body with the head of the tool's answer where there is one.</summary>
    public static TaskOutcome Of(
        ReadOnlyMemory<byte> text,
        ReadOnlyMemory<byte> head,
        ReadOnlyMemory<byte> body,
        Messages.Finish finish
    ) =>
        new(
            new TaskResult(
                OllamaRequest.Write(json =>
                {
                    WriteOutput(json, body.IsEmpty ? text : body, isBody: !body.IsEmpty);
                    if (ExtraMembers.Parse(head) is { } answer)
                    {
                        json.WritePropertyName("http");
                        answer.WriteTo(json);
                    }

                    WriteFigures(json, finish);
                })
            ),
            IsFailure: false
        );

    private static void WriteOutput(Utf8JsonWriter json, ReadOnlyMemory<byte> output, bool isBody)
    {
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
}
