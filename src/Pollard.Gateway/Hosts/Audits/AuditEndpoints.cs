using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Pollard.Protocol;
using Pollard.Protocol.Api;

namespace Pollard.Gateway.Hosts.Audits;

/// <summary>What admins see of audits.</summary>
internal sealed class AuditEndpoints(AuditBook book, HostRegistry registry, HostViews views, Quarantine quarantine)
{
    /// <summary><c>GET /v1/hosts/{id}/audits</c>: how the host was audited.</summary>
    public IResult Show(HttpContext http)
    {
        if (LinkProblems.RefuseUnlessAdmin(http) is { } refusal)
        {
            return refusal;
        }

        var id = (string)http.Request.RouteValues["id"]!;
        if (registry.Find(id) is not { } host)
        {
            return Unknown(id);
        }

        var record = book.Find(id);
        return TypedResults.Json(
            new HostAudits
            {
                Host = id,
                QuarantinedAt = host.QuarantinedAt,
                Score = Math.Round(record.Score.Total, 2),
                Threshold = Math.Round(AuditScore.Threshold, 2),
                Audited = record.Audited,
                Failed = record.Failed,
                Misshapen = record.Misshapen,
                Evidence = record.Evidence,
            },
            ProtocolJson.Default.HostAudits
        );
    }

    /// <summary><c>POST /v1/hosts/{id}/release</c>: lifts the quarantine, and forgets the score.</summary>
    public async Task<IResult> ReleaseAsync(HttpContext http)
    {
        if (LinkProblems.RefuseUnlessAdmin(http) is { } refusal)
        {
            return refusal;
        }

        var id = (string)http.Request.RouteValues["id"]!;
        return await quarantine.LiftAsync(id, http.RequestAborted)
            ? TypedResults.Json(views.One(id), ProtocolJson.Default.HostDocument)
            : Unknown(id);
    }

    private static JsonHttpResult<Problem> Unknown(string id) =>
        LinkProblems.NotFound($"host \"{id}\" is not enrolled; GET /v1/hosts lists those that are");
}
