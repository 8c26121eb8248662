using System.Buffers.Binary;
using System.Security.Cryptography;
using Pollard.Voice.Audio;

namespace Pollard.Voice.Legs.Rtp;

/// <summary>Packs frames for a phone. The clock's thread alone has it.</summary>
internal sealed class RtpSender
{
    private readonly byte[] _bytes = new byte[RtpPacket.HeadBytes + Playout.FrameBytes];
    private readonly uint _source; // Drawn, as all three, so that nobody can guess what would be taken for ours.
    private readonly uint _timestamp;
    private ushort _sequence;
    private long? _firstFrame;
    private bool _wasSound;

    public RtpSender()
    {
        Span<byte> drawn = stackalloc byte[10];
        RandomNumberGenerator.Fill(drawn);
        _source = BinaryPrimitives.ReadUInt32BigEndian(drawn);
        _timestamp = BinaryPrimitives.ReadUInt32BigEndian(drawn[4..]);
        _sequence = BinaryPrimitives.ReadUInt16BigEndian(drawn[8..]);
    }

    /// <summary>Packs a frame. Frames that the clock skipped are a gap in time, not lost packets.</summary>
    /// <param name="law">How it is packed.</param>
    /// <param name="number">The clock's number of it.</param>
    /// <param name="frame">The sound.</param>
    /// <param name="isSound">Whether there is anything but silence in it.</param>
    /// <returns>The packet, until the next.</returns>
    public ReadOnlySpan<byte> Pack(G711Law law, long number, ReadOnlySpan<byte> frame, bool isSound)
    {
        // hot: each call, each 20 ms.
        _firstFrame ??= number;
        var packet = new RtpPacket
        {
            IsMarked = isSound && !_wasSound,
            Type = RtpTerms.TypeOf(law),
            Sequence = _sequence++,
            Timestamp = unchecked(_timestamp + (uint)((number - _firstFrame.Value) * Playout.FrameBytes)),
            Source = _source,
            Payload = frame,
        };
        _wasSound = isSound;
        return _bytes.AsSpan(0, packet.Write(_bytes));
    }
}
