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
    public static async ValueTask<byte[]> ReadAsync(HttpContext http, bool mayBeEmpty = false)
    {
        // hot: every request with a body; guarded by the chat benchmark.
        var bytes = http.Request.ContentLength is > 0 and <= TrustedBytes and var length
            ? await ReadExactAsync(http, (int)length)
            : await ReadGrowingAsync(http);
        return bytes.Length > 0 || mayBeEmpty
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

    /// <summary>What to say of JSON that cannot be read: the place, and the reason where it is about our own members. Nothing of the body: messages end up in logs.</summary>
    public static RejectedException Malformed(JsonException e)
    {
        var place = e.LineNumber is { } line ? $" at line {line + 1}, byte {e.BytePositionInLine + 1}" : "";
        const string Missing = "missing required properties including: ";
        var missing = e.Message.IndexOf(Missing, StringComparison.Ordinal);
        if (missing >= 0)
        {
            var names = e.Message[(missing + Missing.Length)..].Split(" Path:")[0];
            return Unreadable($"the body cannot be read{place}: missing members: {names}");
        }

        if (!e.Message.Contains("could not be converted", StringComparison.Ordinal))
        {
            return Unreadable($"the body cannot be read{place}: it is no JSON");
        }

        var member = e.Path is { } path && path.StartsWith("$.", StringComparison.Ordinal) ? path[2..] : null;
        return Unreadable(
            $"the body cannot be read{place}{(member is null ? "" : $" ({DoorError.Quote(member)})")}: the value has the wrong type",
            member
        );
    }

    /// <summary>What to say of JSON whose text cannot be read.</summary>
    public static RejectedException NoText() => Unreadable("the body's text is no UTF-8, or holds half a character");

    private static RejectedException Unreadable(string message, string? parameter = null) =>
        new(DoorError.BadRequest(message, parameter, "invalid_json"));

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
