using System.Text.RegularExpressions;
using Pollard.Tests.Support;

namespace Pollard.Tests.Commands;

/// <summary>Every call of the program that a document shows is one that the program takes, also where no test runs it.</summary>
public sealed partial class DocumentedCallsTests
{
    public static TheoryData<string> Documents =>
        [
            .. Directory
                .EnumerateFiles(Repository.Root, "*.md")
                .Concat(Directory.EnumerateFiles(Repository.In("docs"), "*", SearchOption.AllDirectories))
                .Where(static path => path.EndsWith(".md", StringComparison.Ordinal) || IsConfiguration(path))
                .Where(static path => Calls(path).Any())
                .Select(static path => Path.GetRelativePath(Repository.Root, path)),
        ];

    [Theory]
    [MemberData(nameof(Documents))]
    public void Calls_of_the_program_parse(string document)
    {
        var root = CommandLine.Build(Shell.OfProcess());

        Assert.All(
            Calls(Repository.In(document)),
            call =>
                Assert.Empty(
                    root.Parse([.. call.Skip(1)]).Errors.Select(error => $"{string.Join(' ', call)}: {error.Message}")
                )
        );
    }

    [Fact]
    public void A_call_is_found_wherever_it_stands()
    {
        const string Text = """
            POLLARD_KEY=x ./pollard ask --model m "Why? & how" > a.txt    # A remark.
              ExecStart=/usr/local/bin/pollard serve
            id=$(pollard tasks list --json | jq .id) && pollard voice all \
              --tts-engine espeak &
            """;

        Assert.Equal(
            [
                "pollard ask --model m Why? & how",
                "pollard serve",
                "pollard tasks list --json",
                "pollard voice all --tts-engine espeak",
            ],
            CallsIn(Text).Select(static call => string.Join(' ', call))
        );
    }

    private static bool IsConfiguration(string path) =>
        Path.GetExtension(path) is ".service" or ".yaml" or ".yml" or ".cfg" or ".conf";

    private static IEnumerable<IReadOnlyList<string>> Calls(string path)
    {
        var text = File.ReadAllText(path);
        return path.EndsWith(".md", StringComparison.Ordinal)
            ? Fence.Matches(text).SelectMany(static match => CallsIn(match.Groups["body"].Value))
            : CallsIn(text);
    }

    private static IEnumerable<IReadOnlyList<string>> CallsIn(string text) =>
        Continued
            .Replace(text, " ")
            .Split('\n')
            .SelectMany(static line => Call.Matches(line).Select(static match => WordsOf(match.Groups["call"].Value)));

    // Words as a shell sees them; what comes behind the call is another's.
    private static List<string> WordsOf(string call) =>
        [.. Word.Matches(call).Select(static match => match.Value.Replace("\"", "").Replace("'", ""))];

    [GeneratedRegex(
        @"^```(sh|console|text|yaml)?\n(?<body>.*?)^```",
        RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex Fence { get; }

    [GeneratedRegex(@"\\\n\s*", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Continued { get; }

    /// <summary>Where a command may stand, and the words behind it up to a remark or another command.</summary>
    [GeneratedRegex(
        """(^|[|&;(=]|\$ )\s*(\w+=\S+ +)*([\w./~-]*/)?(?<call>pollard( +(?!#)("[^"]*"|'[^']*'|\$\([^)]*\)|[^\s|&;<>()"'`])+)+)""",
        RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex Call { get; }

    [GeneratedRegex(
        """("[^"]*"|'[^']*'|\$\([^)]*\)|[^\s"'])+""",
        RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex Word { get; }
}
