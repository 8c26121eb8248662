using System.Net;
using Microsoft.AspNetCore.Http;
using Pollard.Gateway.Http;

namespace Pollard.Gateway.Keys;

/// <summary>
/// While keys are off, everybody on this machine may do everything. A web page from elsewhere is not everybody on this machine,
/// though the browser that shows it is: its requests bear a foreign origin, or after DNS rebinding a foreign host. Nor is whoever
/// comes through a proxy on this machine: such requests bear the address from which they came.
/// </summary>
internal static class LocalOnly
{
    /// <summary>Why the request is refused; null when it is not.</summary>
    public static DoorError? Refusal(HttpRequest request)
    {
        if (!IsLocal(request.Host.Host))
        {
            return Refuse($"the host name \"{DoorError.Quote(request.Host.Host)}\" is not this machine's");
        }

        if (ForwardedFor(request.Headers) is { } caller)
        {
            return Refuse($"the request came through a proxy, for \"{DoorError.Quote(caller)}\"");
        }

        string? origin = request.Headers.Origin;
        var isForeign =
            origin is not null
            && (
                !Uri.TryCreate(origin, UriKind.Absolute, out var uri)
                || (uri.Scheme is "http" or "https" && !IsLocal(uri.Host))
            );
        return isForeign ? Refuse($"the page {DoorError.Quote(origin!)} is not this machine's") : null;
    }

    // Whom a proxy says that it calls for; null: nobody, or somebody on this machine.
    private static string? ForwardedFor(IHeaderDictionary headers) =>
        headers
            .GetCommaSeparatedValues("X-Forwarded-For")
            .FirstOrDefault(static caller =>
                !(IPEndPoint.TryParse(caller, out var at) && IPAddress.IsLoopback(at.Address))
            );

    private static bool IsLocal(string host) =>
        host is "" or "localhost" or "127.0.0.1"
        || host.EndsWith(".localhost", StringComparison.Ordinal)
        || (IPAddress.TryParse(host.AsSpan().Trim("[]"), out var address) && IPAddress.IsLoopback(address));

    private static DoorError Refuse(string reason) =>
        new(
            403,
            "foreign_caller",
            $"{reason}; without keys only this machine is served, so turn keys on to serve others"
        );
}
