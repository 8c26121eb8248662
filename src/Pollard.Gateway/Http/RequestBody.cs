using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;

namespace Pollard.Gateway.Http;

/// <summary>Reads request bodies whole. Kestrel holds them to the size that the options allow.</summary>
internal static class RequestBody
{
    private const int TrustedBytes = 256 * 1024; // A longer body must arrive before it gets memory: its length is only a claim.

    /// <summary>The body's bytes, which are the caller's alone.</summary>
    /// <exception cref="RejectedException">It is empty.</exception>
    public static async ValueTask<byte[]> ReadAsync(HttpContext http)
    {
        // hot: every request with a body; guarded by the chat benchmark.
        var bytes = http.Request.ContentLength is > 0 and <= TrustedBytes and var length
            ? await ReadExactAsync(http, (int)length)
            : await ReadGrowingAsync(http);
        return bytes.Length > 0
            ? bytes
            : throw new RejectedException(DoorError.BadRequest("the body is empty; send a JSON object"));
    }

    /// <summary>The body as one of our own shapes.</summary>
    /// <exception cref="RejectedException">It is not that shape; says where.</exception>
    public static async ValueTask<T> ReadAsync<T>(HttpContext http, JsonTypeInfo<T> shape)
        where T : class => Parse<T>(await ReadAsync(http), shape);

    /// <summary>Bytes as one of our own shapes.</summary>
    /// <exception cref="RejectedException">They are not that shape; says where.</exception>
    public static T Parse<T>(ReadOnlySpan<byte> body, JsonTypeInfo<T> shape)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(body, shape)
                ?? throw new RejectedException(DoorError.BadRequest("the body is null; send a JSON object"));
        }
        catch (JsonException e)
        {
            throw Malformed(e);
        }
    }

    /// <summary>What to say of JSON that cannot be read: the reason and the place.</summary>
    public static RejectedException Malformed(JsonException e)
    {
        var reason = ReasonOf(e.Message);
        var place = e.LineNumber is { } line ? $" at line {line + 1}, byte {e.BytePositionInLine + 1}" : "";
        var path = e.Path is { Length: > 1 } member ? $" ({DoorError.Quote(member)})" : "";
        var parameter =
            e.Path is { Length: > 2 } && e.Path.StartsWith("$.", StringComparison.Ordinal) ? e.Path[2..] : null;
        return new RejectedException(
            DoorError.BadRequest(
                $"the body cannot be read{place}{path}: {DoorError.Quote(reason)}",
                parameter,
                "invalid_json"
            )
        );
    }

    /// <summary>What the reader says, without its own places and without the names of our types.</summary>
    private static string ReasonOf(string message)
    {
        foreach (var tail in (ReadOnlySpan<string>)[" LineNumber:", " Path:", " Change the reader"])
        {
            var at = message.IndexOf(tail, StringComparison.Ordinal);
            message = at < 0 ? message : message[..at];
        }

        const string Missing = "missing required properties including: ";
        var missing = message.IndexOf(Missing, StringComparison.Ordinal);
        return missing >= 0 ? $"missing members: {message[(missing + Missing.Length)..]}"
            : message.Contains("could not be converted", StringComparison.Ordinal) ? "the value has the wrong type"
            : message;
    }

    private static async ValueTask<byte[]> ReadExactAsync(HttpContext http, int length)
    {
        var bytes = GC.AllocateUninitializedArray<byte>(length);
        var reader = http.Request.BodyReader;
        for (var filled = 0; filled < length; )
        {
            var read = await reader.ReadAsync(http.RequestAborted);
            var part = read.Buffer.Slice(0, Math.Min(length - filled, read.Buffer.Length));
            part.CopyTo(bytes.AsSpan(filled));
            filled += (int)part.Length;
            reader.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted && filled < length)
            {
                throw new BadHttpRequestException("the body ended before its Content-Length");
            }
        }

        return bytes;
    }

    private static async ValueTask<byte[]> ReadGrowingAsync(HttpContext http)
    {
        var bytes = new ArrayBufferWriter<byte>();
        var reader = http.Request.BodyReader;
        while (true)
        {
            var read = await reader.ReadAsync(http.RequestAborted);
            foreach (var part in read.Buffer)
            {
                bytes.Write(part.Span);
            }

            reader.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
            {
                return bytes.WrittenMemory.ToArray();
            }
        }
    }
}
