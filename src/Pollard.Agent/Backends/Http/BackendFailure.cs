using System.Net;
using System.Text.Json;
using Pollard.Agent.Retry;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Backends.Http;

/// <summary>The ways in which a model server fails an attempt, in words that the client's person can act on.</summary>
internal static class BackendFailure
{
    private const int LongestMessage = 500;
    private const int LongestErrorBody = 64 * 1024;

    public static Messages.Fail Unreachable(string address, Exception why) =>
        new()
        {
            Code = "backend_unreachable",
            Message = $"{address} cannot be reached: {why.GetBaseException().Message}",
            Retryable = true,
        };

    public static Messages.Fail Unsupported(string parameter, string backend) =>
        new()
        {
            Code = "unsupported",
            Message = $"{backend} does not support the parameter \"{parameter}\" as it is given",
            Retryable = false,
            Status = 400,
            Parameter = parameter,
        };

    public static Messages.Fail UnknownKind(string kind, string backend) =>
        new()
        {
            Code = "unsupported",
            Message = $"{backend} does not do work of the kind \"{kind}\"",
            Retryable = true, // On another host, perhaps.
            Status = 400,
        };

    public static Messages.Fail BadRequest(string message) =>
        new()
        {
            Code = "bad_request",
            Message = message,
            Retryable = false,
            Status = 400,
        };

    /// <summary>A request that is no JSON; of what it says only the place is told.</summary>
    public static Messages.Fail Unreadable(Exception why) =>
        BadRequest(
            why is JsonException { LineNumber: { } line, BytePositionInLine: { } at }
                ? FormattableString.Invariant($"the request is not readable JSON at line {line + 1}, byte {at + 1}")
                : "the request is not readable JSON"
        );

    public static Messages.Fail Cut(string address) => Error($"cut: {address} ended its answer in the middle");

    public static Messages.Fail Garbled(string address) => Error($"{address} sent something that is no answer");

    public static Messages.Fail TooLong(string address, long bytes) =>
        Error($"{address} sent more than {bytes} bytes at once") with
        {
            Retryable = false,
        };

    public static Messages.Fail Stalled(string address, TimeSpan limit, bool began) =>
        new()
        {
            Code = "backend_stalled",
            Message = FormattableString.Invariant(
                $"{address} sent nothing {(began ? "more " : "")}for {limit.TotalSeconds:0.###} s"
            ),
            Retryable = true,
        };

    /// <summary>An error that the server told in the middle of its answer.</summary>
    public static Messages.Fail Error(string message) =>
        new()
        {
            Code = "backend_error",
            Message = Shorten(message),
            Retryable = true,
        };

    /// <summary>What a status other than success means.</summary>
    public static async Task<Messages.Fail> FromAsync(
        HttpResponseMessage response,
        string address,
        string model,
        TimeProvider time,
        CancellationToken ct
    )
    {
        var status = response.StatusCode;
        var said = Shorten(await SaidAsync(response, ct));
        var (code, retryable) = status switch
        {
            HttpStatusCode.NotFound when IsAboutModel(said, model) => ("unknown_model", true),
            HttpStatusCode.TooManyRequests => ("rate_limited", true),
            // The key is the host's, not the client's: another host may have a better one.
            HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => ("backend_refused", true),
            < HttpStatusCode.BadRequest => ("backend_error", false),
            _ when RetryPolicy.IsTransient(status) => ("backend_error", true),
            < HttpStatusCode.InternalServerError => ("bad_request", false),
            _ => ("backend_error", false),
        };
        return new()
        {
            Code = code,
            Message =
                said.Length > 0 ? $"{address} answered {(int)status}: {said}" : $"{address} answered {(int)status}",
            Retryable = retryable,
            Status = (int)status,
            RetryAfterSeconds = RetryAfter(response, time)?.TotalSeconds,
        };
    }

    /// <summary>The message in a body of an error: OpenAI's object, Ollama's string, or the body itself.</summary>
    public static string MessageIn(ReadOnlyMemory<byte> body)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            return MessageIn(document.RootElement) ?? "";
        }
        catch (JsonException)
        {
            return Printable(System.Text.Encoding.UTF8.GetString(body.Span));
        }
    }

    private static string? MessageIn(JsonElement json)
    {
        if (json.ValueKind == JsonValueKind.String)
        {
            return Text(json);
        }

        if (json.ValueKind != JsonValueKind.Object)
        {
            return null;
        }

        foreach (var name in (ReadOnlySpan<string>)["error", "message", "detail"])
        {
            if (json.TryGetProperty(name, out var inner) && MessageIn(inner) is { } message)
            {
                return message;
            }
        }

        return null;
    }

    private static string Text(JsonElement json)
    {
        try
        {
            return json.GetString() ?? "";
        }
        catch (InvalidOperationException)
        {
            return ""; // Half of a surrogate pair, or bytes that are no UTF-8.
        }
    }

    private static async Task<string> SaidAsync(HttpResponseMessage response, CancellationToken ct)
    {
        try
        {
            var stream = await response.Content.ReadAsStreamAsync(ct);
            await using (stream)
            {
                var buffer = new byte[LongestErrorBody];
                var length = await stream.ReadAtLeastAsync(buffer, buffer.Length, false, ct);
                return MessageIn(buffer.AsMemory(0, length));
            }
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            return ""; // The status alone says enough.
        }
    }

    private static TimeSpan? RetryAfter(HttpResponseMessage response, TimeProvider time)
    {
        var header = response.Headers.RetryAfter;
        var wait = header?.Delta ?? (header?.Date - time.GetUtcNow());
        return wait < TimeSpan.Zero ? TimeSpan.Zero : wait;
    }

    private static bool IsAboutModel(string said, string model) =>
        said.Contains("model", StringComparison.OrdinalIgnoreCase) || said.Contains(model, StringComparison.Ordinal);

    private static string Printable(string text) =>
        string.Concat(text.Select(character => char.IsControl(character) ? ' ' : character)).Trim();

    private static string Shorten(string text) =>
        text.Length <= LongestMessage ? text : string.Concat(text.AsSpan(0, LongestMessage), "...");
}
