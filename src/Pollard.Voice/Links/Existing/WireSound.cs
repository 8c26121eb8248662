using System.Runtime.InteropServices;
using Pollard.Voice.Audio;

namespace Pollard.Voice.Links.Existing;

/// <summary>Sound as wires have it, and as stages may reckon with it: what is no number is silence, what is too loud is clipped.</summary>
internal static class WireSound
{
    /// <summary>Floats, of which each may be anything.</summary>
    /// <exception cref="FrameException">They are no whole samples.</exception>
    public static byte[] Clean(ReadOnlySpan<byte> floats)
    {
        if (floats.Length % sizeof(float) != 0)
        {
            throw new FrameException($"sound of {floats.Length} bytes, which are no whole samples");
        }

        var clean = floats.ToArray();
        var samples = MemoryMarshal.Cast<byte, float>(clean.AsSpan());
        Samples.CopyClean(samples, samples);
        return clean;
    }

    /// <summary>A frame of the wire for speech: what is no whole floats is packed by mu-law already.</summary>
    public static LinkFrame Unpack(in LinkFrame frame)
    {
        var bytes = frame.Payload.Span;
        if (bytes.Length % sizeof(float) == 0)
        {
            return frame with { Payload = Clean(bytes) };
        }

        var unpacked = new byte[bytes.Length * sizeof(float)];
        G711.Decode(G711Law.Mu, bytes, MemoryMarshal.Cast<byte, float>(unpacked.AsSpan()));
        return frame with { Payload = unpacked, Rate = G711.Rate };
    }
}
