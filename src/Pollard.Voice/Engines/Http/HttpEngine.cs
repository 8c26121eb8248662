using System.Buffers;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;

namespace Pollard.Voice.Engines.Http;

/// <summary>What is alike in all engines that are asked over HTTP: answers are bounded, and failures are told apart.</summary>
internal static class HttpEngine
{
    private const int MostAnswerBytes = 1024 * 1024;
    private const int MostDetailCharacters = 300;
    private static readonly JsonDocumentOptions Depth = new() { MaxDepth = 16 };

    /// <summary>The address of a path on a server, also where the server's own has a path.</summary>
    public static Uri At(Uri server, string path) => new($"{server.AbsoluteUri.TrimEnd('/')}/{path}");

    /// <summary>The line that says who asks.</summary>
    public static AuthenticationHeaderValue? Key(string? key) => key is null ? null : new("Bearer", key);

    /// <summary>Why an answer is none, by its status; null when it is one.</summary>
    public static async Task<EngineFailure?> FailureOfAsync(HttpResponseMessage response, CancellationToken ct)
    {
        if (response.IsSuccessStatusCode)
        {
            return null;
        }

        var said = await ReadAsync(response, ct) is { } body ? ErrorOf(body) : null;
        var status = $"answered with {(int)response.StatusCode}";
        return new EngineFailure(FaultOf(response.StatusCode), said is null ? status : $"{status}: {said}");
    }

    /// <summary>Why there is no answer.</summary>
    public static EngineFailure FailureOf(Exception e, EngineWait wait) =>
        e switch
        {
            OperationCanceledException => wait.Failure(),
            HttpRequestException
            {
                HttpRequestError: HttpRequestError.ConnectionError
                    or HttpRequestError.NameResolutionError
                    or HttpRequestError.SecureConnectionError
                    or HttpRequestError.ProxyTunnelError
            } => new EngineFailure(EngineFault.Unreachable, $"cannot be reached: {e.Message}"),
            _ => new EngineFailure(EngineFault.Broken, $"broke off: {e.Message}"),
        };

    /// <summary>Whether that is an engine's doing, and not the caller's.</summary>
    public static bool IsFailure(Exception e, CancellationToken caller) =>
        e is HttpRequestException or IOException
        || (e is OperationCanceledException && !caller.IsCancellationRequested);

    /// <summary>All of an answer; null when it is larger than is taken.</summary>
    public static async Task<byte[]?> ReadAsync(HttpResponseMessage response, CancellationToken ct)
    {
        await using var stream = await response.Content.ReadAsStreamAsync(ct);
        var all = new ArrayBufferWriter<byte>();
        while (await stream.ReadAsync(all.GetMemory(8_192), ct) is > 0 and var count)
        {
            all.Advance(count);
            if (all.WrittenCount > MostAnswerBytes)
            {
                return null;
            }
        }

        return all.WrittenSpan.ToArray();
    }

    /// <summary>The object of an answer; null when it is none.</summary>
    public static JsonDocument? ObjectOf(byte[] body)
    {
        try
        {
            var document = JsonDocument.Parse(body, Depth);
            if (document.RootElement.ValueKind == JsonValueKind.Object)
            {
                return document;
            }

            document.Dispose();
        }
        catch (JsonException)
        {
            // It is none.
        }

        return null;
    }

    /// <summary>What an answer says that went wrong, as OpenAI says it or as whisper.cpp does; null when it says nothing.</summary>
    public static string? ErrorOf(byte[] body)
    {
        using var document = ObjectOf(body);
        if (document is null || !document.RootElement.TryGetProperty("error", out var error))
        {
            return null;
        }

        if (error.ValueKind == JsonValueKind.Object && error.TryGetProperty("message", out var message))
        {
            error = message;
        }

        var text = error.ValueKind switch
        {
            JsonValueKind.Null => null,
            JsonValueKind.String => error.GetString(),
            _ => error.GetRawText(),
        };
        return text?[..Math.Min(text.Length, MostDetailCharacters)];
    }

    private static EngineFault FaultOf(HttpStatusCode status) =>
        status switch
        {
            HttpStatusCode.RequestTimeout or HttpStatusCode.GatewayTimeout => EngineFault.Late,
            HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable => EngineFault.Busy,
            HttpStatusCode.BadGateway => EngineFault.Unreachable, // A proxy that does not find the engine.
            >= HttpStatusCode.InternalServerError => EngineFault.Broken,
            _ => EngineFault.Refused,
        };
}
