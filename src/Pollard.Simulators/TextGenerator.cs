using System.Globalization;
using System.Text;

namespace Pollard.Simulators;

/// <summary>Makes the text of every simulator: plausible words, the same for the same seed, that say where they come from.</summary>
internal static class TextGenerator
{
    public const string Opening = "[simulator]";

    // Accents, quotation marks and an emoji are among them, since parsers break there.
    private static readonly string[] Words =
    [
        "the",
        "a",
        "branch",
        "root",
        "leaf",
        "willow",
        "crown",
        "cut",
        "grows",
        "again",
        "slowly",
        "each",
        "year",
        "after",
        "winter",
        "under",
        "light",
        "water",
        "and",
        "then",
        "with",
        "patience",
        "model",
        "answer",
        "queue",
        "waits",
        "until",
        "its",
        "turn",
        "comes",
        "gateway",
        "keeps",
        "word",
        "path",
        "river",
        "stone",
        "quiet",
        "morning",
        "always",
        "returns",
        "from",
        "north",
        "shore",
        "café",
        "naïve",
        "\"pollard\"",
        "über",
        "🌳",
        "of",
        "many",
        "small",
        "things",
        "that",
        "hold",
        "together",
        "while",
        "nobody",
        "watches",
    ]; // csharpier-ignore

    /// <summary>Mixes what an answer depends on into one number.</summary>
    public static ulong Seed(string model, string prompt, long seed)
    {
        var hash = 14695981039346656037UL ^ (ulong)seed;
        foreach (var text in (ReadOnlySpan<string>)[model, "\n", prompt])
        {
            foreach (var character in text)
            {
                hash = (hash ^ character) * 1099511628211UL;
            }
        }

        return hash;
    }

    /// <summary>An answer of exactly that many tokens; joined they are the text.</summary>
    public static List<string> Reply(ulong seed, int tokens)
    {
        List<string> pieces = new(tokens);
        if (tokens > 0)
        {
            pieces.Add(Opening);
        }

        AddSentences(pieces, new Draw(seed), tokens);
        return pieces;
    }

    /// <summary>What the model thinks before it answers.</summary>
    public static List<string> Reasoning(ulong seed, int tokens)
    {
        List<string> pieces = new(tokens);
        AddSentences(pieces, new Draw(seed ^ 0x5EED), tokens);
        return pieces;
    }

    /// <summary>One to three words, for a value in generated JSON.</summary>
    public static string Phrase(ref Draw draw)
    {
        StringBuilder phrase = new(Words[draw.Next(Words.Length)]);
        for (var more = draw.Next(3); more > 0; more--)
        {
            phrase.Append(CultureInfo.InvariantCulture, $" {Words[draw.Next(Words.Length)]}");
        }

        return phrase.ToString();
    }

    /// <summary>A vector of length 1, the same for the same seed.</summary>
    public static float[] UnitVector(ulong seed, int dimensions)
    {
        var draw = new Draw(seed);
        var vector = new float[dimensions];
        var squares = 0.0;
        for (var i = 0; i < dimensions; i++)
        {
            vector[i] = (float)((draw.NextDouble() * 2) - 1);
            squares += vector[i] * vector[i];
        }

        var length = (float)Math.Sqrt(squares);
        for (var i = 0; i < dimensions && length > 0; i++)
        {
            vector[i] /= length;
        }

        return vector;
    }

    /// <summary>Cuts any text into pieces about as long as a token.</summary>
    public static List<string> Cut(string text)
    {
        List<string> pieces = [];
        for (var at = 0; at < text.Length; )
        {
            var length = Math.Min(4, text.Length - at);
            length += at + length < text.Length && char.IsLowSurrogate(text[at + length]) ? 1 : 0;
            pieces.Add(text.Substring(at, length));
            at += length;
        }

        return pieces;
    }

    /// <summary>How many tokens a prompt counts for: its words.</summary>
    public static int Count(string prompt)
    {
        var words = 0;
        foreach (var _ in prompt.AsSpan().Split(' '))
        {
            words++;
        }

        return words;
    }

    private static void AddSentences(List<string> pieces, Draw draw, int tokens)
    {
        var left = 0;
        var begins = true;
        while (pieces.Count < tokens)
        {
            if (left == 0)
            {
                left = 4 + draw.Next(9);
                begins = true;
            }

            var word = Words[draw.Next(Words.Length)];
            var gap = begins && draw.Next(4) == 0 ? "\n" : " ";
            var start = begins ? char.ToUpperInvariant(word[0]) + word[1..] : word;
            pieces.Add(gap + start + (--left == 0 ? "." : ""));
            begins = false;
        }
    }
}

/// <summary>SplitMix64: a small random source whose numbers never change with the platform.</summary>
internal struct Draw(ulong state)
{
    private ulong _state = state;

    public int Next(int below) => (int)(NextUInt64() % (ulong)below);

    public double NextDouble() => (NextUInt64() >> 11) * (1.0 / (1UL << 53));

    private ulong NextUInt64()
    {
        _state += 0x9E3779B97F4A7C15UL;
        var mixed = _state;
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9UL;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBUL;
        return mixed ^ (mixed >> 31);
    }
}
