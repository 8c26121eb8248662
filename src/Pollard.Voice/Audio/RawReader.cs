namespace Pollard.Voice.Audio;

/// <summary>Reads bare samples of one channel from a stream as they come. Part of a sample at the end is left out.</summary>
internal sealed class RawReader(Stream stream, SampleEncoding encoding)
{
    private readonly byte[] _bytes = new byte[2_048];
    private readonly int _sampleBytes = Samples.BytesOf(encoding);
    private int _held; // The beginning of a sample whose rest has not come yet.

    /// <summary>Reads at least a sample; 0 at the end.</summary>
    public async ValueTask<int> ReadAsync(Memory<float> samples, CancellationToken ct)
    {
        var most = Math.Min(_bytes.Length / _sampleBytes, samples.Length);
        var came = await stream.ReadAtLeastAsync(
            _bytes.AsMemory(_held, (most * _sampleBytes) - _held),
            _sampleBytes - _held,
            throwOnEndOfStream: false,
            ct
        );
        var count = (_held + came) / _sampleBytes;
        Samples.Decode(encoding, _bytes, samples.Span[..count]);
        _held = _held + came - (count * _sampleBytes);
        _bytes.AsSpan(count * _sampleBytes, _held).CopyTo(_bytes);
        return count;
    }
}
