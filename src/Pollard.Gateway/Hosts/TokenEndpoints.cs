using Microsoft.AspNetCore.Http;
using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Protocol.HostLink;

namespace Pollard.Gateway.Hosts;

/// <summary>What admins do with join tokens.</summary>
internal sealed class TokenEndpoints(JoinTokens tokens)
{
    private const int MostNameCharacters = 100;
    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(1);
    private static readonly TimeSpan LongestLifetime = TimeSpan.FromDays(366);

    /// <summary><c>GET /v1/tokens</c>.</summary>
    public IResult List(HttpContext http) =>
        (IResult?)LinkProblems.RefuseUnlessAdmin(http)
        ?? TypedResults.Json(new TokenList(tokens.List()), ProtocolJson.Default.TokenList);

    /// <summary><c>POST /v1/tokens</c>: the only answer that shows the secret.</summary>
    public async Task<IResult> CreateAsync(HttpContext http)
    {
        if (LinkProblems.RefuseUnlessAdmin(http) is { } refusal)
        {
            return refusal;
        }

        var ct = http.RequestAborted;
        if (await BodyReader.ReadAsync(http.Request, ProtocolJson.Default.CreateToken, ct) is not { } wanted)
        {
            return LinkProblems.BadRequest(
                "the body must be a JSON object; {} makes a token for one host and one day; tier is own, trusted or community"
            );
        }

        var lifetime = wanted.ExpiresIn ?? Lifetime.TotalSeconds;
        if (
            wanted.Uses is < 1 or > JoinTokens.MostUses
            || wanted.Name?.Length > MostNameCharacters
            || wanted.MostSlots is < 1 or > LinkLimits.Slots
            || wanted.Tier is { } tier && !Enum.IsDefined(tier)
            || wanted.Owner?.Length > MostNameCharacters
            || wanted.Models is { } models
                && !(models.Count is >= 1 and <= ModelPattern.Most && models.All(ModelPattern.IsPattern))
            || !(lifetime > 0 && lifetime <= LongestLifetime.TotalSeconds)
        )
        {
            return LinkProblems.BadRequest(
                $"uses must be 1 to {JoinTokens.MostUses}, expires_in 1 to {LongestLifetime.TotalSeconds:0} seconds, tier own, trusted or community, most_slots 1 to {LinkLimits.Slots}, models 1 to {ModelPattern.Most} names with * and ?, name and owner at most {MostNameCharacters} characters"
            );
        }

        JoinTerms terms = new(wanted.Tier ?? JoinTerms.Usual.Tier, wanted.Owner, wanted.MostSlots, wanted.Models);
        var token = await tokens.CreateAsync(wanted.Name, wanted.Uses ?? 1, TimeSpan.FromSeconds(lifetime), terms, ct);
        return TypedResults.Json(token, ProtocolJson.Default.TokenDocument, statusCode: StatusCodes.Status201Created);
    }

    /// <summary><c>DELETE /v1/tokens/{id}</c>; again is no error.</summary>
    public async Task<IResult> DeleteAsync(HttpContext http)
    {
        if (LinkProblems.RefuseUnlessAdmin(http) is { } refusal)
        {
            return refusal;
        }

        await tokens.DeleteAsync((string)http.Request.RouteValues["id"]!, http.RequestAborted);
        return TypedResults.NoContent();
    }
}
