namespace Pollard.Voice.Engines;

/// <summary>What engines take and give at most.</summary>
internal static class SpeechLimits
{
    /// <summary>Samples a second of what is heard.</summary>
    public const int Rate = 16_000;

    /// <summary>Characters of what was heard.</summary>
    public const int MostTextCharacters = 8_000;

    /// <summary>Characters of what is said at once.</summary>
    public const int MostSentenceCharacters = 4_000;

    /// <summary>The longest utterance.</summary>
    public static TimeSpan MostUtterance { get; } = TimeSpan.FromSeconds(60);

    /// <summary>Shorter is no word.</summary>
    public static TimeSpan LeastUtterance { get; } = TimeSpan.FromMilliseconds(100);

    /// <summary>The longest sound of one sentence.</summary>
    public static TimeSpan MostSound { get; } = TimeSpan.FromMinutes(5);

    /// <summary>Why an utterance is not given to an engine at all; null when it is.</summary>
    public static Heard? Refuse(ReadOnlyMemory<float> utterance)
    {
        var length = TimeSpan.FromSeconds(utterance.Length / (double)Rate);
        if (length > MostUtterance)
        {
            return Heard.Nothing(
                EngineFault.TooLarge,
                $"the utterance has {length.TotalSeconds:0.#} s, of which {MostUtterance.TotalSeconds:0} s are taken"
            );
        }

        return length < LeastUtterance ? Heard.Words("") : null;
    }

    /// <summary>Why a sentence is not given to an engine at all; null when it is.</summary>
    public static Spoken? Refuse(string sentence)
    {
        if (sentence.Length > MostSentenceCharacters)
        {
            return Spoken.Nothing(
                EngineFault.TooLarge,
                $"the sentence has {sentence.Length} characters, of which {MostSentenceCharacters} are taken"
            );
        }

        return string.IsNullOrWhiteSpace(sentence) ? new Spoken(TimeSpan.Zero) : null;
    }
}
