using System.Buffers;
using System.Security.Cryptography;

namespace Pollard.Voice.Legs.Sip;

/// <summary>How values of header lines are written.</summary>
internal static class SipText
{
    /// <summary>What a name or a value without quotes consists of.</summary>
    public static readonly SearchValues<char> TokenCharacters = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~"
    );

    /// <summary>Draws what nobody can guess, 96 bits, for a tag, a branch or an id.</summary>
    public static string Draw() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(12));

    /// <summary>Splits at a mark, but neither in quotes nor between angle brackets. Parts are trimmed; empty ones are left out.</summary>
    public static List<string> Split(string text, char mark)
    {
        List<string> parts = [];
        var (begin, isQuoted, isBracketed) = (0, false, false);
        for (var i = 0; i < text.Length; i++)
        {
            switch (text[i])
            {
                case '\\' when isQuoted:
                    i++;
                    break;
                case '"' when !isBracketed:
                    isQuoted = !isQuoted;
                    break;
                case '<' when !isQuoted:
                    isBracketed = true;
                    break;
                case '>' when !isQuoted:
                    isBracketed = false;
                    break;
                case var one when one == mark && !isQuoted && !isBracketed:
                    Add(text[begin..i]);
                    begin = i + 1;
                    break;
            }
        }

        Add(text[begin..]);
        return parts;

        void Add(string part)
        {
            if (part.Trim() is { Length: > 0 } trimmed)
            {
                parts.Add(trimmed);
            }
        }
    }

    /// <summary>Takes a parameter apart. Names are in small letters, values without quotes.</summary>
    public static (string Name, string Value) Pair(string text)
    {
        var equals = text.IndexOf('=', StringComparison.Ordinal);
        return equals < 0
            ? (text.Trim().ToLowerInvariant(), "")
            : (text[..equals].Trim().ToLowerInvariant(), Unquote(text[(equals + 1)..].Trim()));
    }

    /// <summary>Puts quotes around.</summary>
    public static string Quote(string text) =>
        $"\"{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"";

    private static string Unquote(string text)
    {
        if (text.Length < 2 || text[0] != '"' || text[^1] != '"')
        {
            return text;
        }

        var inner = new System.Text.StringBuilder(text.Length);
        for (var i = 1; i < text.Length - 1; i++)
        {
            i += text[i] == '\\' && i + 2 < text.Length ? 1 : 0;
            inner.Append(text[i]);
        }

        return inner.ToString();
    }
}
