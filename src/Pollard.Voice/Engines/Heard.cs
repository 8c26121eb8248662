namespace Pollard.Voice.Engines;

/// <summary>What an engine heard.</summary>
/// <param name="Text">In one line, up to <see cref="SpeechLimits.MostTextCharacters"/> characters; empty with a failure.</param>
internal sealed record Heard(string Text) : IEngineAnswer
{
    /// <summary>How sure the engine is, from 0 to 1; null where it does not say.</summary>
    public double? Confidence { get; init; }

    /// <summary>The language as the engine calls it; null where it does not say.</summary>
    public string? Language { get; init; }

    /// <summary>Why there is no text; null when there is.</summary>
    public EngineFailure? Failure { get; init; }

    /// <summary>Nothing, for this reason.</summary>
    public static Heard Nothing(EngineFault fault, string detail) =>
        new("") { Failure = new EngineFailure(fault, detail) };

    /// <summary>A text as an engine gave it: in one line, and nothing where it has no word.</summary>
    public static Heard Words(string text)
    {
        var line = string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        return line switch
        {
            "" => Nothing(EngineFault.NoSpeech, "there was no speech in it"),
            { Length: > SpeechLimits.MostTextCharacters } => Nothing(
                EngineFault.TooLarge,
                $"the text has {line.Length} characters, of which {SpeechLimits.MostTextCharacters} are taken"
            ),
            _ => new Heard(line),
        };
    }
}
