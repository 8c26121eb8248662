using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Pollard.Tasks.Storage;

namespace Pollard.Gateway.Http;

/// <summary>The outermost layer: begins the trace, and turns whatever goes wrong inside into an error in the path's dialect.</summary>
internal sealed partial class RequestGuard(Dialects dialects, TimeProvider time, ILogger<RequestGuard> logger)
{
    /// <summary>Runs a request.</summary>
    public async Task InvokeAsync(HttpContext http, RequestDelegate next)
    {
        RequestTrace.Begin(http);
        var began = time.GetTimestamp();
        try
        {
            if (http.GetEndpoint() is null)
            {
                throw new RejectedException(NoRoute(http.Request));
            }

            await next(http);
            if (http.Response.StatusCode == StatusCodes.Status405MethodNotAllowed && !http.Response.HasStarted)
            {
                await dialects.WriteAsync(http, NotAllowed(http));
            }
        }
        catch (Exception e) when (IsGone(http, e))
        {
            LogLeft(logger, http.Request.Method, http.Request.Path, http.TraceIdentifier);
        }
        catch (Exception e)
        {
            await AnswerAsync(http, e);
        }

        if (logger.IsEnabled(LogLevel.Debug))
        {
            var milliseconds = time.GetElapsedTime(began).TotalMilliseconds;
            LogRequest(
                logger,
                http.Request.Method,
                http.Request.Path,
                http.Response.StatusCode,
                milliseconds,
                http.TraceIdentifier
            );
        }
    }

    private async Task AnswerAsync(HttpContext http, Exception exception)
    {
        var error = ErrorOf(exception);
        if (error.Status >= 500 && exception is not RejectedException)
        {
            LogFailed(logger, exception, http.Request.Method, http.Request.Path, http.TraceIdentifier);
        }

        if (http.Response.HasStarted)
        {
            http.Abort(); // A cut connection is the only honest end of an answer that has begun.
            return;
        }

        http.Response.ContentLength = null;
        http.Response.Headers.ETag = default; // It was the answer's that did not come about.
        try
        {
            await dialects.WriteAsync(http, error);
        }
        catch (OperationCanceledException)
        {
            LogLeft(logger, http.Request.Method, http.Request.Path, http.TraceIdentifier);
        }
    }

    // Reading from a client that has left says so before the request's own token does.
    private static bool IsGone(HttpContext http, Exception exception) =>
        exception switch
        {
            OperationCanceledException or IOException when http.RequestAborted.IsCancellationRequested => true,
            IOException { InnerException: ConnectionAbortedException or ConnectionResetException } => true,
            _ => false,
        };

    private static DoorError ErrorOf(Exception exception) =>
        exception switch
        {
            RejectedException rejected => rejected.Error,
            StoreException store => StoreErrors.Of(store.Fault),
            BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } => new DoorError(
                StatusCodes.Status413PayloadTooLarge,
                "body_too_large",
                "the body is larger than this gateway takes; send less, or images as smaller data: URLs"
            ),
            BadHttpRequestException bad => new DoorError(
                bad.StatusCode,
                "invalid_request",
                DoorError.Quote(bad.Message)
            ),
            _ => new DoorError(
                StatusCodes.Status500InternalServerError,
                "internal_error",
                "the gateway failed; its log has the reason under the x-request-id of this answer"
            ),
        };

    private static DoorError NoRoute(HttpRequest request) =>
        new(
            StatusCodes.Status404NotFound,
            "route_not_found",
            $"there is no {request.Method} {DoorError.Quote(request.Path)} here"
        );

    private static DoorError NotAllowed(HttpContext http) =>
        new(
            StatusCodes.Status405MethodNotAllowed,
            "method_not_allowed",
            $"{DoorError.Quote(http.Request.Path)} takes {http.Response.Headers.Allow}, not {http.Request.Method}"
        );

    [LoggerMessage(
        Level = LogLevel.Debug,
        Message = "{Method} {Path} answered {Status} in {Milliseconds:0.0} ms, trace {TraceId}"
    )]
    private static partial void LogRequest(
        ILogger logger,
        string method,
        PathString path,
        int status,
        double milliseconds,
        string traceId
    );

    [LoggerMessage(
        Level = LogLevel.Debug,
        Message = "The client of {Method} {Path} left before the answer, trace {TraceId}"
    )]
    private static partial void LogLeft(ILogger logger, string method, PathString path, string traceId);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Method} {Path} failed, trace {TraceId}")]
    private static partial void LogFailed(
        ILogger logger,
        Exception exception,
        string method,
        PathString path,
        string traceId
    );
}
