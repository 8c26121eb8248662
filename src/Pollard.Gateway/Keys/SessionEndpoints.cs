using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Pollard.Gateway.Http;
using Pollard.Protocol;
using Pollard.Protocol.Api;

namespace Pollard.Gateway.Keys;

/// <summary>Signs browsers in and out.</summary>
internal sealed class SessionEndpoints(Sessions sessions, KeyStore keys, GatewayOptions options)
{
    /// <summary>Adds the routes.</summary>
    public static void Map(IEndpointRouteBuilder routes)
    {
        var endpoints = routes.ServiceProvider.GetRequiredService<SessionEndpoints>();
        routes.MapGet("/v1/session", endpoints.ShowAsync).WithMetadata(OpenToAll.Mark).ForViewers();
        routes.MapPost("/v1/session", endpoints.SignInAsync).WithMetadata(OpenToAll.Mark).ForViewers();
        routes.MapDelete("/v1/session", endpoints.SignOutAsync).WithMetadata(OpenToAll.Mark).ForViewers();
    }

    private Task ShowAsync(HttpContext http) =>
        AnswerAsync(
            http,
            options.KeysRequired && sessions.Find(http.Request) is { } key && !keys.IsExpired(key.Record) ? key : null
        );

    private async Task SignInAsync(HttpContext http)
    {
        if (!SessionGuard.IsFromOurPage(http.Request))
        {
            throw new RejectedException(SessionGuard.Refusal); // Or another site could sign its visitors in, with its own key.
        }

        var given = await RequestBody.ReadAsync(http, ProtocolJson.Default.SignIn);
        if (!options.KeysRequired)
        {
            await AnswerAsync(http, key: null);
            return;
        }

        if (keys.Find(given.Key.Trim()) is not { } key || keys.IsExpired(key.Record))
        {
            throw new RejectedException(
                new DoorError(401, "invalid_api_key", "this key is not known here, or its time is over")
            );
        }

        if (key.Record.Role is not (KeyRoles.Admin or KeyRoles.Viewer))
        {
            const string Message =
                "the dashboard is for keys with the role admin or viewer, and this one is a client's";
            throw new RejectedException(new DoorError(403, "admin_only", Message));
        }

        var cookie = await sessions.BeginAsync(key, http.RequestAborted);
        http.Response.Cookies.Append(Sessions.Cookie, cookie, CookieOf(http, Sessions.Lifetime));
        await AnswerAsync(http, key);
    }

    private async Task SignOutAsync(HttpContext http)
    {
        await sessions.EndAsync(http.Request, http.RequestAborted);
        http.Response.Cookies.Delete(Sessions.Cookie, CookieOf(http, lifetime: null));
        http.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private Task AnswerAsync(HttpContext http, ClientKey? key)
    {
        http.Response.Headers.CacheControl = "no-store";
        var document = options.KeysRequired
            ? new SessionDocument(KeysRequired: true, key?.Record.Role, key?.Record.Name)
            : new SessionDocument(KeysRequired: false, KeyRoles.Admin, Name: null);
        return JsonReply.WriteAsync(http, document, ProtocolJson.Default.SessionDocument);
    }

    private static CookieOptions CookieOf(HttpContext http, TimeSpan? lifetime) =>
        new()
        {
            Path = "/",
            HttpOnly = true,
            SameSite = SameSiteMode.Strict,
            Secure = http.Request.IsHttps,
            MaxAge = lifetime,
            IsEssential = true,
        };
}

/// <summary>Tells what our own page sends from what another site makes a browser send.</summary>
internal static class SessionGuard
{
    /// <summary>The header that the page sends with all that changes something. Another site's page cannot: browsers ask first, and are told no.</summary>
    public const string Header = "X-Pollard-Csrf";

    /// <summary>What is said to another site's page.</summary>
    public static DoorError Refusal { get; } =
        new(
            403,
            "foreign_page",
            $"a request that changes something and comes with a cookie needs the header {Header}: 1"
        );

    /// <summary>True when the request cannot have been made by another site's page.</summary>
    public static bool IsFromOurPage(HttpRequest request) =>
        HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method) || request.Headers[Header] == "1";
}
