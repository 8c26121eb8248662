namespace Pollard.Voice.Audio;

/// <summary>A piece of sound as a service brings it.</summary>
/// <param name="Bytes">Its samples, one channel.</param>
/// <param name="Encoding">How they are written.</param>
/// <param name="Rate">Samples a second, from 8,000 to 48,000.</param>
/// <param name="Number">Of the pieces of its connection, rising; 0 where they have none.</param>
internal readonly record struct SoundChunk(
    ReadOnlyMemory<byte> Bytes,
    SampleEncoding Encoding,
    int Rate,
    uint Number = 0
);

/// <summary>
/// One connection that brings a caller sound. Pieces count from its beginning, so that a service that has begun anew is heard: make another
/// for each connection. Not for several threads.
/// </summary>
internal sealed class PlayoutSource(Playout playout)
{
    private const int PieceSamples = 2_048;
    private readonly float[] _samples = new float[PieceSamples];
    private float[] _resampled = [];
    private byte[] _codes = [];
    private Resampler? _resampler;
    private SpeechMark _mark;
    private uint _last;

    /// <summary>Pieces that were dropped, because they came twice or too late.</summary>
    public int Late { get; private set; }

    /// <summary>
    /// Brings a piece. It waits for as long as there is no room, and with it should who makes the sound. Another mark than before ends the
    /// sentence before.
    /// </summary>
    /// <returns>What became of it, <see cref="PlayoutTaken.Full"/> never.</returns>
    /// <exception cref="ArgumentOutOfRangeException">Its rate is not one that is played.</exception>
    public async ValueTask<PlayoutTaken> AddAsync(SoundChunk chunk, SpeechMark mark, CancellationToken ct)
    {
        if (chunk.Number != 0 && chunk.Number <= _last)
        {
            Late++;
            AudioMetrics.Dropped(PlayoutTaken.Late);
            return PlayoutTaken.Late;
        }

        _last = Math.Max(chunk.Number, _last);
        if (_resampler is not null && (mark != _mark || chunk.Rate != _resampler.FromRate))
        {
            await EndAsync(isOver: mark != _mark, ct);
        }

        _mark = mark;
        _resampler ??= NewResampler(chunk.Rate);
        var taken = PlayoutTaken.Yes;
        var size = Samples.BytesOf(chunk.Encoding);
        for (var left = chunk.Bytes; left.Length >= size && taken == PlayoutTaken.Yes; )
        {
            var samples = Math.Min(left.Length / size, PieceSamples);
            Samples.Decode(chunk.Encoding, left.Span, _samples.AsSpan(0, samples));
            left = left[(samples * size)..];
            taken = await PutAsync(_resampler.Process(_samples.AsSpan(0, samples), _resampled), ct);
        }

        if (taken == PlayoutTaken.Interrupted)
        {
            _resampler = null; // What it holds is of what was interrupted.
            AudioMetrics.Dropped(taken);
        }

        return taken;
    }

    /// <summary>The sentence is over: brings the last milliseconds of it, which waited for those behind them.</summary>
    public ValueTask EndAsync(CancellationToken ct) => EndAsync(isOver: true, ct);

    private async ValueTask EndAsync(bool isOver, CancellationToken ct)
    {
        if (_resampler is not null)
        {
            await PutAsync(_resampler.Flush(_resampled), ct);
            _resampler = null;
        }

        if (isOver)
        {
            playout.End(_mark);
        }
    }

    private async ValueTask<PlayoutTaken> PutAsync(int count, CancellationToken ct)
    {
        G711.Encode(playout.Law, _resampled.AsSpan(0, count), _codes);
        var codes = _codes.AsMemory(0, count);
        while (true)
        {
            if (playout.TryAdd(codes.Span, _mark) is not PlayoutTaken.Full and var taken)
            {
                return taken;
            }

            await playout.RoomAsync(count, ct);
        }
    }

    private Resampler NewResampler(int rate)
    {
        var resampler = new Resampler(rate, G711.Rate);
        var most = resampler.MostOf(PieceSamples);
        if (most > _resampled.Length)
        {
            (_resampled, _codes) = (new float[most], new byte[most]);
        }

        return resampler;
    }
}
