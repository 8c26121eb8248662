namespace Pollard.Voice.Audio;

/// <summary>What became of what is heard. Times are those of the sound, from its first sample.</summary>
internal abstract record SpeechEvent
{
    private SpeechEvent() { }

    /// <summary>Somebody begins to speak: what is said to them may stop.</summary>
    /// <param name="At">Where the first loud window begins.</param>
    public sealed record Started(TimeSpan At) : SpeechEvent;

    /// <summary>Something was said.</summary>
    /// <param name="From">Where its samples begin.</param>
    /// <param name="Samples">What was said, with a little silence around it; the receiver's own.</param>
    /// <param name="GoesOn">It became too long and was cut: the rest follows, and does not begin with <see cref="Started"/>.</param>
    public sealed record Utterance(TimeSpan From, float[] Samples, bool GoesOn) : SpeechEvent;

    /// <summary>What had begun was too short to be speech.</summary>
    /// <param name="At">Where it began.</param>
    /// <param name="Length">How long it was.</param>
    public sealed record Discarded(TimeSpan At, TimeSpan Length) : SpeechEvent;
}
