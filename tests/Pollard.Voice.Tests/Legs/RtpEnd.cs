using System.Net;
using System.Net.Sockets;
using Pollard.Voice.Audio;
using Pollard.Voice.Legs.Rtp;

namespace Pollard.Voice.Tests.Legs;

/// <summary>A packet of sound that was heard.</summary>
internal sealed record RtpHeard(ushort Sequence, uint Timestamp, uint Source, byte Type, bool IsMarked, byte[] Codes);

/// <summary>The other end of RTP without signalling: sends frames as they come to mind, and keeps what it hears.</summary>
internal sealed class RtpEnd : IAsyncDisposable
{
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    private readonly CancellationTokenSource _over = new();
    private readonly List<RtpHeard> _heard = [];
    private readonly Task _hearing;
    private ushort _sequence = 65_530; // It begins anew soon.
    private uint _timestamp;

    public RtpEnd()
    {
        _socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _hearing = HearAsync();
    }

    /// <summary>Where it hears.</summary>
    public IPEndPoint At => (IPEndPoint)_socket.LocalEndPoint!;

    /// <summary>What it says to be.</summary>
    public uint Source { get; init; } = 7;

    /// <summary>Says samples, 20 ms a packet.</summary>
    public void Say(IPEndPoint to, ReadOnlySpan<float> samples, G711Law law = G711Law.Mu)
    {
        var codes = new byte[Playout.FrameBytes];
        for (; samples.Length >= codes.Length; samples = samples[codes.Length..])
        {
            G711.Encode(law, samples[..codes.Length], codes);
            Send(to, RtpTerms.TypeOf(law), codes);
            _timestamp += Playout.FrameBytes;
        }
    }

    /// <summary>Presses a key, as phones say it: again and again while it is down, and three times that it is up.</summary>
    public void Press(IPEndPoint to, byte key, byte type = RtpTerms.UsualEventType)
    {
        for (var i = 1; i <= 5; i++)
        {
            Send(to, type, [key, (byte)(i < 3 ? 0x0A : 0x8A), 0, (byte)(Math.Min(i, 3) * 40)]);
        }

        _timestamp += 4 * Playout.FrameBytes;
    }

    /// <summary>Sends what is no packet.</summary>
    public void SendRaw(IPEndPoint to, ReadOnlySpan<byte> bytes) => _socket.SendTo(bytes, to);

    /// <summary>What it has heard so far.</summary>
    public IReadOnlyList<RtpHeard> Heard()
    {
        lock (_heard)
        {
            return [.. _heard];
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        await _hearing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _socket.Dispose();
        _over.Dispose();
    }

    private void Send(IPEndPoint to, byte type, ReadOnlySpan<byte> payload)
    {
        var bytes = new byte[RtpPacket.HeadBytes + payload.Length];
        var packet = new RtpPacket
        {
            Type = type,
            Sequence = _sequence++,
            Timestamp = _timestamp,
            Source = Source,
            Payload = payload,
        };
        packet.Write(bytes);
        _socket.SendTo(bytes, to);
    }

    private async Task HearAsync()
    {
        var bytes = new byte[2_048];
        while (true)
        {
            var count = await _socket.ReceiveAsync(bytes, _over.Token);
            if (RtpPacket.TryRead(bytes.AsSpan(0, count), out var packet))
            {
                lock (_heard)
                {
                    _heard.Add(
                        new RtpHeard(
                            packet.Sequence,
                            packet.Timestamp,
                            packet.Source,
                            packet.Type,
                            packet.IsMarked,
                            packet.Payload.ToArray()
                        )
                    );
                }
            }
        }
    }
}
