using System.Net;
using System.Text;
using Microsoft.AspNetCore.Http;
using Pollard.Gateway.Http;
using Pollard.Protocol;
using Pollard.Protocol.Api;

namespace Pollard.Gateway.Hosts;

/// <summary>An agent that is let in.</summary>
/// <param name="Place">Whose it is: what it has, only this place may bring.</param>
/// <param name="Terms">On which terms it is here.</param>
internal sealed record Admission(string Place, JoinTerms Terms);

/// <summary>
/// Who may ask for work that has no key of its own, and shows with each request what lets it in: a join token or an admin's key, as
/// the bearer or as the password of the address (<c>http://agent:jt_...@gateway</c>). Where keys are off everybody may.
/// </summary>
internal sealed class AgentAccess(TokenMembers members, HostGuests guests, GatewayOptions options)
{
    private const string Bearer = "Bearer ";
    private const string Basic = "Basic ";

    /// <summary>Lets the agent in, or says why not.</summary>
    /// <param name="http">The request.</param>
    /// <param name="family">Which kind of agents.</param>
    /// <param name="name">What it comes as.</param>
    /// <param name="isUnique">True where a name is one token's alone.</param>
    public async Task<(Admission? Admission, DoorError? Refusal)> AdmitAsync(
        HttpContext http,
        string family,
        string name,
        bool isUnique
    )
    {
        var place = PlaceOf(http);
        if (!options.KeysRequired)
        {
            var isHere = http.Connection.RemoteIpAddress is { } address && IPAddress.IsLoopback(address);
            return (new Admission(place, new JoinTerms(isHere ? TrustTier.Own : TrustTier.Community)), null);
        }

        var caller = http.GetCaller();
        if (caller is { IsAdmin: false, Owner.Length: > 0 })
        {
            return (null, NoClients);
        }

        if (SecretOf(http.Request) is not { } secret)
        {
            return (null, NoToken);
        }

        var own = caller.IsAdmin ? JoinTerms.Own : null;
        var member = isUnique ? $"{family}:{name}" : $"{family}:{TokenMembers.HashOf(secret)}:{name}";
        var (terms, refusal) = await members.AdmitAsync(
            member,
            secret,
            own,
            hash => guests.IsShutOut(MarksOf(http, family, PlaceOf(hash), name)),
            http.RequestAborted
        );
        return terms is null ? (null, refusal) : (new Admission(place, terms), null);
    }

    /// <summary>Whose a request is, whether or not they are let in.</summary>
    public string PlaceOf(HttpContext http) =>
        !options.KeysRequired ? $"address {CallerAddress.Of(http)}"
        : SecretOf(http.Request) is { } secret ? PlaceOf(TokenMembers.HashOf(secret))
        : "nobody";

    /// <summary>By what agents are known again that come by a name from a place.</summary>
    public static GuestMarks MarksOf(HttpContext http, string family, string place, string name) =>
        GuestMarks.Of(CallerAddress.Of(http), place, $"{family}\n{place}\n{name}");

    /// <summary>Why a token does not let in who does these models; null when it does.</summary>
    public static DoorError? Objection(JoinTerms terms, IEnumerable<string> models) =>
        terms.Models is { } patterns && models.FirstOrDefault(model => !ModelPattern.IsMatch(patterns, model)) is { } no
            ? new DoorError(403, "not_allowed", $"the join token is not for \"{DoorError.Quote(no)}\"")
            : null;

    private static string PlaceOf(string hash) => $"token {hash}";

    private static string? SecretOf(HttpRequest request)
    {
        string? authorization = request.Headers.Authorization;
        if (authorization is null)
        {
            return null;
        }

        if (authorization.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase))
        {
            return authorization[Bearer.Length..].Trim() is { Length: > 0 } token ? token : null;
        }

        var pair = authorization.StartsWith(Basic, StringComparison.OrdinalIgnoreCase)
            ? Decode(authorization[Basic.Length..].Trim())
            : null;
        return pair?.IndexOf(':', StringComparison.Ordinal) is >= 0 and var at && at + 1 < pair.Length
            ? pair[(at + 1)..]
            : null;
    }

    private static string? Decode(string base64)
    {
        var bytes = new byte[base64.Length];
        return Convert.TryFromBase64String(base64, bytes, out var length)
            ? Encoding.UTF8.GetString(bytes, 0, length)
            : null;
    }

    private static DoorError NoToken { get; } =
        new(
            401,
            "invalid_client_token",
            "a join token is needed: `pollard token create` makes one; send it as Authorization: Bearer jt_..."
        );

    private static DoorError NoClients { get; } =
        new(
            403,
            "not_allowed",
            "this is a client's key, which asks for work to be done; who does the work needs a join token: `pollard token create`"
        );
}
