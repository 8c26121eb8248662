using System.Buffers;
using System.Buffers.Binary;

namespace Pollard.Voice.Links;

/// <summary>How the existing services write frames: a length as a big-endian number first, of which two stand for ends.</summary>
internal abstract class NumberedCodec : FrameCodec
{
    /// <summary>What stands in place of a length when the call is over.</summary>
    protected const uint ByeLength = uint.MaxValue;

    /// <summary>Bytes of a number.</summary>
    protected const int NumberBytes = sizeof(uint);

    /// <inheritdoc/>
    public override bool TryRead(ref ReadOnlySequence<byte> input, out LinkFrame frame)
    {
        frame = default;
        var reader = new SequenceReader<byte>(input);
        if (!TryReadNumber(ref reader, out var length))
        {
            return false;
        }

        if (length is 0 or ByeLength)
        {
            frame = length == 0 ? LinkFrame.End : LinkFrame.Bye;
        }
        else if (!TryReadRest(ref reader, length, out frame))
        {
            return false;
        }

        input = reader.UnreadSequence;
        return true;
    }

    /// <inheritdoc/>
    public override void Write(in LinkFrame frame, IBufferWriter<byte> output)
    {
        switch (frame.Kind)
        {
            case FrameKind.End:
                WriteNumber(output, 0);
                break;
            case FrameKind.Bye:
                WriteNumber(output, ByeLength);
                break;
            default:
                WriteRest(frame, output);
                break;
        }
    }

    /// <summary>Takes what follows a length.</summary>
    protected abstract bool TryReadRest(ref SequenceReader<byte> reader, uint length, out LinkFrame frame);

    /// <summary>Writes a length and what follows it.</summary>
    protected abstract void WriteRest(in LinkFrame frame, IBufferWriter<byte> output);

    /// <summary>Takes a number.</summary>
    protected static bool TryReadNumber(ref SequenceReader<byte> reader, out uint number)
    {
        var isThere = reader.TryReadBigEndian(out int value);
        number = unchecked((uint)value);
        return isThere;
    }

    /// <summary>Takes so many bytes; they are copied, since the buffer that they are in is used again.</summary>
    protected static bool TryReadBytes(ref SequenceReader<byte> reader, uint length, out ReadOnlyMemory<byte> bytes)
    {
        bytes = default;
        if (reader.Remaining < length)
        {
            return false;
        }

        bytes = reader.UnreadSequence.Slice(0, length).ToArray();
        reader.Advance(length);
        return true;
    }

    /// <summary>Writes a number.</summary>
    protected static void WriteNumber(IBufferWriter<byte> output, uint number)
    {
        BinaryPrimitives.WriteUInt32BigEndian(output.GetSpan(NumberBytes), number);
        output.Advance(NumberBytes);
    }

    /// <summary>The exception for a length that is none.</summary>
    protected static FrameException TooLong(string what, long bytes, int most) =>
        new($"{what} of {bytes} bytes; there are at most {most}");
}

/// <summary>Sound for recognition.</summary>
internal sealed class HeardCodec : NumberedCodec
{
    private const int MostBytes = 2_000_000;
    private const int SampleRate = 16_000;

    protected override bool TryReadRest(ref SequenceReader<byte> reader, uint length, out LinkFrame frame)
    {
        Check(length);
        var isThere = TryReadBytes(ref reader, length, out var samples);
        frame = new LinkFrame(FrameKind.Audio, samples, SampleRate);
        return isThere;
    }

    protected override void WriteRest(in LinkFrame frame, IBufferWriter<byte> output)
    {
        Check(frame.Payload.Length);
        if (frame is not { Kind: FrameKind.Audio, Rate: SampleRate })
        {
            throw new FrameException($"a link for recognition has sound of {SampleRate} samples a second alone");
        }

        WriteNumber(output, (uint)frame.Payload.Length);
        output.Write(frame.Payload.Span);
    }

    private static void Check(long length)
    {
        if (length is 0 or > MostBytes)
        {
            throw TooLong("sound", length, MostBytes);
        }

        if (length % sizeof(float) != 0)
        {
            throw new FrameException($"sound of {length} bytes, which are no whole samples");
        }
    }
}

/// <summary>Text, UTF-8.</summary>
internal sealed class TextCodec : NumberedCodec
{
    private const int MostBytes = 10 * 1024 * 1024;

    protected override bool TryReadRest(ref SequenceReader<byte> reader, uint length, out LinkFrame frame)
    {
        Check(length);
        var isThere = TryReadBytes(ref reader, length, out var text);
        frame = text.Span.SequenceEqual("BYE"u8) ? LinkFrame.Bye : new LinkFrame(FrameKind.Text, text); // Both mean it.
        return isThere;
    }

    protected override void WriteRest(in LinkFrame frame, IBufferWriter<byte> output)
    {
        Check(frame.Payload.Length);
        if (frame.Kind != FrameKind.Text)
        {
            throw new FrameException("a link of text has text alone");
        }

        WriteNumber(output, (uint)frame.Payload.Length);
        output.Write(frame.Payload.Span);
    }

    private static void Check(long length)
    {
        if (length is 0 or > MostBytes)
        {
            throw TooLong("text", length, MostBytes);
        }
    }
}

/// <summary>Sound to be played.</summary>
internal sealed class SpokenCodec : NumberedCodec
{
    private const int MostBytes = 10 * 1024 * 1024;
    private const int LeastRate = 8_000;
    private const int MostRate = 192_000;

    protected override bool TryReadRest(ref SequenceReader<byte> reader, uint length, out LinkFrame frame)
    {
        CheckLength(length);
        frame = default;
        if (!TryReadNumber(ref reader, out var rate))
        {
            return false;
        }

        CheckRate(rate);
        if (!TryReadNumber(ref reader, out var chunk) || !TryReadBytes(ref reader, length, out var samples))
        {
            return false;
        }

        frame = new LinkFrame(FrameKind.Audio, samples, (int)rate, chunk);
        return true;
    }

    protected override void WriteRest(in LinkFrame frame, IBufferWriter<byte> output)
    {
        CheckLength(frame.Payload.Length);
        CheckRate((uint)frame.Rate);
        if (frame.Kind != FrameKind.Audio)
        {
            throw new FrameException("a link of speech has sound alone");
        }

        WriteNumber(output, (uint)frame.Payload.Length);
        WriteNumber(output, (uint)frame.Rate);
        WriteNumber(output, frame.Chunk);
        output.Write(frame.Payload.Span);
    }

    private static void CheckLength(long length)
    {
        if (length is 0 or > MostBytes)
        {
            throw TooLong("sound", length, MostBytes);
        }
    }

    /// <summary>Checks that there is sound of so many samples a second.</summary>
    /// <exception cref="FrameException">There is none.</exception>
    public static void CheckRate(uint rate)
    {
        if (rate is < LeastRate or > MostRate)
        {
            throw new FrameException($"sound of {rate} samples a second; there are {LeastRate} to {MostRate}");
        }
    }
}
