namespace Pollard.Voice.Audio;

/// <summary>What is heard in a window of sound.</summary>
internal enum SpeechSign
{
    /// <summary>No speech.</summary>
    None,

    /// <summary>Enough for what was speech to go on.</summary>
    Weak,

    /// <summary>Enough for speech to begin.</summary>
    Strong,
}

/// <summary>Tells speech from other sounds, of one caller.</summary>
internal interface ISpeechDetector
{
    /// <summary>Hears the next window, which begins where the one before has ended.</summary>
    /// <param name="window">Its samples.</param>
    /// <param name="level">Their root mean square.</param>
    SpeechSign Hear(ReadOnlySpan<float> window, float level);
}
