using System.Text;
using System.Text.RegularExpressions;

namespace Pollard.Gateway.Validation;

/// <summary>Checks of an answer's text as it stands.</summary>
internal static partial class TextChecks
{
    private const int MostPatternCharacters = 4096;
    private const int MostShown = 5;

    // Python's numbers for what .NET has under another.
    private const int IgnoreCase = 2;
    private const int Multiline = 8;
    private const int DotAll = 16;
    private const int Unicode = 32;
    private const int Verbose = 64;

    private static readonly TimeSpan MatchTime = TimeSpan.FromSeconds(1);

    [GeneratedRegex(@"\(\?P=(?<name>\w+)\)", RegexOptions.NonBacktracking)]
    private static partial Regex PythonReference { get; }

    /// <summary><c>response_not_empty</c>, <c>not_empty</c>.</summary>
    public static AnswerCheck NotEmpty(ParamReader given)
    {
        given.End();
        return Checks.Of(answer =>
            Finding.When(!string.IsNullOrWhiteSpace(answer.Text), "the answer is empty", "Answer with text.")
        );
    }

    /// <summary><c>length</c>.</summary>
    public static AnswerCheck Length(ParamReader given)
    {
        var least = given.Whole("min_length", 0, int.MaxValue);
        var most = given.Whole("max_length", 0, int.MaxValue);
        given.End();
        if (least is null && most is null)
        {
            throw given.Missing("min_length");
        }

        return most < least ? throw given.Wrong("max_length", "must not be less than min_length") : Within(least, most);
    }

    /// <summary><c>min_length</c>.</summary>
    public static AnswerCheck MinLength(ParamReader given)
    {
        var least = given.Whole("min", 0, int.MaxValue) ?? throw given.Missing("min");
        given.End();
        return Within(least, null);
    }

    /// <summary><c>max_length</c>.</summary>
    public static AnswerCheck MaxLength(ParamReader given)
    {
        var most = given.Whole("max", 0, int.MaxValue) ?? throw given.Missing("max");
        given.End();
        return Within(null, most);
    }

    /// <summary><c>regex</c>.</summary>
    public static AnswerCheck Regex(ParamReader given)
    {
        var pattern = given.RequiredText("pattern");
        var flags = given.Whole("flags", 0, 511) ?? 0;
        given.End();
        if (pattern.Length > MostPatternCharacters)
        {
            throw given.Wrong("pattern", $"must be at most {MostPatternCharacters} characters");
        }

        var regex = Compile(given, pattern, OptionsOf(given, flags));
        return Checks.Of(answer =>
        {
            try
            {
                return Finding.When(
                    regex.IsMatch(answer.Text),
                    $"the answer does not match the pattern {pattern}",
                    "Answer in the form that the pattern describes."
                );
            }
            catch (RegexMatchTimeoutException)
            {
                return Finding.Of($"the pattern {pattern} could not be matched within {MatchTime.TotalSeconds:0} s");
            }
        });
    }

    /// <summary><c>contains</c>, <c>response_contains</c>.</summary>
    public static AnswerCheck Contains(ParamReader given)
    {
        string[] wanted = [.. given.Texts("required_text") ?? [], .. given.Texts("substring") ?? []];
        var comparison = given.Flag("case_sensitive") is true
            ? StringComparison.Ordinal
            : StringComparison.OrdinalIgnoreCase;
        given.End();
        if (wanted.Length == 0)
        {
            throw given.Missing("required_text");
        }

        return Checks.Of(answer =>
        {
            string[] missing = [.. wanted.Where(text => !answer.Text.Contains(text, comparison))];
            return missing.Length == 0
                ? Finding.Valid
                : Finding.Of(
                    $"the answer lacks {Checks.Quoted(missing, MostShown)}",
                    $"Include {Checks.Quoted(missing, MostShown)}."
                );
        });
    }

    /// <summary><c>contains_code_block</c>.</summary>
    public static AnswerCheck CodeBlock(ParamReader given)
    {
        var language = given.Text("language");
        given.End();
        var name = language is null ? "block of code" : $"block of {language} code";
        return Checks.Of(answer =>
            Finding.When(
                CodeBlocks
                    .Enumerate(answer.Text)
                    .Exists(block =>
                        !string.IsNullOrWhiteSpace(block.Content)
                        && (language is null || block.Language.Equals(language, StringComparison.OrdinalIgnoreCase))
                    ),
                $"the answer has no {name}",
                $"Put the code between ```{language} and ```."
            )
        );
    }

    private static AnswerCheck Within(int? least, int? most) =>
        Checks.Of(answer =>
        {
            // Characters as Python counts them.
            var length = 0;
            foreach (var _ in answer.Text.EnumerateRunes())
            {
                length++;
            }

            return length < least ? Finding.Of($"the answer has {length} characters, fewer than {least}", "Write more.")
                : length > most ? Finding.Of($"the answer has {length} characters, more than {most}", "Write less.")
                : Finding.Valid;
        });

    private static RegexOptions OptionsOf(ParamReader given, int flags)
    {
        if ((flags & ~(IgnoreCase | Multiline | DotAll | Unicode | Verbose)) != 0)
        {
            throw given.Wrong("flags", "must be a sum of Python's I=2, M=8, S=16, U=32 and X=64");
        }

        return RegexOptions.CultureInvariant
            | ((flags & IgnoreCase) != 0 ? RegexOptions.IgnoreCase : RegexOptions.None)
            | ((flags & Multiline) != 0 ? RegexOptions.Multiline : RegexOptions.None)
            | ((flags & DotAll) != 0 ? RegexOptions.Singleline : RegexOptions.None)
            | ((flags & Verbose) != 0 ? RegexOptions.IgnorePatternWhitespace : RegexOptions.None);
    }

    private static Regex Compile(ParamReader given, string pattern, RegexOptions options)
    {
        // What Python writes otherwise: named groups.
        var text = new StringBuilder(pattern).Replace("(?P<", "(?<").ToString();
        text = PythonReference.Replace(text, @"\k<${name}>");
        try
        {
            return new Regex(text, options | RegexOptions.NonBacktracking, MatchTime);
        }
        catch (NotSupportedException)
        {
            // Look-around and back references need the engine that can take for ever; time holds it.
            return new Regex(text, options, MatchTime);
        }
        catch (ArgumentException e)
        {
            throw given.Wrong("pattern", $"cannot be read: {e.Message}");
        }
    }
}
