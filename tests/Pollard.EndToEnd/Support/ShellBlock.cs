using System.Text.RegularExpressions;

namespace Pollard.EndToEnd.Support;

/// <summary>A command in a document, with what the document says that it prints.</summary>
/// <param name="Text">The command.</param>
/// <param name="Expected">The lines below it; null where the document shows none.</param>
internal sealed record DocumentedCommand(string Text, IReadOnlyList<string>? Expected);

/// <summary>
/// A block of a document that can be run: <c>sh</c> has a command a line, <c>console</c> has commands after a dollar sign and their
/// output, <c>js</c> and <c>python</c> are programs. A comment <c>not run: reason</c> above a block leaves it out; <c>apart: lines</c> runs it
/// on a machine of its own, after these lines; <c>apart, going on</c> on the same machine as the one above.
/// </summary>
/// <param name="Where">The document and the line.</param>
/// <param name="IsRun">Whether it is run beside a gateway.</param>
/// <param name="IsApart">Whether it is run on a machine of its own.</param>
/// <param name="GoesOn">Whether that is the machine of the block above.</param>
/// <param name="Before">What is run before it there.</param>
/// <param name="Runner">What runs a command, which comes behind it.</param>
/// <param name="Commands">The commands.</param>
internal sealed partial record ShellBlock(
    string Where,
    bool IsRun,
    bool IsApart,
    bool GoesOn,
    IReadOnlyList<string> Before,
    IReadOnlyList<string> Runner,
    IReadOnlyList<DocumentedCommand> Commands
)
{
    public static IReadOnlyList<ShellBlock> Of(string name, string markdown) =>
        [
            .. Fence
                .Matches(markdown)
                .Select(match => new ShellBlock(
                    $"{name}:{markdown.AsSpan(0, match.Groups["body"].Index).Count('\n') + 1}",
                    !match.Groups["not"].Success && !match.Groups["apart"].Success,
                    match.Groups["apart"].Success,
                    match.Groups["on"].Success,
                    LinesOf(match.Groups["before"].Value),
                    RunnerOf(match.Groups["kind"].Value),
                    CommandsOf(match.Groups["kind"].Value, match.Groups["body"].Value)
                )),
        ];

    /// <summary>A line without what differs from run to run: ids, numbers, states, made-up text; JSON as its members' names.</summary>
    public static string ShapeOf(string line)
    {
        var shape = MadeUp.Replace(line, "[simulator] TEXT");
        shape = Id.Replace(shape, "ID");
        shape = DataFolder.Replace(shape, "(data: FOLDER)");
        shape = State.Replace(shape, "STATE");
        shape = Number.Replace(shape, "N");
        return Spaces.Replace(shape, " ").Trim();
    }

    // What runs a command, which comes behind it.
    private static string[] RunnerOf(string kind) =>
        kind switch
        {
            "js" => ["node", "--input-type=module", "--eval"],
            "python" => ["python3", "-c"],
            _ => ["bash", "-ceu"],
        };

    private static List<DocumentedCommand> CommandsOf(string kind, string body) =>
        kind switch
        {
            "console" => Session(body),
            "sh" => Script(body),
            _ => [new DocumentedCommand(body, null)],
        };

    private static List<DocumentedCommand> Script(string body) =>
        [
            .. LinesOf(body)
                .Select(static line => Remark.Replace(line, "").Trim())
                .Where(static line => line.Length > 0)
                .Select(static line => new DocumentedCommand(line, null)),
        ];

    // A line that is indented goes on with the one above.
    private static string[] LinesOf(string body) =>
        [.. LineBreak.Split(body.Trim('\n')).Where(static line => line.Length > 0)];

    private static List<DocumentedCommand> Session(string body)
    {
        List<DocumentedCommand> commands = [];
        List<string> output = [];
        foreach (var line in body.TrimEnd('\n').Split('\n'))
        {
            if (line.StartsWith("$ ", StringComparison.Ordinal))
            {
                output = [];
                commands.Add(new DocumentedCommand(line[2..], output));
            }
            else
            {
                output.Add(line);
            }
        }

        return commands;
    }

    [GeneratedRegex(
        @"((?<not><!-- not run: [^>]*-->\s*\n+)|(?<apart><!-- apart(?<on>, going on)?(:\s*(?<before>([^-]|-(?!->))*?))?\s*-->\s*\n+))?^```(?<kind>sh|console|js|python)\n(?<body>.*?)^```",
        RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex Fence { get; }

    [GeneratedRegex(@"\n(?! )", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex LineBreak { get; }

    [GeneratedRegex(@"(^|\s)#.*$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Remark { get; }

    [GeneratedRegex(@"\[simulator\] ([^""\\]|\\.)*", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex MadeUp { get; }

    [GeneratedRegex("(task_|chatcmpl-)[a-z0-9]{26}", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Id { get; }

    [GeneratedRegex(@"\(data: [^)]*\)", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex DataFolder { get; }

    [GeneratedRegex(@"\b(pending|running|completed)\b", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex State { get; }

    [GeneratedRegex(@"\b\d+(\.\d+)*(ms|s|m|h)?\b", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Number { get; }

    [GeneratedRegex(@"\s+", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Spaces { get; }
}
