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

    /// <summary>The call begins. Of links that have many calls alone, as what follows.</summary>
    Start,

    /// <summary>What is older than this generation is not wanted any more: the caller speaks.</summary>
    Flush,

    /// <summary>The other side is asked whether it lives.</summary>
    Ping,

    /// <summary>It does.</summary>
    Pong,

    /// <summary>All frames up to this number were heard.</summary>
    Ack,
}

/// <summary>Whose and how old a piece is. Wires of existing services have none of it.</summary>
/// <param name="Call">The call.</param>
/// <param name="Turn">How often caller and model have taken turns.</param>
/// <param name="Generation">How often what was to be said was thrown away; a piece of an older one than the newest is stale.</param>
internal readonly record struct LinkMark(CallId Call, uint Turn, uint Generation);

/// <summary>A piece of what crosses a link.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Payload">Sound as 32-bit floats (little-endian, mono), or text.</param>
/// <param name="Rate">Samples a second; 0 where there is no sound.</param>
/// <param name="Chunk">The piece's number on its connection, from 1; 0 where the wire has none. Of a start: which of the starts under this id.</param>
/// <param name="Mark">Whose it is.</param>
internal readonly record struct LinkFrame(
    FrameKind Kind,
    ReadOnlyMemory<byte> Payload = default,
    int Rate = 0,
    uint Chunk = 0,
    LinkMark Mark = default
)
{
    /// <summary>Its place among all that this side has said on the link, from 1; 0 where the wire has none, and for what is said on each connection.</summary>
    public uint Number { get; init; }

    /// <summary>The call is over.</summary>
    public static LinkFrame Bye { get; } = new(FrameKind.Bye);

    /// <summary>There is no more.</summary>
    public static LinkFrame End { get; } = new(FrameKind.End);
}

/// <summary>What came is no frame of this link. The connection is of no more use.</summary>
internal sealed class FrameException(string message) : Exception(message);
