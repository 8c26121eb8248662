using System.Buffers.Binary;

namespace Pollard.Voice.Audio;

/// <summary>
/// Reads a WAV file from a stream, as it comes, into one channel. Several are mixed: where each speaker has a channel, the first one alone
/// would be half of a conversation, and nothing at all where the voice is on the second.
/// </summary>
internal sealed class WavReader
{
    private const int ChunkHeadBytes = 8;
    private const int MostSkippedBytes = 16 * 1024 * 1024; // Pictures stand before the sound at times.
    private const int BufferFrames = 1_024;
    private const long Unknown = long.MaxValue / 2; // More than any file has, and still to be added to.
    private readonly Stream _stream;
    private readonly byte[] _bytes;
    private readonly float[] _all;
    private int _held; // Bytes of a frame that is not whole yet, at the beginning of the buffer.
    private long _left;

    private WavReader(Stream stream, WavFormat format, long dataBytes)
    {
        (_stream, Format, _left) = (stream, format, dataBytes);
        _bytes = new byte[BufferFrames * format.FrameBytes];
        _all = new float[BufferFrames * format.Channels];
        Length =
            dataBytes == Unknown ? null : TimeSpan.FromSeconds(dataBytes / format.FrameBytes / (double)format.Rate);
    }

    /// <summary>What lies in the file.</summary>
    public WavFormat Format { get; }

    /// <summary>How long the file says that it is; null where it was written before that was known.</summary>
    public TimeSpan? Length { get; }

    /// <summary>Whether the file has ended before it should have.</summary>
    public bool IsCut { get; private set; }

    /// <summary>Reads up to where the sound begins. The stream stays the caller's.</summary>
    /// <exception cref="WavException">It is no WAV file, or of a kind that is not read here.</exception>
    public static async Task<WavReader> OpenAsync(Stream stream, CancellationToken ct)
    {
        var head = new byte[WavFormat.MostBytes];
        if (!await TryFillAsync(stream, head.AsMemory(0, 12), ct) || !IsNamed(head, "RIFF"u8))
        {
            throw new WavException("it does not begin with RIFF");
        }

        if (!IsNamed(head.AsSpan(8), "WAVE"u8))
        {
            throw new WavException("it is a RIFF file, and no WAVE");
        }

        var riffBytes = BinaryPrimitives.ReadUInt32LittleEndian(head.AsSpan(4));
        WavFormat? format = null;
        var at = 4L; // From the end of the length of the whole, as that counts.
        while (await TryFillAsync(stream, head.AsMemory(0, ChunkHeadBytes), ct))
        {
            var size = BinaryPrimitives.ReadUInt32LittleEndian(head.AsSpan(4));
            at += ChunkHeadBytes;
            if (IsNamed(head, "data"u8))
            {
                return new WavReader(
                    stream,
                    format ?? throw new WavException("its sound comes before its format"),
                    DataBytes(size, at, riffBytes)
                );
            }

            var isFormat = IsNamed(head, "fmt "u8);
            var kept = isFormat ? (int)Math.Min(size, WavFormat.MostBytes) : 0;
            var rest = size + (size & 1L) - kept; // Chunks begin at even places.
            at += kept + rest;
            if (at > MostSkippedBytes)
            {
                throw new WavException($"its sound does not begin in the first {MostSkippedBytes} bytes");
            }

            if (!await TryFillAsync(stream, head.AsMemory(0, kept), ct) || !await TrySkipAsync(stream, rest, ct))
            {
                break;
            }

            format = isFormat ? WavFormat.Read(head.AsSpan(0, kept)) : format;
        }

        throw new WavException("it ends before its sound");
    }

    /// <summary>Reads what has come, at least a sample, mixed to one channel; 0 at the end.</summary>
    public async ValueTask<int> ReadAsync(Memory<float> samples, CancellationToken ct)
    {
        var frameBytes = Format.FrameBytes;
        var frames = (int)Math.Min(Math.Min(samples.Length, BufferFrames), (_left + _held) / frameBytes);
        if (frames == 0)
        {
            return 0;
        }

        var came = await _stream.ReadAtLeastAsync(
            _bytes.AsMemory(_held, frames * frameBytes - _held),
            frameBytes - _held,
            throwOnEndOfStream: false,
            ct
        );
        var whole = (_held + came) / frameBytes;
        Mix(whole, samples.Span);
        _held = _held + came - whole * frameBytes;
        _bytes.AsSpan(whole * frameBytes, _held).CopyTo(_bytes);
        _left = _left == Unknown ? Unknown : _left - came;
        IsCut = whole == 0 && (_left != Unknown || _held > 0);
        return whole;
    }

    /// <summary>Reads all that is left.</summary>
    /// <param name="most">What is longer is not read.</param>
    /// <param name="ct">Gives up.</param>
    /// <exception cref="WavException">It is longer.</exception>
    public async Task<float[]> ReadAllAsync(TimeSpan most, CancellationToken ct)
    {
        var mostSamples = (int)Math.Min(most.TotalSeconds * Format.Rate, Array.MaxLength);
        List<float> all = [];
        var piece = new float[BufferFrames];
        while (await ReadAsync(piece, ct) is > 0 and var count)
        {
            if (all.Count + count > mostSamples)
            {
                throw new WavException($"it is longer than {most.TotalSeconds:0.#} s");
            }

            all.AddRange(piece.AsSpan(0, count));
        }

        return [.. all];
    }

    // A length of zero is what stands there until a file is finished, unless the whole is said to go on behind it.
    private static long DataBytes(uint size, long at, uint riffBytes) =>
        size == uint.MaxValue || (size == 0 && (riffBytes == uint.MaxValue || riffBytes <= at)) ? Unknown : size;

    private static bool IsNamed(ReadOnlySpan<byte> head, ReadOnlySpan<byte> name) =>
        head[..name.Length].SequenceEqual(name);

    private static async ValueTask<bool> TryFillAsync(Stream stream, Memory<byte> bytes, CancellationToken ct) =>
        await stream.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, ct) == bytes.Length;

    private static async ValueTask<bool> TrySkipAsync(Stream stream, long count, CancellationToken ct)
    {
        var scrap = new byte[Math.Min(count, 4_096)];
        while (count > 0)
        {
            var part = scrap.AsMemory(0, (int)Math.Min(count, scrap.Length));
            if (!await TryFillAsync(stream, part, ct))
            {
                return false;
            }

            count -= part.Length;
        }

        return true;
    }

    private void Mix(int frames, Span<float> mono)
    {
        var all = _all.AsSpan(0, frames * Format.Channels);
        Samples.Decode(Format.Encoding, _bytes, all);
        for (var i = 0; i < frames; i++)
        {
            var sum = 0f;
            foreach (var sample in all.Slice(i * Format.Channels, Format.Channels))
            {
                sum += sample;
            }

            mono[i] = sum / Format.Channels;
        }
    }
}
