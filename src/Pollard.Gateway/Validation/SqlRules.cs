using System.Text.RegularExpressions;

namespace Pollard.Gateway.Validation;

/// <summary>What makes SQL more than one statement that reads. Looks at words, and not into texts, quoted names and comments.</summary>
internal static partial class SqlRules
{
    private static readonly HashSet<string> Changing = new(StringComparer.OrdinalIgnoreCase)
    {
        "insert",
        "update",
        "delete",
        "drop",
        "alter",
        "create",
        "truncate",
        "merge",
        "grant",
        "revoke",
        "exec",
        "execute",
        "attach",
        "detach",
        "pragma",
        "vacuum",
        "into",
        "outfile",
        "dumpfile",
    };

    private static readonly HashSet<string> Dangerous = new(StringComparer.OrdinalIgnoreCase)
    {
        "sleep",
        "pg_sleep",
        "benchmark",
        "waitfor",
        "load_file",
        "load_extension",
        "xp_cmdshell",
        "sp_executesql",
        "pg_read_file",
        "lo_import",
        "lo_export",
        "dblink",
        "writefile",
        "readfile",
        "edit",
    };

    // In this order: what is quoted or a comment hides what stands within it.
    [GeneratedRegex(
        """
            (?<comment>--[^\n]*|/\*(?:[^*]|\*+[^*/])*\*+/)|(?<text>'(?:[^']|'')*')|(?<name>"(?:[^"]|"")*"|`[^`]*`|\[[A-Za-z_][^\]\n]*\])
            |(?<word>[\p{L}_][\p{L}\p{N}_$]*)|(?<number>[0-9][0-9A-Za-z_.]*)|(?<sign><=|>=|<>|!=|\|\||\S)
            """,
        RegexOptions.NonBacktracking | RegexOptions.IgnorePatternWhitespace | RegexOptions.ExplicitCapture
    )]
    private static partial Regex Token { get; }

    /// <summary>Why this is not safe; null when it is one SELECT without side effects.</summary>
    public static string? WhatIsUnsafe(string sql)
    {
        var all = Token.Matches(sql).ToList();
        if (all.Select(WhatIsAmbiguous).FirstOrDefault(problem => problem is not null) is { } ambiguous)
        {
            return ambiguous;
        }

        List<Match> tokens = [.. all.Where(token => !token.Groups["comment"].Success)];
        while (tokens.Count > 0 && tokens[^1].Value == ";")
        {
            tokens.RemoveAt(tokens.Count - 1);
        }

        return tokens.Count == 0 ? "there is no statement"
            : !Is(tokens[0], "select") && !Is(tokens[0], "with")
                ? $"it begins with {tokens[0].Value}, not with SELECT or WITH"
            : tokens.Exists(token => token.Value == ";") ? "it has several statements"
            : tokens.Find(token => IsWordOf(token, Changing)) is { } verb
                ? $"it has the word {verb.Value.ToUpperInvariant()}"
            : FindCall(tokens) is { } call ? $"it uses {call}"
            : tokens.Where((_, at) => IsAlwaysTrue(tokens, at)).Any() ? "it has a condition that is always true"
            : null;
    }

    /// <summary>What one database takes for a comment or a text, and another does not: something could hide there.</summary>
    private static string? WhatIsAmbiguous(Match token)
    {
        var text = token.Value;
        return text.StartsWith("/*!", StringComparison.Ordinal) ? "it has a comment that MySQL executes"
            : text.StartsWith("--", StringComparison.Ordinal) && text.Length > 2 && !char.IsWhiteSpace(text[2])
                ? "it has a -- without a space after it"
            : text.Contains("\\'", StringComparison.Ordinal) || text.Contains("\\\"", StringComparison.Ordinal)
                ? "it has a backslash before a quote"
            : text is "'" or "\"" or "`" ? "a quote is not closed"
            : null;
    }

    private static bool Is(Match token, string word) => token.Value.Equals(word, StringComparison.OrdinalIgnoreCase);

    private static bool IsWordOf(Match token, HashSet<string> words) =>
        token.Groups["word"].Success && words.Contains(token.Value);

    private static string? FindCall(List<Match> tokens)
    {
        for (var at = 0; at < tokens.Count; at++)
        {
            // A column may be called so; a call has a parenthesis, and WAITFOR has none.
            if (
                IsWordOf(tokens[at], Dangerous)
                && (Is(tokens[at], "waitfor") || (at + 1 < tokens.Count && tokens[at + 1].Value == "("))
            )
            {
                return tokens[at].Value;
            }
        }

        return null;
    }

    /// <summary>OR 1 = 1, OR 'a' = 'a' and the like.</summary>
    private static bool IsAlwaysTrue(List<Match> tokens, int at) =>
        Is(tokens[at], "or")
        && at + 3 < tokens.Count
        && IsLiteral(tokens[at + 1])
        && tokens[at + 2].Value is "="
        && IsLiteral(tokens[at + 3])
        && tokens[at + 1].Value == tokens[at + 3].Value;

    private static bool IsLiteral(Match token) => token.Groups["text"].Success || token.Groups["number"].Success;
}
