using Microsoft.AspNetCore.Http;
using Pollard.Gateway.Http;

namespace Pollard.Gateway.Hosts.Andy;

/// <summary>
/// Who may join: everybody where keys are off or the owner opened the pool (<c>--andy-open</c>), else who brings a join token or a
/// client's key. Later requests need no more than the id that joining gave.
/// </summary>
internal sealed class AndyAccess(JoinTokens tokens, GatewayOptions options)
{
    private const string TokenHeader = "X-Client-Token";
    private const string Bearer = "Bearer ";

    /// <summary>True where only a token lets in who makes this request.</summary>
    public bool NeedsToken(HttpContext http) =>
        options.KeysRequired && !options.AndyOpen && http.GetCaller().Owner.Length == 0;

    /// <summary>Why the host may not join; null when it may.</summary>
    /// <param name="http">The request.</param>
    /// <param name="token">The token that it brought, if any, see <see cref="TokenOf"/>.</param>
    public async Task<string?> RefusalAsync(HttpContext http, string? token)
    {
        if (!NeedsToken(http))
        {
            return null;
        }

        if (token is null)
        {
            return "a client token is needed: `pollard token create` makes one; the owner may also open the pool with --andy-open";
        }

        var (use, terms) = await tokens.UseAsync(token, http.RequestAborted);
        return use switch
        {
            TokenUse.Good when terms?.Models is not null =>
                "the client token is for certain models only, to which hosts of this pool cannot be held; ask for another one",
            TokenUse.Good => null,
            TokenUse.Expired => "the client token has expired; ask for a new one",
            TokenUse.UsedUp => "the client token is used up; ask for a new one",
            _ => "the client token is not known here; ask for one",
        };
    }

    /// <summary>The token of a request: in a header, or in its address.</summary>
    public static string? TokenOf(HttpRequest request)
    {
        string? authorization = request.Headers.Authorization;
        string?[] places =
        [
            request.Headers[TokenHeader],
            request.Query["token"],
            authorization is not null && authorization.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase)
                ? authorization[Bearer.Length..].Trim()
                : null,
        ];
        return places.FirstOrDefault(static token => !string.IsNullOrEmpty(token));
    }
}
