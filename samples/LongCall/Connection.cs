using System.Collections.Concurrent;
using System.Net.Sockets;

namespace LongCall;

/// <summary>The connections to the gateway, which can be cut as a bad network would.</summary>
internal sealed class Connection
{
    private readonly ConcurrentBag<Socket> _sockets = [];

    public Connection() =>
        Handler = new SocketsHttpHandler
        {
            ConnectCallback = async (context, ct) =>
            {
                var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                _sockets.Add(socket);
                await socket.ConnectAsync(context.DnsEndPoint, ct);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };

    /// <summary>What a client sends its requests with.</summary>
    public SocketsHttpHandler Handler { get; }

    /// <summary>How many were opened so far.</summary>
    public int Opened => _sockets.Count;

    /// <summary>Closes all at once, without a word.</summary>
    public void Cut()
    {
        foreach (var socket in _sockets)
        {
            socket.Close(timeout: 0);
        }
    }
}
