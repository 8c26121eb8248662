using Microsoft.Extensions.Logging;

namespace Pollard.Voice.Engines;

/// <summary>
/// Speaks with the first of several engines that can. When one breaks off in the middle, the next says the whole sentence anew: half of it
/// with the other half in another voice could be another sentence. The engines stay their owner's.
/// </summary>
internal sealed class TextToSpeechList(IEnumerable<ITextToSpeech> engines, TimeProvider time, ILogger logger)
    : ITextToSpeech
{
    private readonly EngineList<ITextToSpeech> _engines = new(
        engines.Select(static engine => (engine.Name, engine)),
        time,
        logger
    );

    /// <inheritdoc/>
    public string Name => _engines.Names;

    /// <inheritdoc/>
    public async Task<Spoken> SayAsync(string sentence, SoundTaker taker, CancellationToken ct)
    {
        if (SpeechLimits.Refuse(sentence) is { } refused)
        {
            return refused; // No engine's fault.
        }

        var wasHeard = false;
        return await _engines.AskAsync(SayWithAsync, static failure => new Spoken(TimeSpan.Zero, failure), ct);

        Task<Spoken> SayWithAsync(ITextToSpeech engine)
        {
            var (isAnew, isFirst, began) = (wasHeard, true, time.GetTimestamp());
            return engine.SayAsync(
                sentence,
                (part, token) =>
                {
                    if (isFirst)
                    {
                        EngineMetrics.FirstSound(engine.Name, time.GetElapsedTime(began));
                        part = part with { IsAnew = isAnew };
                    }

                    (isFirst, wasHeard) = (false, true);
                    return taker(part, token);
                },
                ct
            );
        }
    }
}
