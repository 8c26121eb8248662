namespace Pollard.Voice.Engines.Pocketsphinx;

/// <summary>What pocketsphinx listens for, and with what.</summary>
internal sealed record PocketsphinxSettings
{
    /// <summary>Sentences of which one was said; far more certain than free speech. Null or empty: see <see cref="GrammarFile"/>.</summary>
    public IReadOnlyList<string>? Sentences { get; init; }

    /// <summary>A file with a grammar (JSGF) that has what may be said. Null: free speech, with the language model.</summary>
    public string? GrammarFile { get; init; }

    /// <summary>The folder of the language: a folder of the same name with the voices, <c>cmudict-X.dict</c> and <c>X.lm.bin</c>.</summary>
    public string Model { get; init; } = "/usr/share/pocketsphinx/model/en-us";

    /// <summary>Utterances that are heard at once, each with some 6 MiB.</summary>
    public int MostAtOnce { get; init; } = Environment.ProcessorCount;

    /// <summary>How long an answer is waited for.</summary>
    public EnginePatience Patience { get; init; } = EnginePatience.Utterance;
}
