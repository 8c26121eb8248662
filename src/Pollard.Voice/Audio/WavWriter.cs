using System.Buffers.Binary;

namespace Pollard.Voice.Audio;

/// <summary>
/// Writes a WAV file of one channel. Its lengths are written anew with each second of sound and at the end, so that what a crash leaves is
/// a valid file that lacks a second at most. Where a stream cannot go back, they say for ever that they are not known.
/// </summary>
internal sealed class WavWriter : IAsyncDisposable
{
    private const int RiffHeadBytes = 12;
    private const int ChunkHeadBytes = 8;
    private const int BufferSamples = 1_024;
    private readonly Stream _stream;
    private readonly WavFormat _format;
    private readonly byte[] _head;
    private readonly byte[] _bytes;
    private readonly long _beginAt;
    private readonly long _mostBytes;
    private long _written;
    private long _said;

    private WavWriter(Stream stream, WavFormat format)
    {
        (_stream, _format) = (stream, format);
        _beginAt = stream.CanSeek ? stream.Position : 0;
        _bytes = new byte[BufferSamples * format.FrameBytes];
        var countBytes = format.IsPcm ? 0 : ChunkHeadBytes + sizeof(uint);
        _head = new byte[RiffHeadBytes + ChunkHeadBytes + format.ChunkBytes + countBytes + ChunkHeadBytes];
        _mostBytes = uint.MaxValue - _head.Length - 1; // Lengths have 32 bits, and the largest is taken for an unknown one.
    }

    /// <summary>Begins a file where the stream is. The stream stays the caller's.</summary>
    public static async Task<WavWriter> CreateAsync(
        Stream stream,
        SampleEncoding encoding,
        int rate,
        CancellationToken ct
    )
    {
        var writer = new WavWriter(stream, new WavFormat(encoding, rate));
        writer.FillHead(stream.CanSeek ? 0 : null);
        await stream.WriteAsync(writer._head, ct);
        return writer;
    }

    /// <summary>Writes samples.</summary>
    /// <exception cref="IOException">The file would be longer than a WAV file can be, 4 GiB.</exception>
    public async ValueTask WriteAsync(ReadOnlyMemory<float> samples, CancellationToken ct)
    {
        while (!samples.IsEmpty)
        {
            var part = samples[..Math.Min(samples.Length, BufferSamples)];
            var bytes = _bytes.AsMemory(0, part.Length * _format.FrameBytes);
            if (_written + bytes.Length > _mostBytes)
            {
                throw new IOException("a WAV file cannot be longer than 4 GiB");
            }

            Samples.Encode(_format.Encoding, part.Span, bytes.Span);
            await _stream.WriteAsync(bytes, ct);
            _written += bytes.Length;
            samples = samples[part.Length..];
            if (_written - _said >= _format.Rate * _format.FrameBytes)
            {
                await SayLengthAsync(ct);
            }
        }
    }

    /// <summary>Finishes the file.</summary>
    public async ValueTask DisposeAsync()
    {
        if ((_written & 1) == 1)
        {
            _stream.WriteByte(0); // A chunk ends at an even place, and its length does not count that.
        }

        await SayLengthAsync(CancellationToken.None); // What is finished only half is what this is to prevent.
    }

    private async ValueTask SayLengthAsync(CancellationToken ct)
    {
        _said = _written;
        if (_stream.CanSeek)
        {
            var end = _stream.Position;
            FillHead(_written);
            _stream.Position = _beginAt;
            await _stream.WriteAsync(_head, ct);
            _stream.Position = end;
        }

        await _stream.FlushAsync(ct);
    }

    private void FillHead(long? dataBytes)
    {
        var rest = _head.AsSpan();
        "RIFF"u8.CopyTo(rest);
        WriteNumber(rest[4..], dataBytes is { } bytes ? _head.Length - ChunkHeadBytes + bytes + (bytes & 1) : null);
        "WAVE"u8.CopyTo(rest[ChunkHeadBytes..]);
        rest = rest[RiffHeadBytes..];
        "fmt "u8.CopyTo(rest);
        WriteNumber(rest[4..], _format.ChunkBytes);
        _format.Write(rest[ChunkHeadBytes..]);
        rest = rest[(ChunkHeadBytes + _format.ChunkBytes)..];
        if (!_format.IsPcm)
        {
            "fact"u8.CopyTo(rest);
            WriteNumber(rest[4..], sizeof(uint));
            WriteNumber(rest[ChunkHeadBytes..], dataBytes / _format.FrameBytes);
            rest = rest[(ChunkHeadBytes + sizeof(uint))..];
        }

        "data"u8.CopyTo(rest);
        WriteNumber(rest[4..], dataBytes);
    }

    private static void WriteNumber(Span<byte> at, long? number) =>
        BinaryPrimitives.WriteUInt32LittleEndian(at, number is { } known ? (uint)known : uint.MaxValue);
}
