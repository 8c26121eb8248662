using System.Globalization;

namespace Pollard.Gateway.Hosts.Audits;

/// <summary>
/// How far two answers to the same request say the same. Machines compute a little differently, so that even the same weights at
/// temperature 0 part ways somewhere; they begin alike, though, and go on about the same things.
/// </summary>
internal static class TextAgreement
{
    private const int LeastWords = 20; // Of shorter answers one other word is much.
    private const int MostWords = 2_000;
    private const int SameBeginning = 12;
    private const double SameWeights = 0.4;
    private const double OtherWeights = 0.2;

    /// <summary>What stands against an answer, for people; an empty text when nothing does, null when these two cannot be compared.</summary>
    /// <param name="answer">What is audited.</param>
    /// <param name="reference">What a trusted host answered.</param>
    /// <param name="sameWeights">True when both say that they have the very same weights.</param>
    public static string? Objection(string answer, string reference, bool sameWeights)
    {
        var (one, other) = (WordsOf(answer), WordsOf(reference));
        if (other.Count < LeastWords)
        {
            return null;
        }

        var overlap = Overlap(one, other);
        var alike = one.Zip(other).TakeWhile(static pair => Same(pair.First, pair.Second)).Count();
        return alike >= SameBeginning || overlap >= (sameWeights ? SameWeights : OtherWeights)
            ? ""
            : string.Create(
                CultureInfo.InvariantCulture,
                $"{overlap:P0} of its words are in what a trusted host answered, and it parts from that after {alike} words"
            );
    }

    /// <summary>The first words of a text; of scripts that do not part words each character is one.</summary>
    public static List<string> WordsOf(string text)
    {
        var words = new List<string>();
        var begin = -1;
        for (var at = 0; at <= text.Length && words.Count < MostWords; at++)
        {
            var isLetter = at < text.Length && (char.IsLetterOrDigit(text[at]) || char.IsSurrogate(text[at]));
            var isWide = isLetter && text[at] >= '\u2E80';
            if (begin >= 0 && (!isLetter || isWide))
            {
                words.Add(text[begin..at]);
                begin = -1;
            }

            if (isWide)
            {
                words.Add(text.Substring(at, 1));
            }
            else if (isLetter && begin < 0)
            {
                begin = at;
            }
        }

        return words;
    }

    // Dice's coefficient of the two bags of words.
    private static double Overlap(List<string> one, List<string> other)
    {
        var left = other
            .CountBy(static word => word, StringComparer.OrdinalIgnoreCase)
            .ToDictionary(StringComparer.OrdinalIgnoreCase);
        var shared = 0;
        foreach (var word in one)
        {
            if (left.TryGetValue(word, out var count) && count > 0)
            {
                left[word] = count - 1;
                shared++;
            }
        }

        return 2.0 * shared / (one.Count + other.Count);
    }

    private static bool Same(string one, string other) => string.Equals(one, other, StringComparison.OrdinalIgnoreCase);
}
