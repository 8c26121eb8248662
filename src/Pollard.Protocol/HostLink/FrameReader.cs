using System.Buffers;

namespace Pollard.Protocol.HostLink;

/// <summary>One frame as it lies in the receive buffer: the payload is valid until the buffer is advanced.</summary>
public readonly record struct Frame(FrameHeader Header, ReadOnlySequence<byte> Payload);

/// <summary>Cuts a stream of bytes into frames.</summary>
public static class FrameReader
{
    /// <summary>Takes the next whole frame off the front of <paramref name="buffer"/>; false when it is not all there yet.</summary>
    /// <exception cref="LinkException">The bytes are no frame of this version, or a frame is beyond its bounds.</exception>
    public static bool TryRead(ref ReadOnlySequence<byte> buffer, out Frame frame)
    {
        frame = default;
        if (buffer.Length < FrameHeader.Size)
        {
            return false;
        }

        var header = ReadHeader(buffer);
        var limit = header.Type == FrameType.Hello ? LinkLimits.HelloBytes : LinkLimits.FramePayloadBytes;
        if (!Enum.IsDefined(header.Type))
        {
            throw new LinkException(
                $"frame type {(byte)header.Type} is not known to version {LinkLimits.ProtocolVersion}"
            );
        }

        if (header.Length > limit)
        {
            throw new LinkException($"a {header.Type} frame of {header.Length} bytes is over its limit of {limit}");
        }

        if (buffer.Length < FrameHeader.Size + header.Length)
        {
            return false;
        }

        frame = new Frame(header, buffer.Slice(FrameHeader.Size, header.Length));
        buffer = buffer.Slice(FrameHeader.Size + header.Length);
        return true;
    }

    private static FrameHeader ReadHeader(in ReadOnlySequence<byte> buffer)
    {
        if (buffer.FirstSpan.Length >= FrameHeader.Size)
        {
            return FrameHeader.ReadFrom(buffer.FirstSpan);
        }

        Span<byte> copy = stackalloc byte[FrameHeader.Size];
        buffer.Slice(0, FrameHeader.Size).CopyTo(copy);
        return FrameHeader.ReadFrom(copy);
    }
}

/// <summary>The other end broke the rules of the link; the message says which. The link is closed, its tasks are not harmed.</summary>
public sealed class LinkException : Exception
{
    /// <summary>Says what was broken.</summary>
    public LinkException(string message)
        : base(message) { }

    /// <summary>Says what was broken, and by which error it was noticed.</summary>
    public LinkException(string message, Exception innerException)
        : base(message, innerException) { }
}
