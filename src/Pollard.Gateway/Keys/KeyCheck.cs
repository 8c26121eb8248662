using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Pollard.Gateway.Http;

namespace Pollard.Gateway.Keys;

/// <summary>Finds out who makes a request, before any endpoint runs, and holds each key to its limits.</summary>
internal sealed partial class KeyCheck(
    KeyStore keys,
    Sessions sessions,
    GatewayOptions options,
    Dialects dialects,
    Strangers strangers,
    ILogger<KeyCheck> logger
)
{
    private const string ProtocolPrefix = "pollard.key.";
    private static readonly Caller Everybody = new("", IsAdmin: true);
    private static readonly Caller Nobody = new("", IsAdmin: false);
    private readonly bool _required = options.KeysRequired;

    /// <summary>Runs a request.</summary>
    public Task InvokeAsync(HttpContext http, RequestDelegate next)
    {
        if (!_required && LocalOnly.Refusal(http.Request) is { } refusal)
        {
            return dialects.WriteAsync(http, refusal);
        }

        var key = KeyOf(http.Request);
        if (key is not null && !keys.IsExpired(key.Record))
        {
            return RefusalOf(http, key) is { } refused
                ? dialects.WriteAsync(http, refused)
                : RunAsync(http, next, key, options.MaxOpenRequestsPerKey);
        }

        if (!_required || IsOpen(http))
        {
            http.SetCaller(_required ? Nobody : Everybody);
            return next(http);
        }

        if (strangers.KeyOf(http, SecretOf(http.Request)) is { } stranger)
        {
            return RunAsync(http, next, stranger, options.StrangerOpenRequests);
        }

        LogRefused(logger, http.Request.Method, http.Request.Path, http.TraceIdentifier);
        http.Response.Headers.WWWAuthenticate = "Bearer";
        return dialects.WriteAsync(http, Unauthorized(http.Request, key is not null));
    }

    /// <summary>Whether the request's key would be taken now: what lives long asks again.</summary>
    public bool IsGood(HttpRequest request) => !_required || (KeyOf(request) is { } key && !keys.IsExpired(key.Record));

    private ClientKey? KeyOf(HttpRequest request) =>
        SecretOf(request) is { } secret ? keys.Find(secret)
        : ComesWithCookie(request) ? sessions.Find(request)
        : null;

    // Not for WebSockets: those a page of another site may open, and browsers ask nobody first.
    private bool ComesWithCookie(HttpRequest request) =>
        _required && request.Headers.Cookie.Count > 0 && request.Headers.SecWebSocketKey.Count == 0;

    private static DoorError? RefusalOf(HttpContext http, ClientKey key) =>
        SecretOf(http.Request) is null && !SessionGuard.IsFromOurPage(http.Request) ? SessionGuard.Refusal
        : key.Caller.IsViewer
        && http.GetEndpoint() is { } endpoint
        && endpoint.Metadata.GetMetadata<OpenToViewers>() is null
            ? new DoorError(
                403,
                "viewer_only",
                "a viewer's key may look, but not do this; it takes an admin's or a client's key"
            )
        : null;

    private async Task RunAsync(HttpContext http, RequestDelegate next, ClientKey key, int mostOpen)
    {
        http.SetCaller(key.Caller);
        if (key.Bucket is { } bucket)
        {
            var taken = bucket.TryTake(out var left, out var reset);
            Tell(http.Response.Headers, bucket.PerMinute, left, reset);
            if (!taken)
            {
                var message =
                    $"this key may make {bucket.PerMinute} requests a minute; try again in {reset.TotalSeconds:0.#} seconds";
                await dialects.WriteAsync(
                    http,
                    new DoorError(429, "rate_limit_exceeded", message) { RetryAfter = reset }
                );
                return;
            }
        }

        if (!key.TryEnter(mostOpen))
        {
            var message = $"this key has {mostOpen} requests open already; wait for some to end";
            var error = new DoorError(429, "too_many_open_requests", message) { RetryAfter = TimeSpan.FromSeconds(1) };
            await dialects.WriteAsync(http, error);
            return;
        }

        try
        {
            await next(http);
        }
        finally
        {
            key.Leave();
        }
    }

    private static string? SecretOf(HttpRequest request)
    {
        string? authorization = request.Headers.Authorization;
        if (authorization is not null && authorization.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase))
        {
            return authorization["Bearer ".Length..].Trim();
        }

        string? key = request.Headers["x-api-key"];
        return string.IsNullOrEmpty(key) ? ProtocolSecretOf(request) : key;
    }

    // A page in a browser can give a WebSocket no header but this one.
    private static string? ProtocolSecretOf(HttpRequest request) =>
        request
            .Headers.GetCommaSeparatedValues("Sec-WebSocket-Protocol")
            .FirstOrDefault(static name => name.StartsWith(ProtocolPrefix, StringComparison.Ordinal))
            ?[ProtocolPrefix.Length..];

    /// <summary>True for what answers to anybody: it says nothing of tasks, or checks its callers itself as the host link does.</summary>
    private static bool IsOpen(HttpContext http) =>
        http.GetEndpoint()?.Metadata.GetMetadata<OpenToAll>() is not null
        || http.Request.Path.StartsWithSegments("/host/v1", StringComparison.Ordinal);

    private static DoorError Unauthorized(HttpRequest request, bool expired) =>
        new(
            StatusCodes.Status401Unauthorized,
            "invalid_api_key",
            expired ? "this key's time is over; ask for a new one"
                : SecretOf(request) is null ? "a key is needed; send Authorization: Bearer pk_..."
                : "this key is not known here; check it, or ask for a new one"
        );

    private static void Tell(IHeaderDictionary headers, int perMinute, int left, TimeSpan reset)
    {
        var seconds = JsonReply.WholeSeconds(reset);
        headers["RateLimit-Policy"] = string.Create(CultureInfo.InvariantCulture, $"\"default\";q={perMinute};w=60");
        headers["RateLimit"] = string.Create(CultureInfo.InvariantCulture, $"\"default\";r={left};t={seconds}");
        headers["x-ratelimit-limit-requests"] = perMinute.ToString(CultureInfo.InvariantCulture);
        headers["x-ratelimit-remaining-requests"] = left.ToString(CultureInfo.InvariantCulture);
        headers["x-ratelimit-reset-requests"] = seconds + "s";
    }

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "Refused {Method} {Path}: its key is missing, unknown or over, trace {TraceId}"
    )]
    private static partial void LogRefused(ILogger logger, string method, PathString path, string traceId);
}
