using System.Net;
using System.Net.Sockets;

namespace Pollard.Voice.Tests.Links.Existing;

/// <summary>Ports next to each other, as calls have them, which the system gives to nobody by itself.</summary>
internal static class PortBlock
{
    private const int First = 14_000;
    private const int Size = 80;
    private const int Blocks = 220; // Up to where the system's own begin.
    private static int _next = Random.Shared.Next(Blocks); // Another run of these tests may be under way.

    /// <summary>The first of a block whose ports are free.</summary>
    public static int Next()
    {
        while (true)
        {
            var first = First + ((int)((uint)Interlocked.Increment(ref _next) % Blocks) * Size);
            if (Enumerable.Range(first, Size).All(IsFree))
            {
                return first;
            }
        }
    }

    private static bool IsFree(int port)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        using var datagrams = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        try
        {
            socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
            datagrams.Bind(new IPEndPoint(IPAddress.Loopback, port));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
