using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Pollard.Gateway.Http;
using Pollard.Protocol;
using Pollard.Tasks;

namespace Pollard.Gateway.Doors.Tasks;

/// <summary>Answers when a task has ended, or after a time with the task as it is. A held connection is sent whitespace, so that nothing between closes it.</summary>
internal sealed class TaskWait(
    TaskFinder finder,
    GatewayOptions options,
    TimeProvider time,
    IHostApplicationLifetime lifetime
)
{
    private static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(30);

    /// <summary><c>GET /v1/tasks/{id}/wait</c>.</summary>
    public async Task WaitAsync(HttpContext http)
    {
        var task = await finder.FindAsync(http);
        var timeout = TimeoutOf(http.Request);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(
            http.RequestAborted,
            lifetime.ApplicationStopping
        );
        try
        {
            await HoldAsync(http, task, timeout, ended.Token);
        }
        catch (OperationCanceledException) when (!http.RequestAborted.IsCancellationRequested)
        {
            // The gateway stops: the client gets the task as it is, and asks the next one.
        }

        if (!http.Response.HasStarted)
        {
            await TaskReply.WriteAsync(http, task);
            return;
        }

        var document = await TaskReply.MakeAsync(task, http.RequestAborted);
        await http.Response.BodyWriter.WriteAsync(
            JsonSerializer.SerializeToUtf8Bytes(document, ProtocolJson.Default.TaskDocument),
            http.RequestAborted
        );
    }

    private async Task HoldAsync(HttpContext http, TaskHandle task, TimeSpan timeout, CancellationToken ct)
    {
        var began = time.GetTimestamp();
        while (true)
        {
            var left = timeout - time.GetElapsedTime(began);
            if (left <= TimeSpan.Zero)
            {
                return;
            }

            if ((await task.WaitAsync(left < options.KeepAlive ? left : options.KeepAlive, ct)).IsFinal)
            {
                return;
            }

            if (time.GetElapsedTime(began) < timeout)
            {
                http.Response.ContentType ??= JsonReply.Type;
                await http.Response.BodyWriter.WriteAsync(" "u8.ToArray(), ct);
            }
        }
    }

    private TimeSpan TimeoutOf(HttpRequest request)
    {
        if (request.Query["timeout"] is not [{ Length: > 0 } text])
        {
            return DefaultTimeout;
        }

        if (
            !double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var seconds)
            || seconds is not (>= 0 and <= 1e6)
        )
        {
            throw new RejectedException(DoorError.BadRequest("\"timeout\" must be seconds, 0 or more", "timeout"));
        }

        var timeout = TimeSpan.FromSeconds(seconds);
        return timeout < options.MaxWait ? timeout : options.MaxWait;
    }
}
