namespace Pollard.Voice.Links;

/// <summary>What crosses a link.</summary>
internal enum FrameKind
{
    /// <summary>A piece of sound.</summary>
    Audio,

    /// <summary>A piece of text, UTF-8.</summary>
    Text,

    /// <summary>There is no more; the connection ends.</summary>
    End,

    /// <summary>The call is over.</summary>
    Bye,
}

/// <summary>A piece of what crosses a link.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Payload">Sound as 32-bit floats (little-endian, mono), or text.</param>
/// <param name="Rate">Samples a second; 0 where there is no sound.</param>
/// <param name="Chunk">The piece's number on its connection, from 1; 0 where the wire has none.</param>
internal readonly record struct LinkFrame(
    FrameKind Kind,
    ReadOnlyMemory<byte> Payload = default,
    int Rate = 0,
    uint Chunk = 0
)
{
    /// <summary>The call is over.</summary>
    public static LinkFrame Bye { get; } = new(FrameKind.Bye);

    /// <summary>There is no more.</summary>
    public static LinkFrame End { get; } = new(FrameKind.End);
}

/// <summary>What came is no frame of this link. The connection is of no more use.</summary>
internal sealed class FrameException(string message) : Exception(message);
