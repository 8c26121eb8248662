using System.Buffers.Binary;

namespace Pollard.Protocol.HostLink;

/// <summary>The 16 bytes before each payload, little-endian: type u8, flags u8, choice u16, attempt u32, sequence u32, length u32.</summary>
/// <param name="Type">What the frame says.</param>
/// <param name="Flags">A <see cref="DeltaKind"/> in a delta; <see cref="More"/> in an offer; else 0.</param>
/// <param name="Choice">In a delta the answer that it belongs to and its tokens, see <see cref="ForDelta"/>; else 0.</param>
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

    /// <summary>Of a delta: which of several answers (OpenAI's <c>n</c>) it belongs to.</summary>
    public byte Answer => (byte)Choice;

    /// <summary>Of a delta: the tokens that its text has; 0 where the agent does not know, or they are more than 255.</summary>
    public byte Tokens => (byte)(Choice >> 8);

    /// <summary>The choice field of a delta: the answer in its low byte, the tokens in its high one.</summary>
    public static ushort ForDelta(int answer, int tokens) =>
        (ushort)((byte)answer | (tokens <= byte.MaxValue ? tokens << 8 : 0));

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
