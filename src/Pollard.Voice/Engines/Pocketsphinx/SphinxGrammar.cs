using System.Buffers;

namespace Pollard.Voice.Engines.Pocketsphinx;

/// <summary>A grammar of whole sentences.</summary>
internal static class SphinxGrammar
{
    private const int MostSentences = 2_000;
    private const long MostFileBytes = 1024 * 1024;
    private static readonly SearchValues<char> WordCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz'-");

    /// <summary>A sentence's words, as the dictionary has them: small, and without the marks between them.</summary>
    /// <exception cref="EngineSetupException">It has something that is no word.</exception>
    public static string[] WordsOf(string sentence)
    {
        var words = sentence
            .ToLowerInvariant()
            .Split([' ', '\t', ',', '.', '?', '!', ';', ':'], StringSplitOptions.RemoveEmptyEntries);
        if (words.Length == 0 || Array.Exists(words, static word => word.AsSpan().ContainsAnyExcept(WordCharacters)))
        {
            throw new EngineSetupException(
                $"pocketsphinx cannot listen for \"{sentence}\": write numbers and signs as words of English."
            );
        }

        return words;
    }

    /// <summary>The grammar in which one of the sentences is said.</summary>
    /// <exception cref="EngineSetupException">They are too many.</exception>
    public static string Of(IReadOnlyList<string> sentences) =>
        sentences.Count <= MostSentences
            ? $"#JSGF V1.0;\ngrammar sentences;\npublic <sentence> = {string.Join(" | ", sentences.Select(static sentence => string.Join(' ', WordsOf(sentence))))};\n"
            : throw new EngineSetupException(
                $"pocketsphinx listens for {MostSentences} sentences at most, and not for {sentences.Count}."
            );

    /// <summary>A grammar of the owner's.</summary>
    /// <exception cref="EngineSetupException">It cannot be read.</exception>
    public static string Read(string file)
    {
        try
        {
            return new FileInfo(file).Length <= MostFileBytes
                ? File.ReadAllText(file)
                : throw new EngineSetupException($"The grammar {file} is larger than {MostFileBytes} bytes.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EngineSetupException($"The grammar {file} cannot be read: {e.Message}");
        }
    }
}
