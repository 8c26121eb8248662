using System.Buffers.Binary;

namespace Pollard.Voice.Legs.Rtp;

/// <summary>A packet of RTP (RFC 3550).</summary>
internal readonly ref struct RtpPacket
{
    /// <summary>Bytes before the payload of what we write.</summary>
    public const int HeadBytes = 12;

    private const int Version = 2;
    private const byte PaddingBit = 0x20;
    private const byte ExtensionBit = 0x10;
    private const byte MarkBit = 0x80;

    /// <summary>Whether it is the first of a stretch of speech.</summary>
    public bool IsMarked { get; init; }

    /// <summary>What the payload is, 0 to 127.</summary>
    public byte Type { get; init; }

    /// <summary>Counts packets.</summary>
    public ushort Sequence { get; init; }

    /// <summary>Counts samples.</summary>
    public uint Timestamp { get; init; }

    /// <summary>Who sends, by a number it has drawn.</summary>
    public uint Source { get; init; }

    /// <summary>The sound.</summary>
    public ReadOnlySpan<byte> Payload { get; init; }

    /// <summary>Reads a packet. False: it is none; RTCP, which may come to the same port, is none either (RFC 5761).</summary>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out RtpPacket packet)
    {
        packet = default;
        if (bytes.Length < HeadBytes || bytes[0] >> 6 != Version || bytes[1] is >= 192 and <= 223)
        {
            return false;
        }

        var payload = bytes[HeadBytes..];
        var contributors = (bytes[0] & 0xF) * sizeof(uint);
        if (
            !TrySkip(ref payload, contributors)
            || ((bytes[0] & ExtensionBit) != 0 && !TrySkipExtension(ref payload))
            || ((bytes[0] & PaddingBit) != 0 && !TryCutPadding(ref payload))
        )
        {
            return false;
        }

        packet = new RtpPacket
        {
            IsMarked = (bytes[1] & MarkBit) != 0,
            Type = (byte)(bytes[1] & ~MarkBit),
            Sequence = BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]),
            Timestamp = BinaryPrimitives.ReadUInt32BigEndian(bytes[4..]),
            Source = BinaryPrimitives.ReadUInt32BigEndian(bytes[8..]),
            Payload = payload,
        };
        return true;
    }

    /// <summary>Writes the packet.</summary>
    /// <returns>How many bytes it has.</returns>
    public int Write(Span<byte> bytes)
    {
        bytes[0] = Version << 6;
        bytes[1] = (byte)(Type | (IsMarked ? MarkBit : 0));
        BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], Sequence);
        BinaryPrimitives.WriteUInt32BigEndian(bytes[4..], Timestamp);
        BinaryPrimitives.WriteUInt32BigEndian(bytes[8..], Source);
        Payload.CopyTo(bytes[HeadBytes..]);
        return HeadBytes + Payload.Length;
    }

    private static bool TrySkip(ref ReadOnlySpan<byte> rest, int bytes)
    {
        if (rest.Length < bytes)
        {
            return false;
        }

        rest = rest[bytes..];
        return true;
    }

    private static bool TrySkipExtension(ref ReadOnlySpan<byte> rest) =>
        rest.Length >= 4 && TrySkip(ref rest, 4 + BinaryPrimitives.ReadUInt16BigEndian(rest[2..]) * sizeof(uint));

    private static bool TryCutPadding(ref ReadOnlySpan<byte> rest)
    {
        if (rest.IsEmpty || rest[^1] == 0 || rest[^1] > rest.Length)
        {
            return false;
        }

        rest = rest[..^rest[^1]];
        return true;
    }
}
