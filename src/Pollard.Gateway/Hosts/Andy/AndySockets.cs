using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Pollard.Gateway.Http;
using Pollard.Tasks;

namespace Pollard.Gateway.Hosts.Andy;

/// <summary>The Andy hosts that come by WebSocket: <c>/ws</c>.</summary>
internal sealed class AndySockets(
    TaskEngine engine,
    AndyHosts hosts,
    AndyAccess access,
    AndyClients clients,
    IHostApplicationLifetime lifetime,
    TimeProvider time
)
{
    private const int IdCharacters = 32;
    private static readonly TimeSpan PingEvery = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan PongWithin = TimeSpan.FromSeconds(30);
    private readonly ConcurrentDictionary<string, bool> _connected = new(StringComparer.Ordinal);

    /// <summary>Adds the route. Only it pays for the upgrade.</summary>
    public static void Map(IEndpointRouteBuilder routes)
    {
        var sockets = routes.ServiceProvider.GetRequiredService<AndySockets>();
        var upgrade = routes.CreateApplicationBuilder();
        upgrade.UseWebSockets();
        upgrade.Run(sockets.RunAsync);
        routes.MapGet("/ws", upgrade.Build()).WithMetadata(OpenToAll.Mark);
    }

    private async Task RunAsync(HttpContext http)
    {
        if (!http.WebSockets.IsWebSocketRequest)
        {
            http.Response.Headers.Upgrade = "websocket";
            throw new RejectedException(
                new DoorError(StatusCodes.Status426UpgradeRequired, "upgrade_required", "/ws is a WebSocket")
            );
        }

        var address = CallerAddress.Of(http);
        if (hosts.Enter(address) is { } refusal)
        {
            throw new RejectedException(refusal);
        }

        try
        {
            using var socket = await http.WebSockets.AcceptWebSocketAsync(
                new WebSocketAcceptContext { KeepAliveInterval = PingEvery, KeepAliveTimeout = PongWithin }
            );
            using var line = new AndyLine(socket, time, http.RequestAborted, lifetime.ApplicationStopping);
            await line.RunAsync(message => RegisterAsync(http, message));
        }
        finally
        {
            hosts.Exit(address);
        }
    }

    /// <summary>The host of a registration, or why it is refused.</summary>
    private async Task<(AndySocketHost? Host, Action Leave, string? Refusal)> RegisterAsync(
        HttpContext http,
        JsonElement message
    )
    {
        var data = message.Object("data") ?? default;
        var token = data.Word("client_token") ?? AndyAccess.TokenOf(http.Request);
        var asked = IdOf(data.Word("id")) ?? IdOf(message.Word("client_id"));
        var isKnown =
            asked is not null && token is not null && await clients.KnowsAsync(asked, token, http.RequestAborted);
        if (!isKnown && await access.RefusalAsync(http, token) is { } refusal)
        {
            return (null, static () => { }, refusal);
        }

        // An id is its client's while its line is up: nobody takes it over, also not who has learnt it.
        if (asked is null || !_connected.TryAdd(asked, true))
        {
            asked = RandomNumberGenerator.GetHexString(IdCharacters, lowercase: true);
            _connected[asked] = true;
            isKnown = false;
        }

        try
        {
            if (!isKnown && token is not null && access.NeedsToken(http)) // Any other token is only a claim.
            {
                await clients.RememberAsync(asked, token, http.RequestAborted);
            }

            if (Open(http, data, asked, token) is { } host)
            {
                return (host, () => Leave(host, asked), null);
            }

            _connected.TryRemove(asked, out _);
            return (null, static () => { }, "an admin has shut this host out");
        }
        catch
        {
            _connected.TryRemove(asked, out _);
            throw;
        }
    }

    // Null for a host that was shut out for good.
    private AndySocketHost? Open(HttpContext http, JsonElement data, string clientId, string? token)
    {
        var publicId = AndyHost.PublicIdOf(clientId);
        var name = "andy:" + (data.Items("models").FirstOrDefault().Word("provider") ?? "host");
        if (hosts.Guests.Welcome(publicId, name, GuestMarks.Of(CallerAddress.Of(http), token, clientId)) is null)
        {
            return null;
        }

        var host = new AndySocketHost(engine.Hosts, time, publicId, name, AndyModels.Read(data, []) ?? []);
        hosts.Guests.Met(publicId);
        host.Say(AndyFrames.Welcome(clientId, time.GetUtcNow()));
        host.Ready();
        return host;
    }

    private void Leave(AndySocketHost host, string clientId)
    {
        host.End();
        hosts.Guests.Left(host.PublicId);
        _connected.TryRemove(clientId, out _);
    }

    // Only what looks like an id that we gave is taken back.
    private static string? IdOf(string? text) =>
        text is { Length: IdCharacters } && text.All(char.IsAsciiHexDigitLower) ? text : null;
}
