using System.Numerics;

namespace Pollard.Voice.Audio;

/// <summary>The laws by which telephony packs a sample into a byte.</summary>
internal enum G711Law
{
    /// <summary>Mu-law (PCMU), of North America and Japan.</summary>
    Mu,

    /// <summary>A-law (PCMA), of the rest of the world.</summary>
    A,
}

/// <summary>ITU-T G.711: 8,000 samples a second, a byte each. Values are those of the ITU's own software (G.191).</summary>
internal static class G711
{
    /// <summary>Samples, and bytes, a second.</summary>
    public const int Rate = 8_000;

    private const int MuBias = 33;
    private const int MuMost = 0x1FFF; // 14 bits with the bias: what is louder is clipped.
    private const int SignBit = 0x80;
    private const int EvenBits = 0x55; // A-law turns every other bit over, so that silence has edges to find the clock by.
    private static readonly float[] MuSamples = Tabulate(DecodeMu);
    private static readonly float[] ASamples = Tabulate(DecodeA);

    /// <summary>The byte of silence.</summary>
    public static byte SilenceOf(G711Law law) => law == G711Law.Mu ? (byte)0xFF : (byte)0xD5;

    /// <summary>Packs samples, as many bytes as there are samples. What is no number is silence; what is too loud is clipped.</summary>
    public static void Encode(G711Law law, ReadOnlySpan<float> samples, Span<byte> codes)
    {
        codes = codes[..samples.Length];
        if (law == G711Law.Mu)
        {
            for (var i = 0; i < codes.Length; i++)
            {
                codes[i] = EncodeMu(Samples.ToInt16(samples[i]));
            }
        }
        else
        {
            for (var i = 0; i < codes.Length; i++)
            {
                codes[i] = EncodeA(Samples.ToInt16(samples[i]));
            }
        }
    }

    /// <summary>Unpacks bytes, as many samples as there are bytes.</summary>
    public static void Decode(G711Law law, ReadOnlySpan<byte> codes, Span<float> samples)
    {
        var table = law == G711Law.Mu ? MuSamples : ASamples;
        samples = samples[..codes.Length];
        for (var i = 0; i < samples.Length; i++)
        {
            samples[i] = table[codes[i]];
        }
    }

    /// <summary>Packs a 16-bit sample by mu-law.</summary>
    public static byte EncodeMu(short sample)
    {
        var magnitude = Math.Min((Magnitude(sample) >> 2) + MuBias, MuMost);
        var segment = BitsOf(magnitude >> 6);
        var step = (magnitude >> (segment + 1)) & 0xF;
        return (byte)(((7 - segment) << 4) | (0xF - step) | (sample >= 0 ? SignBit : 0));
    }

    /// <summary>Packs a 16-bit sample by A-law.</summary>
    public static byte EncodeA(short sample)
    {
        var magnitude = Magnitude(sample) >> 4;
        var segment = BitsOf(magnitude >> 4);
        var step = (magnitude >> Math.Max(segment - 1, 0)) & 0xF;
        return (byte)(((segment << 4) | step | (sample >= 0 ? SignBit : 0)) ^ EvenBits);
    }

    /// <summary>Unpacks a byte of mu-law into 16 bits.</summary>
    public static short DecodeMu(byte code)
    {
        var turned = ~code;
        var segment = (turned >> 4) & 7;
        var step = turned & 0xF;
        var magnitude = ((2 * step + MuBias) << (segment + 2)) - (MuBias << 2);
        return (short)((code & SignBit) != 0 ? magnitude : -magnitude);
    }

    /// <summary>Unpacks a byte of A-law into 16 bits.</summary>
    public static short DecodeA(byte code)
    {
        var turned = code ^ EvenBits;
        var segment = (turned >> 4) & 7;
        var step = ((turned & 0xF) << 4) + 8;
        var magnitude = segment == 0 ? step : (step + 0x100) << (segment - 1);
        return (short)((code & SignBit) != 0 ? magnitude : -magnitude);
    }

    // One's complement, as in G.191: with two's, the edges of the steps would lie elsewhere below zero than above.
    private static int Magnitude(short sample) => sample < 0 ? ~sample : sample;

    private static int BitsOf(int value) => 32 - BitOperations.LeadingZeroCount((uint)value);

    private static float[] Tabulate(Func<byte, short> decode) =>
        [.. Enumerable.Range(0, 256).Select(code => Samples.FromInt16(decode((byte)code)))];
}
