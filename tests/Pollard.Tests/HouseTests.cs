using System.Text.RegularExpressions;
using System.Xml.Linq;
using Pollard.Tests.Support;

namespace Pollard.Tests;

/// <summary>What the house is built by: which part may know which, how long a file may be, and that what is written is not dead.</summary>
public sealed partial class HouseTests
{
    private const int LongestFile = 400;

    // What each project may use of the others; the executable composes, so it may use all.
    private static readonly Dictionary<string, string[]> Uses = new(StringComparer.Ordinal)
    {
        ["Pollard.Protocol"] = [],
        ["Pollard.Simulators"] = [],
        ["Pollard.Tasks"] = ["Pollard.Protocol"],
        ["Pollard.Storage"] = ["Pollard.Tasks"],
        ["Pollard.Gateway"] = ["Pollard.Tasks"],
        ["Pollard.Agent"] = ["Pollard.Protocol"],
        ["Pollard.Client"] = ["Pollard.Protocol"],
        ["Pollard.Voice"] = ["Pollard.Client"],
    };

    // The gateway's features; Doors/ has one more a dialect. Everything else in the gateway is shared and knows none of them.
    private static readonly string[] Slices = ["Hosts", "Keys", "Webhooks", "Dashboard", "Observability", "OpenApi"];

    // What the engine must not know: HTTP and SQL.
    private static readonly string[] ForeignToTheEngine =
    [
        "Microsoft.AspNetCore",
        "Microsoft.Data",
        "SQLitePCL",
        "System.Net.Http",
    ];

    [Fact]
    public void Projects_use_only_what_the_house_allows()
    {
        foreach (var project in Directory.GetDirectories(Repository.In("src")).Select(Path.GetFileName))
        {
            if (project == "Pollard")
            {
                continue;
            }

            Assert.True(
                Uses.TryGetValue(project!, out var allowed),
                $"{project} has no place in the house yet: say here what it may use."
            );
            Assert.Equal(allowed, References(project!));
        }
    }

    [Fact]
    public void The_engine_knows_neither_http_nor_sql()
    {
        foreach (var file in SourceFiles("src/Pollard.Tasks", "src/Pollard.Protocol"))
        {
            Assert.DoesNotContain(ForeignToTheEngine, part => UsingsOf(file).Any(used => IsWithin(used, part)));
        }
    }

    [Fact]
    public void Slices_of_the_gateway_do_not_know_each_other()
    {
        var gateway = Repository.In("src/Pollard.Gateway");
        string[] slices = [.. Slices, .. FoldersOf(Path.Combine(gateway, "Doors")).Select(door => $"Doors.{door}")];

        foreach (var file in SourceFiles("src/Pollard.Gateway"))
        {
            var folder = Path.GetRelativePath(gateway, Path.GetDirectoryName(file)!);
            var own = folder.Replace(Path.DirectorySeparatorChar, '.');
            if (own == ".")
            {
                continue; // The gateway's own files put the slices together.
            }

            foreach (var slice in slices.Where(slice => !IsWithin(own, slice)))
            {
                Assert.False(
                    Knows(file, $"Pollard.Gateway.{slice}"),
                    $"{Relative(file)} uses Pollard.Gateway.{slice}; what both need belongs into a shared folder."
                );
            }
        }
    }

    [Fact]
    public void No_source_file_is_too_long()
    {
        foreach (var file in SourceFiles("src"))
        {
            var lines = File.ReadLines(file).Count();
            Assert.True(lines <= LongestFile, $"{Relative(file)} has {lines} lines; it holds more than one idea.");
        }
    }

    [Fact]
    public void No_relative_link_in_the_documentation_is_dead()
    {
        string[] documents =
        [
            .. Directory.GetFiles(Repository.Root, "*.md"),
            .. Directory.GetFiles(Repository.In("docs"), "*.md", SearchOption.AllDirectories),
        ];

        foreach (var document in documents)
        {
            foreach (Match link in Link.Matches(File.ReadAllText(document)))
            {
                var target = link.Groups["target"].Value.Split('#')[0];
                if (target.Length == 0 || target.Contains(':', StringComparison.Ordinal))
                {
                    continue; // Within the document, or on the web.
                }

                var path = Path.Combine(Path.GetDirectoryName(document)!, target);
                Assert.True(Path.Exists(path), $"{Relative(document)} links to {target}, which is not there.");
            }
        }
    }

    [Fact]
    public void What_is_left_to_do_has_an_issue()
    {
        foreach (var file in SourceFiles("src", "tests", "bench"))
        {
            foreach (var line in File.ReadLines(file))
            {
                Assert.False(
                    Unfinished.IsMatch(line),
                    $"{Relative(file)} leaves something to do without the number of an issue: {line.Trim()}"
                );
            }
        }
    }

    private static string[] References(string project) =>
        [
            .. XDocument
                .Load(Repository.In($"src/{project}/{project}.csproj"))
                .Descendants("ProjectReference")
                .Select(reference => Path.GetFileNameWithoutExtension((string)reference.Attribute("Include")!)),
        ];

    private static IEnumerable<string> SourceFiles(params string[] folders) =>
        folders
            .Select(Repository.In)
            .Where(Directory.Exists)
            .SelectMany(folder => Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories));

    private static IEnumerable<string> FoldersOf(string folder) =>
        Directory.Exists(folder) ? Directory.GetDirectories(folder).Select(path => Path.GetFileName(path)) : [];

    private static IEnumerable<string> UsingsOf(string file) =>
        File.ReadLines(file)
            .Select(line => Using.Match(line))
            .Where(match => match.Success)
            .Select(match => match.Groups["name"].Value);

    private static bool Knows(string file, string name) =>
        Regex.IsMatch(File.ReadAllText(file), $@"\b{Regex.Escape(name)}\b", RegexOptions.None, TimeSpan.FromSeconds(1));

    private static bool IsWithin(string name, string part) =>
        name == part || name.StartsWith(part + ".", StringComparison.Ordinal);

    private static string Relative(string path) => Path.GetRelativePath(Repository.Root, path);

    [GeneratedRegex(
        @"^\s*(global )?using (static |\w+ = )?(?<name>[\w.]+)",
        RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture
    )]
    private static partial Regex Using { get; }

    [GeneratedRegex(@"\]\((?<target>[^)\s]+)\)", RegexOptions.NonBacktracking)]
    private static partial Regex Link { get; }

    [GeneratedRegex(@"//.*\bTODO\b(?!.*#\d)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Unfinished { get; }
}
