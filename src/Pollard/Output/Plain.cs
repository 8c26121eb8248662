using System.Globalization;
using System.Text;
using Spectre.Console.Rendering;

namespace Pollard.Output;

/// <summary>What hosts and clients wrote, as text for a place of its own on a screen: it moves, colours and turns around nothing.</summary>
internal static class Plain
{
    // Marks that stand on one letter; more would run over other lines.
    private const int MostMarks = 2;

    /// <summary>One line: control characters are spaces; what sets the direction of writing, and other characters without a look, is left out.</summary>
    public static string OneLine(string text)
    {
        StringBuilder plain = new(text.Length);
        var marks = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            var category = Rune.GetUnicodeCategory(rune);
            marks = category is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark ? marks + 1 : 0;
            switch (category)
            {
                case UnicodeCategory.Control or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator:
                    plain.Append(' ');
                    break;
                case UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.OtherNotAssigned:
                    break;
                default:
                    plain.Append(marks <= MostMarks ? rune.ToString() : "");
                    break;
            }
        }

        return plain.ToString();
    }

    /// <summary>How many columns a terminal gives to a text.</summary>
    public static int Width(string text) => Ascii.IsValid(text) ? text.Length : new Segment(text).CellCount();

    /// <summary>The text in exactly so many columns: cut, or filled with spaces.</summary>
    public static string Fit(string text, int columns)
    {
        var width = Width(text);
        if (width <= columns)
        {
            return text + new string(' ', columns - width);
        }

        StringBuilder cut = new();
        var used = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            var letter = rune.ToString();
            var next = Width(letter);
            if (used + next > columns)
            {
                break;
            }

            cut.Append(letter);
            used += next;
        }

        return cut.Append(' ', columns - used).ToString();
    }

    /// <summary>A line in as many lines as it needs.</summary>
    public static IEnumerable<string> Wrap(string line, int columns)
    {
        while (Width(line) > columns)
        {
            var head = Fit(line, columns).TrimEnd(' ');
            yield return head;
            line = line[Math.Max(head.Length, 1)..].TrimStart(' ');
        }

        yield return line;
    }
}
