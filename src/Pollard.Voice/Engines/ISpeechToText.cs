namespace Pollard.Voice.Engines;

/// <summary>Hears what was said in whole utterances. For many calls at once.</summary>
internal interface ISpeechToText
{
    /// <summary>What the engine is called in logs and metrics.</summary>
    string Name { get; }

    /// <summary>Hears one utterance. What goes wrong is in the answer.</summary>
    /// <param name="utterance">The whole of it, one channel of <see cref="SpeechLimits.Rate"/> samples a second; not to be changed meanwhile.</param>
    /// <param name="ct">The caller no longer needs the answer.</param>
    /// <exception cref="OperationCanceledException">As <paramref name="ct"/> said.</exception>
    Task<Heard> HearAsync(ReadOnlyMemory<float> utterance, CancellationToken ct);
}
