using System.Buffers.Binary;

namespace Pollard.Voice.Legs.AudioSockets;

/// <summary>What a frame is.</summary>
internal enum AudioSocketKind : byte
{
    /// <summary>The call is over.</summary>
    Hangup = 0x00,

    /// <summary>The id of the call, 16 bytes; the first frame.</summary>
    Id = 0x01,

    /// <summary>A key, an ASCII character.</summary>
    Key = 0x03,

    /// <summary>Sound: 8,000 samples a second, 16 bits, little-endian.</summary>
    Sound = 0x10,

    /// <summary>The same with 12,000; the kinds after it have higher rates still.</summary>
    FirstFasterSound = 0x11,

    /// <summary>The same with 192,000.</summary>
    LastFasterSound = 0x18,

    /// <summary>Something has failed, with a code.</summary>
    Error = 0xFF,
}

/// <summary>A frame of AudioSocket: its kind, the length of what follows in two bytes, and that.</summary>
internal static class AudioSocketFrame
{
    /// <summary>Bytes of kind and length.</summary>
    public const int HeadBytes = 3;

    /// <summary>Bytes that may follow, a second of sound; a length could say four times as many.</summary>
    public const int MostBytes = 16_384;

    /// <summary>Makes a frame with room for so many bytes.</summary>
    public static byte[] New(AudioSocketKind kind, int bytes)
    {
        var frame = new byte[HeadBytes + bytes];
        frame[0] = (byte)kind;
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(1), (ushort)bytes);
        return frame;
    }
}
