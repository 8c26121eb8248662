using System.Buffers;
using System.Text.Json;
using System.Text.Unicode;
using Pollard.Gateway.Http;
using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Protocol.HostLink;
using Pollard.Tasks;
using Pollard.Tasks.Events;

namespace Pollard.Gateway.Answers;

/// <summary>The result of a call of a tool: status and header, and the body or what became of it.</summary>
internal static class ToolAnswer
{
    /// <summary>The head that a host wrote.</summary>
    /// <exception cref="JsonException">It is none.</exception>
    public static HttpHead HeadOf(ReadOnlyMemory<byte> data) =>
        JsonSerializer.Deserialize(data.Span, ProtocolJson.Default.HttpHead) is { Status: >= 200 and < 600 } head
            ? head
            : throw new JsonException("a status is 200 to 599");

    /// <summary>The body that stands in a result; null when it lies apart, or went to who read along.</summary>
    public static byte[]? BodyOf(JsonElement result) =>
        result.TryGetProperty("body_base64"u8, out var bytes) ? bytes.GetBytesFromBase64()
        : result.TryGetProperty("body"u8, out var text) ? System.Text.Encoding.UTF8.GetBytes(text.GetString()!)
        : null;

    /// <summary>Writes the result.</summary>
    /// <exception cref="JsonException">The output has no head.</exception>
    public static ReadOnlyMemory<byte> Write(IReadOnlyList<TaskEvent> output, BodyFacts? body)
    {
        if (
            output.Count == 0
            || output.FirstOrDefault(static piece => piece.Kind != DeltaKind.Progress).Kind != DeltaKind.Head
        )
        {
            throw new JsonException("the answer of a tool begins with its head");
        }

        var head = HeadOf(output.First(static piece => piece.Kind == DeltaKind.Head).Data);
        var result = new ArrayBufferWriter<byte>(1024);
        using var json = new Utf8JsonWriter(result, JsonReply.WriterOptions);
        json.WriteStartObject();
        json.WriteNumber("status"u8, head.Status);
        if (head.Headers is { } fields)
        {
            json.WritePropertyName("headers"u8);
            HttpFields.Write(json, fields);
        }

        WriteBody(json, output, body);
        json.WriteEndObject();
        json.Flush();
        return result.WrittenMemory;
    }

    private static void WriteBody(Utf8JsonWriter json, IReadOnlyList<TaskEvent> output, BodyFacts? apart)
    {
        if (apart is { Bytes: var bytes, Checksum: var checksum })
        {
            json.WriteNumber("bytes"u8, bytes);
            if (checksum is not null)
            {
                json.WriteString("sha256"u8, Convert.ToHexStringLower(checksum));
            }

            return;
        }

        var body = new ArrayBufferWriter<byte>();
        foreach (var piece in output)
        {
            if (piece.Kind == DeltaKind.Body)
            {
                body.Write(piece.Data.Span);
            }
        }

        if (Utf8.IsValid(body.WrittenSpan))
        {
            json.WriteString("body"u8, body.WrittenSpan);
        }
        else
        {
            json.WriteBase64String("body_base64"u8, body.WrittenSpan);
        }
    }
}
