namespace Pollard.Voice.Links;

/// <summary>What crosses a link.</summary>
internal enum FrameKind
{
    /// <summary>A piece of sound.</summary>
    Audio,

    /// <summary>A piece of text, UTF-8.</summary>
    Text,

    /// <summary>There is no more of what its mark says, or on the connection. Of no mark, to recognition: all that is kept follows.</summary>
    End,

    /// <summary>The call is over.</summary>
    Bye,

    /// <summary>The call begins. Of links that have many calls alone, as what follows.</summary>
    Start,

    /// <summary>What is older than this generation is not wanted any more: the caller speaks.</summary>
    Flush,

    /// <summary>The caller begins to speak: what is being said to them pauses.</summary>
    Hold,

    /// <summary>It was nothing: what was being said goes on.</summary>
    Resume,

    /// <summary>A service has the call now, and has nothing of it: what was not dealt with is said to it again.</summary>
    Ready,

    /// <summary>What the caller said in this turn has been taken in; it need not be said again.</summary>
    Done,

    /// <summary>The caller has pressed a key, the character in its bytes; its number, rising in a call, is its <see cref="LinkFrame.Chunk"/>.</summary>
    Key,

    /// <summary>All keys up to this number, its <see cref="LinkFrame.Chunk"/>, have been taken in; they need not be said again.</summary>
    KeyDone,

    /// <summary>The caller has heard this sentence.</summary>
    Played,

    /// <summary>The caller has heard so many milliseconds of this sentence, its <see cref="LinkFrame.Chunk"/>, and will not hear the rest.</summary>
    Cut,

    /// <summary>The other side is asked whether it lives.</summary>
    Ping,

    /// <summary>It does.</summary>
    Pong,

    /// <summary>All frames up to this number were heard.</summary>
    Ack,
}

/// <summary>A piece of what crosses a link.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Payload">Sound as 32-bit floats (little-endian, mono), or text.</param>
/// <param name="Rate">Samples a second; 0 where there is no sound.</param>
/// <param name="Chunk">
/// The piece's number, from 1, of its sentence, or where the wire has no sentences, of its connection; 0 where the wire has none. Of a start:
/// which of the starts under this id.
/// </param>
/// <param name="Mark">Which words it is.</param>
internal readonly record struct LinkFrame(
    FrameKind Kind,
    ReadOnlyMemory<byte> Payload = default,
    int Rate = 0,
    uint Chunk = 0,
    SpeechMark Mark = default
)
{
    /// <summary>Whose it is, on a link that has many calls.</summary>
    public CallId Call { get; init; }

    /// <summary>Its place among all that this side has said on the link, from 1; 0 where the wire has none, and for what is said on each connection.</summary>
    public uint Number { get; init; }

    /// <summary>Which of the link's connections it came on, from 1; 0 for what is sent.</summary>
    public uint Connection { get; init; }

    /// <summary>The call is over.</summary>
    public static LinkFrame Bye { get; } = new(FrameKind.Bye);

    /// <summary>There is no more.</summary>
    public static LinkFrame End { get; } = new(FrameKind.End);
}

/// <summary>What came is no frame of this link. The connection is of no more use.</summary>
internal sealed class FrameException(string message) : Exception(message);
