using System.Buffers;
using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Pollard.Protocol.HostLink;

/// <summary>Puts frames into a buffer. Callers flush once for all that they have, never once a frame.</summary>
public static class FrameWriter
{
    /// <summary>A frame whose payload are these bytes.</summary>
    public static void Write(
        IBufferWriter<byte> output,
        FrameType type,
        uint attempt,
        ReadOnlySpan<byte> payload,
        uint sequence = 0,
        byte flags = 0,
        ushort choice = 0
    )
    {
        if (payload.Length > LinkLimits.FramePayloadBytes)
        {
            throw new ArgumentOutOfRangeException(nameof(payload), payload.Length, "Over the limit of a frame.");
        }

        var size = FrameHeader.Size + payload.Length;
        var span = output.GetSpan(size);
        new FrameHeader(type, flags, choice, attempt, sequence, (uint)payload.Length).WriteTo(span);
        payload.CopyTo(span[FrameHeader.Size..]);
        output.Advance(size);
    }

    /// <summary>A frame without a payload.</summary>
    public static void Write(IBufferWriter<byte> output, FrameType type, uint attempt = 0, uint sequence = 0) =>
        Write(output, type, attempt, [], sequence);

    /// <summary>A frame whose payload is a message in JSON.</summary>
    public static void Write<T>(
        IBufferWriter<byte> output,
        FrameType type,
        uint attempt,
        T message,
        JsonTypeInfo<T> shape,
        uint sequence = 0
    ) => Write(output, type, attempt, JsonSerializer.SerializeToUtf8Bytes(message, shape), sequence);

    /// <summary>The credit of <paramref name="bytes"/> more bytes of output.</summary>
    public static void WriteCredit(IBufferWriter<byte> output, uint attempt, uint bytes)
    {
        Span<byte> payload = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(payload, bytes);
        Write(output, FrameType.Credit, attempt, payload);
    }

    /// <summary>Reads what <see cref="WriteCredit"/> wrote.</summary>
    /// <exception cref="LinkException">The payload is no credit.</exception>
    public static uint ReadCredit(in ReadOnlySequence<byte> payload)
    {
        if (payload.Length != 4)
        {
            throw new LinkException("a credit frame holds exactly four bytes");
        }

        Span<byte> bytes = stackalloc byte[4];
        payload.CopyTo(bytes);
        return BinaryPrimitives.ReadUInt32LittleEndian(bytes);
    }
}
