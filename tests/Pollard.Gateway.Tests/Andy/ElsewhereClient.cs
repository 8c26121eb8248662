using System.Net;
using System.Net.Sockets;

namespace Pollard.Gateway.Tests.Andy;

/// <summary>Clients that call from another address of this machine.</summary>
internal static class ElsewhereClient
{
    public static HttpClient NewClientAt(this TestGateway gateway, string address)
    {
        var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (context, ct) =>
            {
                var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                socket.Bind(new IPEndPoint(IPAddress.Parse(address), 0));
                await socket.ConnectAsync(context.DnsEndPoint, ct);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        return new HttpClient(handler) { BaseAddress = gateway.Server.Addresses[0] };
    }
}
