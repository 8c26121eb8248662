using System.Buffers;
using System.Text.Json;
using System.Text.Unicode;
using Pollard.Gateway.Http;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Events;

namespace Pollard.Gateway.Answers;

/// <summary>The result of work that is no chat: what its pieces say together. A result is always JSON, so anything else is wrapped.</summary>
internal static class BodyAnswer
{
    /// <summary>Writes the result.</summary>
    public static void Write(ArrayBufferWriter<byte> result, IReadOnlyList<TaskEvent> output)
    {
        foreach (var piece in output)
        {
            if (piece.Kind == DeltaKind.Body)
            {
                result.Write(piece.Data.Span);
            }
        }

        if (result.WrittenCount == 0)
        {
            WriteObject(
                result,
                json =>
                {
                    json.WritePropertyName("text"u8);
                    AnswerParts.WriteText(json, output, DeltaKind.Content, 0);
                }
            );
        }
        else if (!JsonCheck.IsReadable(result.WrittenSpan))
        {
            var bytes = result.WrittenSpan.ToArray();
            result.ResetWrittenCount();
            WriteObject(
                result,
                json =>
                {
                    if (Utf8.IsValid(bytes))
                    {
                        json.WriteString("text"u8, bytes);
                    }
                    else
                    {
                        json.WriteBase64String("base64"u8, bytes);
                    }
                }
            );
        }
    }

    private static void WriteObject(ArrayBufferWriter<byte> result, Action<Utf8JsonWriter> members)
    {
        using var json = new Utf8JsonWriter(result, JsonReply.WriterOptions);
        json.WriteStartObject();
        members(json);
        json.WriteEndObject();
        json.Flush();
    }
}
