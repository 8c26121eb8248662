using System.Net;
using System.Net.Sockets;

namespace Pollard.Voice.Legs.Rtp;

/// <summary>
/// Where a phone's sound comes from, and ours goes. Behind a NAT that is not where the phone says: the first who sends is believed, and
/// after that only the same address, the one that was signalled, or the same stream from elsewhere when the address has gone quiet.
/// </summary>
/// <param name="allows">Who may send.</param>
internal sealed class RtpPeer(Func<IPAddress, bool> allows)
{
    private readonly Lock _gate = new(); // Of signalling, and of what is received.
    private SocketAddress? _signalled;
    private SocketAddress? _heard;
    private SocketAddress? _target;
    private uint? _source;

    /// <summary>Where to send; null: nowhere yet.</summary>
    public SocketAddress? Target => Volatile.Read(ref _target);

    /// <summary>The phone says where it hears. What was believed before holds no more, unless it is the same.</summary>
    public void Signal(IPEndPoint at)
    {
        var address = at.Serialize();
        lock (_gate)
        {
            if (!address.Equals(_signalled))
            {
                (_signalled, _heard) = (address, null);
                // Not to anybody whom a caller names: then it is waited for the phone to send first.
                Volatile.Write(ref _target, allows(AddressOf(address)) ? address : null);
            }
        }
    }

    /// <summary>Whether a packet is the caller's.</summary>
    /// <param name="from">Where it came from; it is copied.</param>
    /// <param name="source">Who says to have sent it.</param>
    /// <param name="isQuiet">Whether nothing has come from the caller for a while.</param>
    /// <param name="isNew">Whether another stream than before begins with it.</param>
    public bool Takes(SocketAddress from, uint source, bool isQuiet, out bool isNew)
    {
        lock (_gate)
        {
            isNew = _source is { } known && source != known;
            if (!from.Equals(_heard))
            {
                var mayMove = _heard is null || from.Equals(_signalled) || (isQuiet && source == _source);
                if (!mayMove || !allows(AddressOf(from)))
                {
                    return false;
                }

                _heard = CopyOf(from);
                Volatile.Write(ref _target, _heard);
            }

            _source = source;
            return true;
        }
    }

    private static IPAddress AddressOf(SocketAddress address)
    {
        var any = address.Family == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any;
        var from = ((IPEndPoint)new IPEndPoint(any, 0).Create(address)).Address;
        return from.IsIPv4MappedToIPv6 ? from.MapToIPv4() : from;
    }

    private static SocketAddress CopyOf(SocketAddress address)
    {
        var copy = new SocketAddress(address.Family, address.Size);
        address.Buffer.Span[..address.Size].CopyTo(copy.Buffer.Span);
        return copy;
    }
}
