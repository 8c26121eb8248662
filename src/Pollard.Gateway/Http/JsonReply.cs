using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;

namespace Pollard.Gateway.Http;

/// <summary>Answers in JSON, straight into the response's buffer.</summary>
internal static class JsonReply
{
    /// <summary>The type of our JSON.</summary>
    public const string Type = "application/json";

    /// <summary>How we write JSON: text stays readable, and nothing of ours lands in HTML unescaped.</summary>
    public static readonly JsonWriterOptions WriterOptions = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        SkipValidation = true,
    };

    /// <summary>Answers with bytes that are JSON.</summary>
    public static async Task WriteAsync(HttpContext http, ReadOnlyMemory<byte> json, int status = 200)
    {
        var response = http.Response;
        response.StatusCode = status;
        response.ContentType = Type;
        response.ContentLength = json.Length;
        if (!HttpMethods.IsHead(http.Request.Method))
        {
            await response.BodyWriter.WriteAsync(json, http.RequestAborted);
        }
    }

    /// <summary>Answers with a shape of <c>ProtocolJson</c> and the like.</summary>
    public static Task WriteAsync<T>(HttpContext http, T value, JsonTypeInfo<T> shape, int status = 200) =>
        WriteAsync(http, JsonSerializer.SerializeToUtf8Bytes(value, shape), status);

    /// <summary>Answers with what <paramref name="write"/> writes; status and type are set already, or the defaults.</summary>
    public static Task WriteAsync<T>(HttpContext http, T state, Action<Utf8JsonWriter, T> write)
    {
        http.Response.ContentType ??= Type;
        http.Response.ContentLength = Fill(http.Response.BodyWriter, state, write);
        return http.Response.BodyWriter.FlushAsync(http.RequestAborted).AsTask();
    }

    /// <summary>Writes JSON into a buffer; answers with its length.</summary>
    public static long Fill<T>(IBufferWriter<byte> output, T state, Action<Utf8JsonWriter, T> write)
    {
        using var json = new Utf8JsonWriter(output, WriterOptions);
        write(json, state);
        json.Flush();
        return json.BytesCommitted;
    }

    /// <summary>A duration for <c>Retry-After</c>: whole seconds, at least one.</summary>
    public static string WholeSeconds(TimeSpan duration) =>
        Math.Max(1, (long)Math.Ceiling(duration.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
}
