using Pollard.Voice.Audio;

namespace Pollard.Voice.Engines.Http;

/// <summary>Reads bare samples of 16 bits from a stream as they come. Half a sample at the end is left out.</summary>
internal sealed class PcmReader(Stream stream)
{
    private const int SampleBytes = sizeof(short);
    private readonly byte[] _bytes = new byte[2_048];
    private int _held; // The first byte of a sample whose second has not come yet.

    /// <summary>Reads at least a sample; 0 at the end.</summary>
    public async ValueTask<int> ReadAsync(Memory<float> samples, CancellationToken ct)
    {
        var room = Math.Min(_bytes.Length, samples.Length * SampleBytes);
        var came = await stream.ReadAtLeastAsync(
            _bytes.AsMemory(_held, room - _held),
            SampleBytes - _held,
            throwOnEndOfStream: false,
            ct
        );
        var count = (_held + came) / SampleBytes;
        Samples.Decode(SampleEncoding.Pcm16, _bytes, samples.Span[..count]);
        _held = _held + came - (count * SampleBytes);
        if (_held > 0)
        {
            _bytes[0] = _bytes[count * SampleBytes];
        }

        return count;
    }
}
