using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Pollard.Gateway.Http;
using Pollard.Protocol;
using Pollard.Protocol.Api;

namespace Pollard.Gateway.Dashboard;

/// <summary>What people and their tools see of the whole gateway: for admins, and for viewers without what tasks say.</summary>
internal sealed class OverviewEndpoints(
    OverviewMaker maker,
    OverviewBook book,
    OverviewFeed feed,
    GatewayOptions options,
    IHostApplicationLifetime lifetime
)
{
    /// <summary><c>GET /v1/overview</c>.</summary>
    public Task ShowAsync(HttpContext http) =>
        JsonReply.WriteAsync(http, maker.Make(Require(http).IsAdmin), ProtocolJson.Default.Overview);

    /// <summary><c>GET /v1/overview/history</c>.</summary>
    public Task ShowHistoryAsync(HttpContext http)
    {
        Require(http);
        var day = (string?)http.Request.Query["span"] switch
        {
            null or "" or "10m" => false,
            "24h" => true,
            _ => throw new RejectedException(DoorError.BadRequest("\"span\" must be 10m or 24h", "span")),
        };
        return JsonReply.WriteAsync(http, book.History(day), ProtocolJson.Default.OverviewHistory);
    }

    /// <summary><c>GET /v1/overview/events</c>.</summary>
    public async Task FollowAsync(HttpContext http)
    {
        var caller = Require(http);
        using var watcher =
            feed.Join(http.Request, caller)
            ?? throw new RejectedException(
                new DoorError(429, "too_many_open_requests", "too many watch already; close some pages")
            );
        http.Response.ContentType = "text/event-stream";
        http.Response.Headers.CacheControl = "no-cache";
        http.Response.Headers["X-Accel-Buffering"] = "no";
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(
            http.RequestAborted,
            lifetime.ApplicationStopping
        );
        try
        {
            await foreach (var message in watcher.Messages.ReadAllAsync(ended.Token))
            {
                await http.Response.BodyWriter.WriteAsync(message, ended.Token);
            }
        }
        catch (OperationCanceledException) when (!http.RequestAborted.IsCancellationRequested)
        {
            // The gateway stops: the page comes back to the next one.
        }
    }

    /// <summary><c>GET /v1/settings</c>.</summary>
    public Task ShowSettingsAsync(HttpContext http)
    {
        if (!http.GetCaller().IsAdmin)
        {
            throw new RejectedException(DoorError.AdminOnly);
        }

        var routes = options
            .Routes.GroupBy(static route => route.Pattern, StringComparer.Ordinal)
            .Select(static same => new RouteDocument(same.Key, [.. same.Select(static route => route.Target)]));
        var document = new SettingsDocument(options.Settings, [.. routes]);
        return JsonReply.WriteAsync(http, document, ProtocolJson.Default.SettingsDocument);
    }

    private static Caller Require(HttpContext http) =>
        http.GetCaller() is { SeesAll: true } caller ? caller : throw new RejectedException(DoorError.AdminOnly);
}
