using System.Collections.Concurrent;

namespace Pollard.Voice.Engines.Pocketsphinx;

/// <summary>Hears utterances in this process, each with a decoder of its own out of a few that are kept.</summary>
internal sealed class PocketsphinxEngine : ISpeechToText, IAsyncDisposable
{
    private readonly PocketsphinxSettings _settings;
    private readonly TimeProvider _time;
    private readonly SemaphoreSlim _places;
    private readonly ConcurrentBag<SphinxDecoder> _idle = [];

    private PocketsphinxEngine(PocketsphinxSettings settings, TimeProvider time)
    {
        (_settings, _time) = (settings, time);
        _places = new SemaphoreSlim(settings.MostAtOnce);
        _idle.Add(SphinxDecoder.Open(settings));
    }

    /// <inheritdoc/>
    public string Name => "pocketsphinx";

    /// <summary>Makes the first decoder, so that what cannot work is known at the start.</summary>
    /// <exception cref="EngineSetupException">It cannot; the message says what to do.</exception>
    public static PocketsphinxEngine Open(PocketsphinxSettings settings, TimeProvider time) =>
        settings.MostAtOnce > 0
            ? new PocketsphinxEngine(settings, time)
            : throw new EngineSetupException("pocketsphinx must be allowed to hear at least one utterance at once.");

    /// <inheritdoc/>
    public async Task<Heard> HearAsync(ReadOnlyMemory<float> utterance, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        if (SpeechLimits.Refuse(utterance) is { } refused)
        {
            return refused;
        }

        using var wait = new EngineWait(_settings.Patience, _time, ct);
        try
        {
            await _places.WaitAsync(wait.Token);

            // A decoder cannot be interrupted: who gives up leaves it to finish, and its place is taken until then.
            return await Task.Run(() => Hear(utterance), CancellationToken.None).WaitAsync(wait.Token);
        }
        catch (OperationCanceledException) when (wait.IsLate)
        {
            return new Heard("") { Failure = wait.Failure() };
        }
    }

    /// <summary>Waits for what is being heard, and frees the decoders.</summary>
    public async ValueTask DisposeAsync()
    {
        for (var i = 0; i < _settings.MostAtOnce; i++)
        {
            await _places.WaitAsync(CancellationToken.None); // What runs reads our memory, and is bounded by the longest utterance.
        }

        foreach (var decoder in _idle)
        {
            decoder.Dispose();
        }

        _places.Dispose();
    }

    private Heard Hear(ReadOnlyMemory<float> utterance)
    {
        SphinxDecoder? decoder = null;
        try
        {
            decoder = _idle.TryTake(out var idle) ? idle : SphinxDecoder.Open(_settings);
            return decoder.Hear(utterance.Span);
        }
        catch (EngineSetupException e)
        {
            return Heard.Nothing(EngineFault.Broken, $"could make no other decoder: {e.Message}");
        }
        finally
        {
            if (decoder is not null)
            {
                _idle.Add(decoder);
            }

            _places.Release();
        }
    }
}
