namespace Pollard.Voice.Audio;

/// <summary>When speech begins and ends. Times are kept in whole windows of 20 ms.</summary>
internal sealed record EndpointProfile
{
    /// <summary>The unit in which it is listened: 20 ms.</summary>
    public static TimeSpan Window { get; } = TimeSpan.FromMilliseconds(20);

    /// <summary>What we take: levels follow the noise, and nothing of a word is cut off.</summary>
    public static EndpointProfile Default { get; } = new();

    /// <summary>
    /// As existing services cut what they hear: fixed levels, an end after 200 ms and three windows, at least 0.5 s with that silence,
    /// and a cut at 3 s, wherever it falls.
    /// </summary>
    public static EndpointProfile Existing { get; } =
        new()
        {
            StartLevel = 0.015f,
            StopLevel = 0.005f,
            StartOverNoise = 0,
            StopOverNoise = 0,
            StartWindows = 2,
            StartWithin = 2,
            PreRoll = TimeSpan.Zero,
            EndSilence = TimeSpan.FromMilliseconds(260),
            Tail = TimeSpan.FromMilliseconds(260),
            Shortest = TimeSpan.FromMilliseconds(240),
            Longest = TimeSpan.FromSeconds(3),
            SplitWithin = Window,
        };

    /// <summary>Makes what tells a caller's speech from other sounds, for so many samples a second; null: its loudness does, as follows.</summary>
    public Func<int, ISpeechDetector>? Detector { get; init; }

    /// <summary>The root mean square that a window of speech has at least where it begins, however quiet it is around it.</summary>
    public float StartLevel { get; init; } = 0.006f;

    /// <summary>What it has at least where it goes on.</summary>
    public float StopLevel { get; init; } = 0.003f;

    /// <summary>How much louder than the noise it is where it begins; 0: the noise does not matter.</summary>
    public float StartOverNoise { get; init; } = 3;

    /// <summary>How much louder than the noise it is where it goes on.</summary>
    public float StopOverNoise { get; init; } = 1.8f;

    /// <summary>Windows of speech that begin it, so that a click does not.</summary>
    public int StartWindows { get; init; } = 3;

    /// <summary>Among how many windows these must be, at most 31: a word may begin with a stop and a gap.</summary>
    public int StartWithin { get; init; } = 4;

    /// <summary>What is given of the time before: the beginnings of words are as quiet as noise.</summary>
    public TimeSpan PreRoll { get; init; } = TimeSpan.FromMilliseconds(300);

    /// <summary>The silence that ends it.</summary>
    public TimeSpan EndSilence { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>What is given of that silence.</summary>
    public TimeSpan Tail { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>What is shorter, without the silence around it, is no speech: a knock, a cough.</summary>
    public TimeSpan Shortest { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>What is longer, with the time before it, is given in parts.</summary>
    public TimeSpan Longest { get; init; } = TimeSpan.FromSeconds(8);

    /// <summary>How far back the quietest place for a cut is looked for.</summary>
    public TimeSpan SplitWithin { get; init; } = TimeSpan.FromSeconds(4);
}
