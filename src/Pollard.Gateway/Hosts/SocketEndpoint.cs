using System.Net.WebSockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Pollard.Protocol.HostLink;

namespace Pollard.Gateway.Hosts;

/// <summary><c>GET /host/v1/ws</c>: carrier B, for as long as both ends live.</summary>
internal sealed class SocketEndpoint(HostLinkServer server, HostSignatures signatures)
{
    private static readonly TimeSpan GoodbyeWithin = TimeSpan.FromSeconds(1);

    /// <summary>Adds the route. Only it pays for the upgrade.</summary>
    public void Map(IEndpointRouteBuilder routes)
    {
        var upgrade = routes.CreateApplicationBuilder();
        upgrade.UseWebSockets();
        upgrade.Run(RunAsync);
        routes.MapGet(SocketCarrier.Path, upgrade.Build());
    }

    private async Task RunAsync(HttpContext http)
    {
        if (!http.WebSockets.IsWebSocketRequest)
        {
            await LinkProblems
                .BadRequest("this carrier is a WebSocket, and nothing on the way may take that from the request")
                .ExecuteAsync(http);
            return;
        }

        // No pings of the socket's own: the link has its own, both ways.
        using var socket = await http.WebSockets.AcceptWebSocketAsync(
            new WebSocketAcceptContext { KeepAliveInterval = TimeSpan.Zero }
        );
        var (status, reason) = await ServeAsync(http, socket);
        await CloseAsync(socket, status, reason);
    }

    private async Task<(WebSocketCloseStatus Status, string Reason)> ServeAsync(HttpContext http, WebSocket socket)
    {
        var link = SocketCarrier.Open(socket);
        try
        {
            var isTest = LinkEcho.IsAsked(http.Request);
            var hello = isTest ? [] : await HelloCheck.PeekInTimeAsync(link.Input, server.Time, http.RequestAborted);
            if (hello is null)
            {
                return (WebSocketCloseStatus.ProtocolError, "no hello came");
            }

            var check = signatures.Check(http.Request, hello);
            if (check.Host is not { } host)
            {
                return (SocketCarrier.RefusedStatus, SocketCarrier.Refusal(check.Code, check.Refusal!));
            }

            if (!isTest && server.Arrivals.Refusal(host.Id) is { } refusal)
            {
                return (
                    WebSocketCloseStatus.EndpointUnavailable, // Not the status that an agent takes as the last word.
                    SocketCarrier.Refusal(LinkProblems.TooManySessions, refusal)
                );
            }

            await (
                isTest
                    ? LinkEcho.RunAsync(link, server.Time, http.RequestAborted)
                    : server.ServeAsync(
                        link,
                        new LinkPeer(host.Id, host.Name, LinkCarrier.WebSocket),
                        http.RequestAborted
                    )
            );
            return (WebSocketCloseStatus.NormalClosure, "");
        }
        catch (LinkException e)
        {
            return (WebSocketCloseStatus.ProtocolError, SocketCarrier.Refusal("protocol", e.Message));
        }
        catch (Exception e) when (e is IOException or WebSocketException or OperationCanceledException)
        {
            return (WebSocketCloseStatus.EndpointUnavailable, "");
        }
        finally
        {
            await link.Input.CompleteAsync();
        }
    }

    private async Task CloseAsync(WebSocket socket, WebSocketCloseStatus status, string reason)
    {
        using var late = new CancellationTokenSource(GoodbyeWithin, server.Time);
        try
        {
            if (socket.State is WebSocketState.Open or WebSocketState.CloseReceived)
            {
                await socket.CloseOutputAsync(status, reason, late.Token);
            }
        }
        catch (Exception e) when (e is IOException or WebSocketException or OperationCanceledException)
        {
            // The other end is gone, or does not read.
        }
    }
}
