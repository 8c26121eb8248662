namespace Pollard.Voice.Engines;

/// <summary>Says sentences. For many calls at once.</summary>
internal interface ITextToSpeech
{
    /// <summary>What the engine is called in logs and metrics.</summary>
    string Name { get; }

    /// <summary>Says one sentence, and hands on its sound as it comes. What goes wrong is in the answer.</summary>
    /// <param name="sentence">Up to <see cref="SpeechLimits.MostSentenceCharacters"/> characters.</param>
    /// <param name="taker">Takes the parts, one after the other; while it is busy, the engine waits.</param>
    /// <param name="ct">Stop at once: nothing more is handed on, and the engine's work is ended.</param>
    /// <exception cref="OperationCanceledException">As <paramref name="ct"/> said.</exception>
    Task<Spoken> SayAsync(string sentence, SoundTaker taker, CancellationToken ct);
}

/// <summary>Takes a part of a sentence's sound. Throws only what its token says: anything else would be taken for the engine's fault.</summary>
internal delegate ValueTask SoundTaker(Sound part, CancellationToken ct);

/// <summary>A part of a sentence's sound, in one channel.</summary>
/// <param name="Rate">Samples a second.</param>
/// <param name="Samples">From -1 to 1; the engine's again once the part was taken.</param>
internal readonly record struct Sound(int Rate, ReadOnlyMemory<float> Samples)
{
    /// <summary>
    /// Whether the sentence begins anew with this part, because an engine broke off: of what came before, that which was not played yet
    /// is to be dropped.
    /// </summary>
    public bool IsAnew { get; init; }
}
