using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Tasks;

namespace Pollard.Gateway.Hosts;

/// <summary>What admins see of hosts and do with them.</summary>
internal sealed class HostEndpoints(HostLinkServer server, HostRegistry registry, HostViews views, TaskEngine engine)
{
    private const int MostListed = 1_000;
    private const int MostDeadlineSeconds = 7 * 24 * 3600;

    /// <summary><c>GET /v1/hosts</c>: those connected and those that may come back, a page at a time.</summary>
    public IResult List(HttpContext http)
    {
        if (LinkProblems.RefuseUnlessSeesAll(http) is { } refusal)
        {
            return refusal;
        }

        var query = http.Request.Query;
        string? state = query["state"];
        if (state is not null && !HostViews.States.Contains(state, StringComparer.Ordinal))
        {
            return LinkProblems.BadRequest($"state must be one of {string.Join(", ", HostViews.States)}");
        }

        var limit = MostListed;
        if (
            query["limit"].FirstOrDefault() is { } text
            && !(
                int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out limit)
                && limit is >= 1 and <= MostListed
            )
        )
        {
            return LinkProblems.BadRequest($"limit must be 1 to {MostListed}");
        }

        return views.Page(state, query["after"], limit) is { } page
            ? TypedResults.Json(page, ProtocolJson.Default.HostList)
            : LinkProblems.BadRequest("after must be the next of an earlier page");
    }

    /// <summary><c>GET /v1/hosts/{id}</c>: one of them, with when it was here.</summary>
    public IResult Show(HttpContext http)
    {
        if (LinkProblems.RefuseUnlessSeesAll(http) is { } refusal)
        {
            return refusal;
        }

        var id = Id(http);
        return views.Find(id) is { } host ? TypedResults.Json(host, ProtocolJson.Default.HostDocument) : Unknown(id);
    }

    /// <summary><c>POST /v1/hosts/{id}/drain</c>: no more work for it; what runs goes on, until <c>?deadline=</c> seconds are over.</summary>
    public Task<IResult> DrainAsync(HttpContext http) => SetDrainingAsync(http, draining: true);

    /// <summary><c>POST /v1/hosts/{id}/resume</c>: work for it again.</summary>
    public Task<IResult> ResumeAsync(HttpContext http) => SetDrainingAsync(http, draining: false);

    /// <summary><c>POST /v1/hosts/{id}/revoke</c>: shut out for good; its attempts go to others.</summary>
    public async Task<IResult> RevokeAsync(HttpContext http)
    {
        if (LinkProblems.RefuseUnlessAdmin(http) is { } refusal)
        {
            return refusal;
        }

        var id = Id(http);
        if (!await registry.RevokeAsync(id, http.RequestAborted))
        {
            return Unknown(id);
        }

        engine.Hosts.Evict(id, "revoked", "the host was revoked by an admin");
        return ShowOne(id);
    }

    private async Task<IResult> SetDrainingAsync(HttpContext http, bool draining)
    {
        if (LinkProblems.RefuseUnlessAdmin(http) is { } refusal)
        {
            return refusal;
        }

        if (!TryReadDeadline(http, out var deadline))
        {
            return LinkProblems.BadRequest($"deadline must be a number of seconds from 0 to {MostDeadlineSeconds}");
        }

        var id = Id(http);
        var isEnrolled = await registry.SetDrainingAsync(id, draining, http.RequestAborted);
        var isOnline = server.HoldBack(id, draining, deadline);
        return isEnrolled || isOnline ? ShowOne(id) : Unknown(id);
    }

    private static bool TryReadDeadline(HttpContext http, out TimeSpan? deadline)
    {
        deadline = null;
        if (http.Request.Query["deadline"].FirstOrDefault() is not { } text)
        {
            return true;
        }

        var isNumber = double.TryParse(
            text,
            NumberStyles.AllowDecimalPoint,
            CultureInfo.InvariantCulture,
            out var seconds
        );
        deadline = isNumber && seconds <= MostDeadlineSeconds ? TimeSpan.FromSeconds(seconds) : null;
        return deadline is not null;
    }

    private static string Id(HttpContext http) => (string)http.Request.RouteValues["id"]!;

    private static JsonHttpResult<Problem> Unknown(string id) =>
        LinkProblems.NotFound($"host \"{id}\" is neither enrolled nor connected; GET /v1/hosts lists those that are");

    private JsonHttpResult<HostDocument> ShowOne(string id) =>
        TypedResults.Json(views.One(id), ProtocolJson.Default.HostDocument);
}
