using System.Globalization;
using System.Text;

namespace Pollard.Gateway.Http;

/// <summary>Text that strangers wrote, as it may stand in names, messages and logs, and on terminals.</summary>
internal static class PlainText
{
    /// <summary>True when all of it can be seen: it has no control characters, and none that hide or turn around what is beside them.</summary>
    public static bool Is(string text)
    {
        foreach (var rune in text.EnumerateRunes())
        {
            if (IsHidden(rune))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The text in one line, without what cannot be seen, and of so many characters at the most.</summary>
    public static string Of(string text, int most)
    {
        if (text.Length > most)
        {
            var cut = char.IsHighSurrogate(text[most - 1]) ? most - 1 : most;
            text = string.Concat(text.AsSpan(0, cut), "…");
        }

        if (Is(text))
        {
            return text;
        }

        var plain = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            if (Rune.IsWhiteSpace(rune))
            {
                plain.Append(' ');
            }
            else if (!IsHidden(rune))
            {
                plain.Append(rune);
            }
        }

        return plain.ToString();
    }

    private static bool IsHidden(Rune rune) =>
        Rune.GetUnicodeCategory(rune)
            is UnicodeCategory.Control
                or UnicodeCategory.Format
                or UnicodeCategory.LineSeparator
                or UnicodeCategory.ParagraphSeparator;
}
