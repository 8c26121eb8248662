using Microsoft.Extensions.Logging;

namespace Pollard.Voice.Engines;

/// <summary>Hears with the first of several engines that can. The engines stay their owner's.</summary>
internal sealed class SpeechToTextList(IEnumerable<ISpeechToText> engines, TimeProvider time, ILogger logger)
    : ISpeechToText
{
    private readonly EngineList<ISpeechToText> _engines = new(
        engines.Select(static engine => (engine.Name, engine)),
        time,
        logger
    );

    /// <inheritdoc/>
    public string Name => _engines.Names;

    /// <inheritdoc/>
    public async Task<Heard> HearAsync(ReadOnlyMemory<float> utterance, CancellationToken ct) =>
        SpeechLimits.Refuse(utterance) // No engine's fault.
        ?? await _engines.AskAsync(
            engine => engine.HearAsync(utterance, ct),
            static failure => new Heard("") { Failure = failure },
            ct
        );
}
