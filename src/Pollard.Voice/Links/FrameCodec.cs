using System.Buffers;

namespace Pollard.Voice.Links;

/// <summary>How frames are written on a connection, in one direction.</summary>
internal abstract class FrameCodec
{
    /// <summary>Sound for recognition, as existing services have it: 16,000 samples a second, at most 2,000,000 bytes.</summary>
    public static FrameCodec Heard { get; } = new HeardCodec();

    /// <summary>Text, as existing services have it: at most 10 MiB.</summary>
    public static FrameCodec Text { get; } = new TextCodec();

    /// <summary>Sound to be played, as existing services have it: with its rate and number, at most 10 MiB.</summary>
    public static FrameCodec Spoken { get; } = new SpokenCodec();

    /// <summary>True where frames are numbered and acknowledged, and a side may ask the other whether it lives.</summary>
    public virtual bool HasSigns => false;

    /// <summary>Takes a frame from what has come. False: not all of it is there yet.</summary>
    /// <exception cref="FrameException">It is no frame.</exception>
    public abstract bool TryRead(ref ReadOnlySequence<byte> input, out LinkFrame frame);

    /// <summary>Writes a frame.</summary>
    /// <exception cref="FrameException">There is no such frame on this wire.</exception>
    public abstract void Write(in LinkFrame frame, IBufferWriter<byte> output);
}
