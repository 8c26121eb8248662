namespace Pollard.Voice.Stages;

/// <summary>When a caller who speaks interrupts what is being said to them.</summary>
internal enum BargeIn
{
    /// <summary>With words: what is being said pauses at their first sound, and goes on where it was only a noise or a murmur of assent.</summary>
    Words,

    /// <summary>Never: an announcement is said to its end, and what the caller says is answered then.</summary>
    Off,
}

/// <summary>How callers are answered.</summary>
internal sealed record LlmSettings
{
    /// <summary>The model; null: the only one that is served.</summary>
    public string? Model { get; init; }

    /// <summary>What the model is told before the caller's words; null: nothing.</summary>
    public string? System { get; init; } =
        "You are on the phone. Answer briefly, in one to three spoken sentences, without lists, markup or emoji.";

    /// <summary>What is said first, before the caller has spoken; null: nothing.</summary>
    public string? Greeting { get; init; }

    /// <summary>What is said when there is no answer.</summary>
    public string Sorry { get; init; } = "Sorry, I could not get an answer. Please try again.";

    /// <summary>Whether callers may interrupt.</summary>
    public BargeIn BargeIn { get; init; } = BargeIn.Words;

    /// <summary>What a caller may murmur without interrupting.</summary>
    public IReadOnlyList<string> Murmurs { get; init; } =
    ["uh huh", "uh-huh", "mm", "mhm", "hm", "hmm", "yeah", "yes", "okay", "ok", "right", "ja", "aha"];

    /// <summary>Tokens of an answer at the most; null: what the model says.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>0 to 2; null: what the model says.</summary>
    public double? Temperature { get; init; }

    /// <summary>Of tasks, -100 to 100: a caller waits, others do not.</summary>
    public int Priority { get; init; } = 50;

    /// <summary>How long an answer may take.</summary>
    public TimeSpan AnswerWithin { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>Turns of the talk that the model is given; the oldest are left out.</summary>
    public int MostTurns { get; init; } = 40;

    /// <summary>After how long without a word of the model what it has begun is said up to its last comma.</summary>
    public TimeSpan Pause { get; init; } = TimeSpan.FromMilliseconds(300);

    /// <summary>How long after a key of the phone another one belongs to it.</summary>
    public TimeSpan KeyPause { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Where calls are written down, so that a service that is started anew knows what was said; null: nowhere.</summary>
    public string? JournalFolder { get; init; }
}
