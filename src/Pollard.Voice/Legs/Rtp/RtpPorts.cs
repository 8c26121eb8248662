using System.Net;
using System.Net.Sockets;

namespace Pollard.Voice.Legs.Rtp;

/// <summary>The ports for the sound of calls.</summary>
internal sealed class RtpPorts
{
    private const int MostTries = 64; // Where so many in a row are taken, the rest is too.
    private readonly int _first;
    private readonly int _count;
    private int _next;

    /// <param name="firstPort">The first that is tried; 0: any that is free.</param>
    /// <param name="lastPort">The last; of those between, the even ones are used, as phones expect.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no even port between them.</exception>
    public RtpPorts(int firstPort, int lastPort)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(firstPort);
        if (firstPort > 0)
        {
            _first = firstPort + (firstPort & 1);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(lastPort, IPEndPoint.MaxPort);
            ArgumentOutOfRangeException.ThrowIfLessThan(lastPort, _first);
            _count = (lastPort - _first) / 2 + 1;
        }
    }

    /// <summary>Opens a port; null: none is free, or no more may be open.</summary>
    public Socket? Open(IPAddress at)
    {
        // The next one each time: what still comes for the call before is not heard in this one.
        for (var tries = Math.Min(Math.Max(_count, 1), MostTries); tries > 0; tries--)
        {
            var turn = (uint)Interlocked.Increment(ref _next) - 1;
            var port = _count == 0 ? 0 : _first + 2 * (int)(turn % (uint)_count);
            if (TryOpen(new IPEndPoint(at, port)) is { } socket)
            {
                return socket;
            }
        }

        return null;
    }

    private static Socket? TryOpen(IPEndPoint at)
    {
        Socket? socket = null;
        try
        {
            socket = new Socket(at.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
            socket.Blocking = false; // The clock of all calls sends on it.
            socket.Bind(at);
            return socket;
        }
        catch (SocketException)
        {
            socket?.Dispose();
            return null;
        }
    }
}
