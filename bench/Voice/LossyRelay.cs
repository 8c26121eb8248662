using System.Net;
using System.Net.Sockets;

namespace Pollard.Bench.Voice;

/// <summary>Hands datagrams on, and loses a share of them; the same ones in each run.</summary>
internal sealed class LossyRelay : IDisposable
{
    private const int MostBytes = 2_048;
    private const int ReceiveBytes = 1024 * 1024;
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp)
    {
        ReceiveBufferSize = ReceiveBytes,
    };
    private readonly Random _random = new(1);
    private readonly IPEndPoint _to;
    private readonly double _loss;

    /// <param name="to">Where they go.</param>
    /// <param name="loss">The share that is lost.</param>
    public LossyRelay(IPEndPoint to, double loss)
    {
        (_to, _loss) = (to, loss);
        _socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
    }

    /// <summary>Where they come.</summary>
    public IPEndPoint At => (IPEndPoint)_socket.LocalEndPoint!;

    /// <summary>Hands on until <paramref name="ct"/> is set.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        var datagram = new byte[MostBytes];
        try
        {
            while (true)
            {
                var length = await _socket.ReceiveAsync(datagram, ct);
                if (_random.NextDouble() >= _loss)
                {
                    await _socket.SendToAsync(datagram.AsMemory(0, length), _to, ct);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // It is over.
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();
}
