namespace Pollard.Gateway.Validation;

/// <summary>The blocks between lines of three backticks, in which models wrap code.</summary>
internal static class CodeBlocks
{
    private const string Fence = "```";

    /// <summary>The first block in one of these languages; else the first in none; null when there is neither.</summary>
    public static string? Find(string text, params ReadOnlySpan<string> languages)
    {
        string? unnamed = null;
        foreach (var (language, content) in Enumerate(text))
        {
            foreach (var wanted in languages)
            {
                if (language.Equals(wanted, StringComparison.OrdinalIgnoreCase))
                {
                    return content;
                }
            }

            unnamed ??= language.Length == 0 ? content : null;
        }

        return unnamed;
    }

    /// <summary>All blocks with their languages. One that is not closed ends with the text.</summary>
    public static List<(string Language, string Content)> Enumerate(string text)
    {
        List<(string, string)> blocks = [];
        string? language = null;
        var start = 0;
        for (var at = 0; at < text.Length; )
        {
            var end = text.IndexOf('\n', at);
            var next = end < 0 ? text.Length : end + 1;
            var line = text.AsSpan(at, next - at).Trim();
            if (line.StartsWith(Fence, StringComparison.Ordinal))
            {
                var info = line.TrimStart('`').Trim();
                if (language is null)
                {
                    language = FirstWord(info);
                    start = next;
                }
                else if (info.IsEmpty)
                {
                    blocks.Add((language, text[start..at]));
                    language = null;
                }
            }

            at = next;
        }

        if (language is not null)
        {
            blocks.Add((language, text[start..]));
        }

        return blocks;
    }

    private static string FirstWord(ReadOnlySpan<char> info)
    {
        var end = info.IndexOfAny(" \t{");
        return (end < 0 ? info : info[..end]).ToString();
    }
}
