using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Pollard.Gateway.Http;

namespace Pollard.Gateway.Hosts.Teleport;

/// <summary>Errors as teleport agents log them. What they look for in a 429 is the header and the words.</summary>
internal sealed class TeleportDialect : Dialect
{
    /// <summary>What all of the contract's paths begin with.</summary>
    public const string Prefix = "/api/http-teleport";

    private const string WaitHeader = "X-Rate-Limit-Retry-After-Seconds";

    /// <inheritdoc/>
    public override bool Speaks(PathString path) => path.StartsWithSegments(Prefix, StringComparison.Ordinal);

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter json, DoorError error)
    {
        json.WriteStartObject();
        json.WriteBoolean("success"u8, value: false);
        json.WriteString("error"u8, error.Code);
        json.WriteString("message"u8, error.Message);
        json.WriteEndObject();
    }

    /// <summary>The rejection of a request; when to come again, in the contract's own header.</summary>
    public static RejectedException Reject(HttpContext http, DoorError error)
    {
        if (error.RetryAfter is { } wait)
        {
            var heeded = wait < TeleportLimits.LongestWait ? wait : TeleportLimits.LongestWait;
            http.Response.Headers[WaitHeader] = JsonReply.WholeSeconds(heeded);
        }

        return new RejectedException(error);
    }
}
