using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Tasks;
using Pollard.Tasks.Dispatch;

namespace Pollard.Gateway.Hosts;

/// <summary>What admins see of hosts and do with them.</summary>
internal sealed class HostEndpoints(HostLinkServer server, HostRegistry registry, TaskEngine engine)
{
    private const int MostDeadlineSeconds = 7 * 24 * 3600;

    /// <summary><c>GET /v1/hosts</c>: those connected and those that may come back.</summary>
    public IResult List(HttpContext http)
    {
        if (LinkProblems.RefuseUnlessAdmin(http) is { } refusal)
        {
            return refusal;
        }

        var online = engine.Hosts.List().ToDictionary(host => host.Description.Id, StringComparer.Ordinal);
        var enrolled = registry.List();
        var known = enrolled.Select(host => host.Id).ToHashSet(StringComparer.Ordinal);
        var local = online.Values.Where(host => !known.Contains(host.Description.Id));
        return TypedResults.Json(
            new HostList([
                .. enrolled.Select(host => Show(host, online.GetValueOrDefault(host.Id))),
                .. local.Select(host => Show(record: null, host)),
            ]),
            ProtocolJson.Default.HostList
        );
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
        var isOnline = engine.Hosts.SetDraining(id, draining);
        if (draining)
        {
            server.Find(id)?.SayDraining(deadline);
        }
        else
        {
            server.Find(id)?.SayResumed();
        }

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

    private JsonHttpResult<HostDocument> ShowOne(string id)
    {
        var online = engine
            .Hosts.List()
            .FirstOrDefault(host => string.Equals(host.Description.Id, id, StringComparison.Ordinal));
        return TypedResults.Json(Show(registry.Find(id), online), ProtocolJson.Default.HostDocument);
    }

    private HostDocument Show(HostRecord? record, HostSnapshot? online)
    {
        var id = record?.Id ?? online?.Description.Id ?? "";
        var session = online is null ? null : server.Find(id);
        var isFallback = online is null ? record?.Role is "fallback" : online.Description.Role == HostRole.Fallback;
        return new HostDocument
        {
            Id = id,
            Name = online?.Description.Name ?? record?.Name ?? id,
            State = State(record, online),
            Role = isFallback ? "fallback" : "worker",
            Carrier = session?.Peer.Carrier switch
            {
                LinkCarrier.Http2 => "h2",
                LinkCarrier.Turn => "turn",
                LinkCarrier.Memory => "memory",
                _ => null,
            },
            Agent = session?.Hello?.Agent ?? record?.Agent,
            Slots = online?.Description.Slots ?? record?.Slots ?? 0,
            Running = online?.Running ?? 0,
            EnrolledAt = record?.EnrolledAt ?? online?.ConnectedAt ?? default,
            SeenAt = online?.SeenAt ?? record?.SeenAt,
            Models = online?.Description.Models ?? record?.Models ?? [],
        };
    }

    private static string State(HostRecord? record, HostSnapshot? online) =>
        record is { Revoked: true } ? "revoked"
        : online is null ? "offline"
        : online.Draining ? "draining"
        : "online";
}
