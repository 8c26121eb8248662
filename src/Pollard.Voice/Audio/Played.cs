namespace Pollard.Voice.Audio;

/// <summary>What became of a sentence.</summary>
/// <param name="Mark">Which.</param>
/// <param name="Length">How much of it went out.</param>
/// <param name="IsWhole">Whether that was all of it.</param>
internal readonly record struct Played(SpeechMark Mark, TimeSpan Length, bool IsWhole);

/// <summary>What became of a piece of sound that was to be played.</summary>
internal enum PlayoutTaken
{
    /// <summary>It will be played.</summary>
    Yes,

    /// <summary>There is no room for it now.</summary>
    Full,

    /// <summary>It came already, or too late: its connection has brought one with a higher number.</summary>
    Late,

    /// <summary>The caller has interrupted what it belongs to.</summary>
    Interrupted,
}
