using System.Net;
using System.Net.Sockets;

namespace Pollard.Voice.Legs;

/// <summary>Ports at which callers are reached.</summary>
internal static class LegPort
{
    /// <summary>Opens a port.</summary>
    /// <exception cref="IOException">It is taken, or may not be used.</exception>
    public static Socket Open(IPEndPoint at, SocketType type, ProtocolType protocol)
    {
        var socket = new Socket(at.AddressFamily, type, protocol);
        try
        {
            socket.Bind(at);
            return socket;
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw new IOException($"{protocol} port {at.Port} at {at.Address} cannot be used: {e.Message}", e);
        }
    }

    /// <summary>The address of an end, as an owner's list has it.</summary>
    public static IPAddress AddressOf(EndPoint? end)
    {
        var address = ((IPEndPoint)end!).Address;
        return address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
    }
}
