namespace Pollard.Voice.Audio;

/// <summary>Which words a piece of sound is.</summary>
/// <param name="Turn">Of the talk, from 1.</param>
/// <param name="Generation">Grows with each barge-in: what belongs to an older one is not played any more.</param>
/// <param name="Sentence">Of the turn, from 1.</param>
internal readonly record struct PlayoutMark(int Turn, int Generation, int Sentence);

/// <summary>What became of a sentence.</summary>
/// <param name="Mark">Which.</param>
/// <param name="Length">How much of it went out.</param>
/// <param name="IsWhole">Whether that was all of it.</param>
internal readonly record struct Played(PlayoutMark Mark, TimeSpan Length, bool IsWhole);

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
