using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text.RegularExpressions;

namespace Pollard.Help;

/// <summary>What is said to somebody who mistyped: what is wrong, what they may have meant, and where to read on.</summary>
internal static partial class WrongCall
{
    // One letter in three may be wrong.
    private const int LettersPerMistake = 3;

    /// <summary>The message; its lines are not many, so that the reason stays on the screen. None where the call is right.</summary>
    public static IEnumerable<string> Lines(ParseResult parsed)
    {
        var command = parsed.CommandResult.Command;
        var path = Examples.PathOf(command);
        // What comes behind the first is often its value, and no mistake of its own.
        var isUnknown = parsed is { Errors.Count: > 0, UnmatchedTokens.Count: > 0 };
        var unknown = isUnknown ? parsed.UnmatchedTokens[0] : OptionAsArgument(parsed);
        if (unknown is null && parsed.Errors.Count == 0)
        {
            yield break;
        }

        if (unknown is not null)
        {
            var what =
                unknown.StartsWith('-') ? $"{path} has no option {unknown}"
                : command.Subcommands.Count > 0 ? $"there is no command \"{path} {unknown}\""
                : $"{path} takes nothing like \"{unknown}\" here";
            yield return $"pollard: {what}{Meant(command, unknown)}";
        }
        else
        {
            yield return $"pollard: {parsed.Errors[0].Message}";
            foreach (var example in Examples.Of(command).Take(1))
            {
                yield return $"Example: {example}";
            }
        }

        yield return $"See: {path} --help";
    }

    // A mistyped option must not become a prompt, an id or the name of a key. Behind -- it may.
    private static string? OptionAsArgument(ParseResult parsed)
    {
        var before = parsed
            .Tokens.TakeWhile(token => token.Type != TokenType.DoubleDash)
            .Select(token => token.Value)
            .ToHashSet(StringComparer.Ordinal);
        return parsed
            .CommandResult.Children.OfType<ArgumentResult>()
            .SelectMany(argument => argument.Tokens)
            .Select(token => token.Value)
            .FirstOrDefault(value => LooksLikeOption.IsMatch(value) && before.Contains(value));
    }

    private static string Meant(Command command, string unknown)
    {
        var name = unknown.Split('=')[0];
        var known = name.StartsWith('-')
            ? command.Options.Select(option => option.Name)
            : command.Subcommands.Where(subcommand => !subcommand.Hidden).Select(subcommand => subcommand.Name);
        var nearest = known
            .Select(candidate => (Name: candidate, Distance: Distance(name, candidate)))
            .Where(candidate => candidate.Distance <= Math.Max(1, name.TrimStart('-').Length / LettersPerMistake))
            .OrderBy(candidate => candidate.Distance)
            .Select(candidate => candidate.Name)
            .FirstOrDefault();
        return nearest is null ? "." : $"; did you mean {nearest}?";
    }

    /// <summary>How many letters must be put in, left out, changed or swapped with their neighbour to make one of the other.</summary>
    private static int Distance(string from, string to)
    {
        var rows = new int[from.Length + 1, to.Length + 1];
        for (var i = 0; i <= from.Length; i++)
        {
            for (var j = 0; j <= to.Length; j++)
            {
                if (i == 0 || j == 0)
                {
                    rows[i, j] = i + j;
                    continue;
                }

                var change = from[i - 1] == to[j - 1] ? 0 : 1;
                var least = Math.Min(rows[i - 1, j - 1] + change, Math.Min(rows[i - 1, j], rows[i, j - 1]) + 1);
                var areSwapped = i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1];
                rows[i, j] = areSwapped ? Math.Min(least, rows[i - 2, j - 2] + 1) : least;
            }
        }

        return rows[from.Length, to.Length];
    }

    [GeneratedRegex("^--?[A-Za-z][A-Za-z0-9-]*(=|$)", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    private static partial Regex LooksLikeOption { get; }
}
