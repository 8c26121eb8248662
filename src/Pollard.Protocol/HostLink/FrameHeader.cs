using System.Buffers.Binary;

namespace Pollard.Protocol.HostLink;

/// <summary>The 16 bytes before each payload, little-endian: type u8, flags u8, choice u16, attempt u32, sequence u32, length u32.</summary>
/// <param name="Type">What the frame says.</param>
/// <param name="Flags">A <see cref="DeltaKind"/> in a delta; <see cref="More"/> in an offer; else 0.</param>
/// <param name="Choice">Which of several answers (OpenAI's <c>n</c>) a delta belongs to; else 0.</param>
/// <param name="Attempt">The handle that the gateway gave the attempt in this session; 0 in frames about no attempt.</param>
/// <param name="Sequence">The number of this output frame in its attempt, from 0; in an acknowledgement the first number not yet kept.</param>
/// <param name="Length">Bytes of payload, at the most <see cref="LinkLimits.FramePayloadBytes"/>.</param>
public readonly record struct FrameHeader(
    FrameType Type,
    byte Flags,
    ushort Choice,
    uint Attempt,
    uint Sequence,
    uint Length
)
{
    /// <summary>Bytes of a header.</summary>
    public const int Size = 16;

    /// <summary>The flag of an offer whose payload goes on in the next frame of the same attempt.</summary>
    public const byte More = 1;

    /// <summary>Writes the header into the first <see cref="Size"/> bytes.</summary>
    public void WriteTo(Span<byte> destination)
    {
        destination[0] = (byte)Type;
        destination[1] = Flags;
        BinaryPrimitives.WriteUInt16LittleEndian(destination[2..], Choice);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[4..], Attempt);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[8..], Sequence);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[12..], Length);
    }

    /// <summary>Reads a header; any bytes make one, and whether it makes sense is for <see cref="FrameReader"/> to say.</summary>
    public static FrameHeader ReadFrom(ReadOnlySpan<byte> source) =>
        new(
            (FrameType)source[0],
            source[1],
            BinaryPrimitives.ReadUInt16LittleEndian(source[2..]),
            BinaryPrimitives.ReadUInt32LittleEndian(source[4..]),
            BinaryPrimitives.ReadUInt32LittleEndian(source[8..]),
            BinaryPrimitives.ReadUInt32LittleEndian(source[12..])
        );
}
