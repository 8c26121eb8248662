using System.Text.RegularExpressions;

namespace Pollard.Gateway.Tests.OpenApi;

/// <summary>The codes of errors as docs/reference/errors.md has them, and as the sources make them: each as "404 task_not_found".</summary>
internal static partial class ErrorsPage
{
    private static readonly string Root = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "../../../.."));

    /// <summary>Those of the page.</summary>
    public static IReadOnlyList<string> Codes { get; } =
    [
        .. from row in File.ReadLines(Path.Combine(Root, "docs/reference/errors.md"))
        let match = Row().Match(row)
        where match.Success
        from Match code in Word().Matches(match.Groups["codes"].Value)
        select $"{match.Groups["status"]} {code.Groups["word"]}",
    ];

    /// <summary>Those that stand beside their status in the gateway's sources.</summary>
    public static IEnumerable<string> CodesInSources() =>
        from file in Directory.EnumerateFiles(
            Path.Combine(Root, "src/Pollard.Gateway"),
            "*.cs",
            SearchOption.AllDirectories
        )
        from Match made in Made().Matches(File.ReadAllText(file))
        select $"{made.Groups["status"]} {made.Groups["word"]}";

    [GeneratedRegex(
        @"^\| (?<status>\d{3}) \| (?<codes>[^|]+) \|",
        RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 60_000
    )]
    private static partial Regex Row();

    [GeneratedRegex("`(?<word>[a-z_]+)`", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 60_000)]
    private static partial Regex Word();

    // An error is made of its status, as a number or by ASP.NET's name for it, and its code.
    [GeneratedRegex(
        """(DoorError|new|Answer)\(\s*(StatusCodes\.Status)?(?<status>[4-5]\d{2})\w*,\s*"(?<word>[a-z_]+)["]""",
        RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 60_000
    )]
    private static partial Regex Made();
}
