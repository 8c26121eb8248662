using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Pollard.Gateway.Http;
using Pollard.Tasks;

namespace Pollard.Gateway.Answers;

/// <summary>Keeps a request open until a task has ended, or for a time. A held connection is sent whitespace, so that nothing between closes it, nor the client whose time-out is shorter.</summary>
internal sealed class HeldWait(GatewayOptions options, TimeProvider time, IHostApplicationLifetime lifetime)
{
    /// <summary>Waits. When the gateway stops the wait ends: the client gets the task as it is, and asks the next gateway.</summary>
    public async Task WaitAsync(HttpContext http, TaskHandle task, TimeSpan timeout)
    {
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
            // The gateway stops.
        }
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

    /// <summary>How long the client wants to wait, within what the options allow.</summary>
    /// <exception cref="RejectedException">It is no number of seconds.</exception>
    public TimeSpan TimeoutOf(HttpRequest request, TimeSpan usual)
    {
        if (request.Query["timeout"] is not [{ Length: > 0 } text])
        {
            return usual;
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
