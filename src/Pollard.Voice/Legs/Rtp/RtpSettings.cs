namespace Pollard.Voice.Legs.Rtp;

/// <summary>How sound goes to and from phones.</summary>
internal sealed record RtpSettings
{
    /// <summary>The first port that is tried for a call; 0: any that is free.</summary>
    public int FirstPort { get; init; } = 10_000;

    /// <summary>The last port. Calls have even ones, as phones expect.</summary>
    public int LastPort { get; init; } = 19_998;

    /// <summary>How long nothing may come before the call is over.</summary>
    public TimeSpan MostSilence { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Whether the first packet may take as long as it likes.</summary>
    public bool IsAwaited { get; init; }

    /// <summary>How long a call may be on hold, when nothing need come.</summary>
    public TimeSpan MostHeld { get; init; } = TimeSpan.FromMinutes(10);
}
