namespace Pollard.Voice.Stages;

/// <summary>What happens in a call, as people are told it.</summary>
internal abstract record CallEvent
{
    private CallEvent() { }

    /// <summary>A service has the call.</summary>
    /// <param name="Service">Which: <see cref="VoiceRole"/>.</param>
    public sealed record Connected(string Service) : CallEvent;

    /// <summary>The caller has stopped to speak.</summary>
    /// <param name="Turn">Which utterance.</param>
    /// <param name="Length">How long it is.</param>
    /// <param name="Ended">When its last sound was, as a timestamp.</param>
    public sealed record Spoke(uint Turn, TimeSpan Length, long Ended) : CallEvent;

    /// <summary>An utterance was heard.</summary>
    /// <param name="Turn">Which.</param>
    /// <param name="Text">What was said.</param>
    public sealed record Heard(uint Turn, string Text) : CallEvent;

    /// <summary>An utterance was taken in: it is being answered, or there was no word in it.</summary>
    /// <param name="Turn">Which.</param>
    public sealed record Taken(uint Turn) : CallEvent;

    /// <summary>A sentence of the answer is about to be heard.</summary>
    /// <param name="Mark">Which.</param>
    /// <param name="Text">Its words; empty where who speaks it does not say.</param>
    public sealed record Answering(SpeechMark Mark, string Text) : CallEvent;

    /// <summary>The first sound of a sentence goes out.</summary>
    /// <param name="Mark">Which.</param>
    /// <param name="At">When, as a timestamp.</param>
    public sealed record Sounded(SpeechMark Mark, long At) : CallEvent;

    /// <summary>A sentence is over for the caller.</summary>
    /// <param name="Mark">Which.</param>
    /// <param name="Length">How much of it was heard.</param>
    /// <param name="IsWhole">Whether that was all of it.</param>
    public sealed record Played(SpeechMark Mark, TimeSpan Length, bool IsWhole) : CallEvent;

    /// <summary>An answer has been said to its end.</summary>
    /// <param name="Turn">Of which utterance.</param>
    public sealed record Answered(uint Turn) : CallEvent;

    /// <summary>The caller pressed a key.</summary>
    /// <param name="Key">Which.</param>
    public sealed record Pressed(char Key) : CallEvent;
}
