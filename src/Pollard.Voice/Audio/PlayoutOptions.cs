namespace Pollard.Voice.Audio;

/// <summary>How sound waits to be played.</summary>
internal sealed record PlayoutOptions
{
    /// <summary>How sound is packed for the caller.</summary>
    public G711Law Law { get; init; } = G711Law.Mu;

    /// <summary>How much may wait, 1 to 600 s. What is more has to wait with who makes it: nothing that waits here is dropped.</summary>
    public TimeSpan Most { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>What must be there before a sentence begins, or goes on after a gap, so that pieces that come unevenly do not tear it.</summary>
    public TimeSpan Lead { get; init; } = TimeSpan.FromMilliseconds(60);
}
