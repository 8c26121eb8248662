using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Pollard.Protocol.Api;

namespace Pollard.Gateway.Doors.Teleport;

/// <summary>Which header lines of a client go to a tool, and which of a tool's go to the client.</summary>
internal static class TeleportHeaders
{
    /// <summary>What the tool gets as <c>Authorization</c>: a client's own is for the gateway.</summary>
    private const string ToolAuthorization = "Tool-Authorization";

    // Besides the connection's: what is between the client and the gateway.
    private static readonly HashSet<string> NotForTools = new(StringComparer.OrdinalIgnoreCase)
    {
        "Host",
        "Expect",
        "Content-Length",
        "Authorization",
        "X-Api-Key",
        "Api-Key",
        "Prefer",
        "Idempotency-Key",
        "Traceparent",
        "Tracestate",
        ToolAuthorization,
    };

    // Besides the connection's: what would hold for all of the gateway, not for the tool alone.
    private static readonly HashSet<string> NotForClients = new(StringComparer.OrdinalIgnoreCase)
    {
        "Alt-Svc",
        "Strict-Transport-Security",
        "Clear-Site-Data",
        "Service-Worker-Allowed",
        "Access-Control-Allow-Origin",
        "Access-Control-Allow-Credentials",
        "Access-Control-Allow-Headers",
        "Access-Control-Allow-Methods",
        "Access-Control-Expose-Headers",
        "Access-Control-Max-Age",
        "Access-Control-Allow-Private-Network",
        "Content-Security-Policy",
        "X-Content-Type-Options",
        "Location",
        "Content-Location",
        "Set-Cookie",
    };

    /// <summary>The client's header for the tool.</summary>
    public static IReadOnlyList<HttpField> ForTool(IHeaderDictionary headers)
    {
        var fields = new List<HttpField>();
        foreach (var (name, values) in headers)
        {
            if (
                !HttpFields.IsOfConnection(name)
                && !NotForTools.Contains(name)
                && !name.StartsWith("Pollard-", StringComparison.OrdinalIgnoreCase)
            )
            {
                fields.AddRange(values.Select(value => new HttpField(name, value ?? "")));
            }
        }

        if (headers.TryGetValue(ToolAuthorization, out var authorization))
        {
            fields.Add(new HttpField("Authorization", authorization.ToString()));
        }

        return fields;
    }

    /// <summary>Sets the header of the answer. Places and cookies of the tool's lead below <paramref name="prefix"/>.</summary>
    public static void ForClient(HttpResponse response, HttpHead head, string prefix)
    {
        var headers = response.Headers;
        foreach (
            var lines in (head.Headers ?? []).GroupBy(static field => field.Name, StringComparer.OrdinalIgnoreCase)
        )
        {
            if (
                !HttpFields.IsOfConnection(lines.Key)
                && !NotForClients.Contains(lines.Key)
                && !lines.Key.StartsWith("Pollard-", StringComparison.OrdinalIgnoreCase)
                && HttpFields.IsName(lines.Key)
            )
            {
                headers[lines.Key] = new StringValues([
                    .. lines.Select(static line => line.Value).Where(HttpFields.IsValue),
                ]);
            }
        }

        foreach (var name in (ReadOnlySpan<string>)["Location", "Content-Location"])
        {
            if (Find(head, name) is { } place && HttpFields.IsValue(place))
            {
                headers[name] =
                    place.StartsWith('/') && !place.StartsWith("//", StringComparison.Ordinal) ? prefix + place : place;
            }
        }

        var cookies =
            head.Headers?.Where(static field => Is(field, "Set-Cookie") && HttpFields.IsValue(field.Value)).ToList()
            ?? [];
        if (cookies.Count > 0)
        {
            headers.SetCookie = new StringValues([.. cookies.Select(field => Below(field.Value, prefix))]);
        }

        // A page of a tool has the gateway's address in a browser: it must not act there as its visitor.
        headers.ContentSecurityPolicy = new StringValues([
            .. Values(head, "Content-Security-Policy"),
            "sandbox allow-forms allow-scripts",
        ]);
        headers.XContentTypeOptions = "nosniff";
    }

    private static IEnumerable<string> Values(HttpHead head, string name) =>
        head.Headers?.Where(field => Is(field, name) && HttpFields.IsValue(field.Value))
            .Select(static field => field.Value)
        ?? [];

    private static string? Find(HttpHead head, string name) =>
        head.Headers?.FirstOrDefault(field => Is(field, name))?.Value;

    private static bool Is(HttpField field, string name) => field.Name.Equals(name, StringComparison.OrdinalIgnoreCase);

    private static string Below(string cookie, string prefix)
    {
        var parts = cookie.Split(';');
        var path = parts
            .Skip(1)
            .Select(static part => part.Trim())
            .FirstOrDefault(static part => IsOf(part, "path"))
            ?[5..];
        var kept = parts.Where(
            static (part, i) => i == 0 || !(IsOf(part.Trim(), "path") || IsOf(part.Trim(), "domain"))
        );
        return $"{string.Join(';', kept)}; Path={prefix}{(path?.StartsWith('/') == true ? path : "/")}";
    }

    private static bool IsOf(string part, string attribute) =>
        part.StartsWith(attribute + "=", StringComparison.OrdinalIgnoreCase);
}
