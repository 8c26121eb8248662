using System.Buffers.Binary;

namespace Pollard.Voice.Audio;

/// <summary>What lies in a WAV file.</summary>
/// <param name="Encoding">How its samples are written.</param>
/// <param name="Rate">Samples a second, of each channel.</param>
/// <param name="Channels">How many channels there are.</param>
internal sealed record WavFormat(SampleEncoding Encoding, int Rate, int Channels = 1)
{
    /// <summary>Bytes of the part that every format has.</summary>
    public const int LeastBytes = 16;

    /// <summary>Bytes of the largest format that says something to us.</summary>
    public const int MostBytes = 40;

    private const int MostChannels = 32;
    private const int MostRate = 384_000;
    private const ushort Pcm = 1;
    private const ushort Float = 3;
    private const ushort ALaw = 6;
    private const ushort MuLaw = 7;
    private const ushort Extensible = 0xFFFE; // The real one is then the beginning of a GUID.
    private const int SubFormatAt = 24;

    /// <summary>Bytes of a sample of every channel.</summary>
    public int FrameBytes => Samples.BytesOf(Encoding) * Channels;

    /// <summary>Bytes of the chunk that <see cref="Write"/> writes: PCM has the short one, the others say that nothing follows.</summary>
    public int ChunkBytes => IsPcm ? LeastBytes : LeastBytes + sizeof(ushort);

    /// <summary>Whether it is the kind that needs no chunk with the number of its samples.</summary>
    public bool IsPcm => Encoding <= SampleEncoding.Pcm32;

    /// <summary>Reads the format from its chunk.</summary>
    /// <exception cref="WavException">It is none, or one that is not read here.</exception>
    public static WavFormat Read(ReadOnlySpan<byte> chunk)
    {
        if (chunk.Length < LeastBytes)
        {
            throw new WavException($"its format has {chunk.Length} bytes, of which there must be {LeastBytes}");
        }

        var tag = BinaryPrimitives.ReadUInt16LittleEndian(chunk);
        int channels = BinaryPrimitives.ReadUInt16LittleEndian(chunk[2..]);
        var rate = BinaryPrimitives.ReadUInt32LittleEndian(chunk[4..]);
        int frameBytes = BinaryPrimitives.ReadUInt16LittleEndian(chunk[12..]);
        int bits = BinaryPrimitives.ReadUInt16LittleEndian(chunk[14..]);
        if (tag == Extensible)
        {
            tag =
                chunk.Length >= MostBytes
                    ? BinaryPrimitives.ReadUInt16LittleEndian(chunk[SubFormatAt..])
                    : throw new WavException("its format says that more follows, which does not");
        }

        if (channels is 0 or > MostChannels)
        {
            throw new WavException($"it has {channels} channels; 1 to {MostChannels} are read");
        }

        if (rate is 0 or > MostRate)
        {
            throw new WavException($"it has {rate} samples a second; 1 to {MostRate} are read");
        }

        var format = new WavFormat(EncodingOf(tag, bits), (int)rate, channels);
        return frameBytes == 0 || frameBytes == format.FrameBytes // Some leave it out; one that is wrong makes noise of the rest.
            ? format
            : throw new WavException($"its samples have {format.FrameBytes} bytes together, and it says {frameBytes}");
    }

    /// <summary>Writes the format's chunk, without its head.</summary>
    public void Write(Span<byte> chunk)
    {
        var size = Samples.BytesOf(Encoding);
        var tag = Encoding switch
        {
            SampleEncoding.Float32 => Float,
            SampleEncoding.MuLaw => MuLaw,
            SampleEncoding.ALaw => ALaw,
            _ => Pcm,
        };
        chunk[..ChunkBytes].Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(chunk, tag);
        BinaryPrimitives.WriteUInt16LittleEndian(chunk[2..], (ushort)Channels);
        BinaryPrimitives.WriteUInt32LittleEndian(chunk[4..], (uint)Rate);
        BinaryPrimitives.WriteUInt32LittleEndian(chunk[8..], (uint)(Rate * FrameBytes));
        BinaryPrimitives.WriteUInt16LittleEndian(chunk[12..], (ushort)FrameBytes);
        BinaryPrimitives.WriteUInt16LittleEndian(chunk[14..], (ushort)(size * 8));
    }

    private static SampleEncoding EncodingOf(ushort tag, int bits) =>
        (tag, bits) switch
        {
            (Pcm, 8) => SampleEncoding.Pcm8,
            (Pcm, 16) => SampleEncoding.Pcm16,
            (Pcm, 24) => SampleEncoding.Pcm24,
            (Pcm, 32) => SampleEncoding.Pcm32,
            (Float, 32) => SampleEncoding.Float32,
            (MuLaw, 8) => SampleEncoding.MuLaw,
            (ALaw, 8) => SampleEncoding.ALaw,
            _ => throw new WavException(
                $"its samples are of kind {tag} with {bits} bits; PCM of 8, 16, 24 and 32, floats of 32, mu-law and A-law are read"
            ),
        };
}

/// <summary>What came is no WAV file that is read here; the message says why, as the end of a sentence about it.</summary>
internal sealed class WavException(string message) : Exception(message);
