using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Pollard.Voice.Audio;

/// <summary>How samples lie in a file.</summary>
internal enum SampleEncoding
{
    /// <summary>Unsigned bytes.</summary>
    Pcm8,

    /// <summary>16 bits, signed, little-endian.</summary>
    Pcm16,

    /// <summary>24 bits, signed, little-endian.</summary>
    Pcm24,

    /// <summary>32 bits, signed, little-endian; we keep the upper 24.</summary>
    Pcm32,

    /// <summary>32-bit floats, little-endian, -1 to 1.</summary>
    Float32,

    /// <summary>G.711 mu-law.</summary>
    MuLaw,

    /// <summary>G.711 A-law.</summary>
    ALaw,
}

/// <summary>Samples as we reckon with them, floats from -1 to 1, and as others write them.</summary>
internal static class Samples
{
    private const float Scale16 = 1 << 15;
    private const float Scale24 = 1 << 23;
    private const double Scale32 = 1L << 31;

    /// <summary>A sample that may be reckoned with: what is no number is silence, what is too loud is clipped.</summary>
    public static float Clean(float sample) => float.IsFinite(sample) ? Math.Clamp(sample, -1f, 1f) : 0f;

    /// <summary>Copies samples and makes them such that may be reckoned with.</summary>
    public static void CopyClean(ReadOnlySpan<float> from, Span<float> to)
    {
        to = to[..from.Length];
        for (var i = 0; i < to.Length; i++)
        {
            to[i] = Clean(from[i]);
        }
    }

    /// <summary>A sample of 16 bits.</summary>
    public static float FromInt16(short sample) => sample / Scale16;

    /// <summary>A sample as 16 bits, to the nearest.</summary>
    public static short ToInt16(float sample) =>
        (short)Math.Min((int)MathF.Round(Clean(sample) * Scale16), short.MaxValue);

    /// <summary>The root of the mean square: how loud it is, from 0 to 1.</summary>
    public static float RootMeanSquare(ReadOnlySpan<float> samples)
    {
        var vectors = MemoryMarshal.Cast<float, Vector<float>>(samples);
        var sums = Vector<float>.Zero;
        foreach (var vector in vectors)
        {
            sums += vector * vector;
        }

        var sum = Vector.Sum(sums);
        foreach (var sample in samples[(vectors.Length * Vector<float>.Count)..])
        {
            sum += sample * sample;
        }

        return samples.IsEmpty ? 0 : MathF.Sqrt(sum / samples.Length);
    }

    /// <summary>Bytes of a sample.</summary>
    public static int BytesOf(SampleEncoding encoding) =>
        encoding switch
        {
            SampleEncoding.Pcm8 or SampleEncoding.MuLaw or SampleEncoding.ALaw => 1,
            SampleEncoding.Pcm16 => 2,
            SampleEncoding.Pcm24 => 3,
            _ => 4,
        };

    /// <summary>Reads samples, as many as there is room for.</summary>
    public static void Decode(SampleEncoding encoding, ReadOnlySpan<byte> bytes, Span<float> samples)
    {
        switch (encoding)
        {
            case SampleEncoding.MuLaw:
                G711.Decode(G711Law.Mu, bytes[..samples.Length], samples);
                return;
            case SampleEncoding.ALaw:
                G711.Decode(G711Law.A, bytes[..samples.Length], samples);
                return;
        }

        var size = BytesOf(encoding);
        for (var i = 0; i < samples.Length; i++)
        {
            samples[i] = DecodeOne(encoding, bytes.Slice(i * size, size));
        }
    }

    /// <summary>Writes samples, all of them.</summary>
    public static void Encode(SampleEncoding encoding, ReadOnlySpan<float> samples, Span<byte> bytes)
    {
        switch (encoding)
        {
            case SampleEncoding.MuLaw:
                G711.Encode(G711Law.Mu, samples, bytes);
                return;
            case SampleEncoding.ALaw:
                G711.Encode(G711Law.A, samples, bytes);
                return;
        }

        var size = BytesOf(encoding);
        for (var i = 0; i < samples.Length; i++)
        {
            EncodeOne(encoding, Clean(samples[i]), bytes.Slice(i * size, size));
        }
    }

    private static float DecodeOne(SampleEncoding encoding, ReadOnlySpan<byte> bytes) =>
        encoding switch
        {
            SampleEncoding.Pcm8 => (bytes[0] - 128) / 128f,
            SampleEncoding.Pcm16 => FromInt16(BinaryPrimitives.ReadInt16LittleEndian(bytes)),
            SampleEncoding.Pcm24 => (bytes[0] | (bytes[1] << 8) | ((sbyte)bytes[2] << 16)) / Scale24,
            SampleEncoding.Pcm32 => (float)(BinaryPrimitives.ReadInt32LittleEndian(bytes) / Scale32),
            _ => Clean(BinaryPrimitives.ReadSingleLittleEndian(bytes)),
        };

    private static void EncodeOne(SampleEncoding encoding, float sample, Span<byte> bytes)
    {
        switch (encoding)
        {
            case SampleEncoding.Pcm8:
                bytes[0] = (byte)Math.Min((int)MathF.Round(sample * 128) + 128, byte.MaxValue);
                break;
            case SampleEncoding.Pcm16:
                BinaryPrimitives.WriteInt16LittleEndian(bytes, ToInt16(sample));
                break;
            case SampleEncoding.Pcm24:
                var value = Math.Min((int)MathF.Round(sample * Scale24), (1 << 23) - 1);
                (bytes[0], bytes[1], bytes[2]) = ((byte)value, (byte)(value >> 8), (byte)(value >> 16));
                break;
            case SampleEncoding.Pcm32:
                BinaryPrimitives.WriteInt32LittleEndian(bytes, (int)Math.Min(sample * Scale32, int.MaxValue));
                break;
            default:
                BinaryPrimitives.WriteSingleLittleEndian(bytes, sample);
                break;
        }
    }
}
