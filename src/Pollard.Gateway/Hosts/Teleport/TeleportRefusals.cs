using Microsoft.AspNetCore.Http;
using Pollard.Gateway.Http;

namespace Pollard.Gateway.Hosts.Teleport;

/// <summary>
/// Refuses agents slowly: after a 401, 403 or 404 their program asks again at once, hundreds of times a second. When too many are
/// held, the rest is told by a 429 to come later, which it heeds.
/// </summary>
internal sealed class TeleportRefusals(TimeProvider time)
{
    private int _held;

    /// <summary>Holds the request, then rejects it.</summary>
    public async Task<RejectedException> HoldAsync(HttpContext http, DoorError error, CancellationToken ct)
    {
        if (error.Status is StatusCodes.Status429TooManyRequests)
        {
            return TeleportDialect.Reject(http, error); // It waits by itself.
        }

        if (Interlocked.Increment(ref _held) > TeleportLimits.Refused)
        {
            Interlocked.Decrement(ref _held);
            var later = new DoorError(429, "too_many_requests", $"too many agents are refused: {error.Message}")
            {
                RetryAfter = TeleportLimits.LongestWait,
            };
            return TeleportDialect.Reject(http, later);
        }

        try
        {
            await Task.Delay(TeleportLimits.HoldRefused, time, ct);
        }
        catch (OperationCanceledException) when (!http.RequestAborted.IsCancellationRequested)
        {
            // The gateway stops: it is told now.
        }
        finally
        {
            Interlocked.Decrement(ref _held);
        }

        return new RejectedException(error);
    }
}
