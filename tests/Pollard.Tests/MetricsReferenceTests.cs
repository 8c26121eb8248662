using System.Text.RegularExpressions;
using Pollard.Tests.Support;

namespace Pollard.Tests;

/// <summary>The page on figures names those that the sources make, with their kind and unit, no less and no more.</summary>
public sealed partial class MetricsReferenceTests
{
    [Fact]
    public void Each_figure_is_on_the_page_and_no_other()
    {
        var made = Directory
            .EnumerateFiles(Repository.In("src"), "*.cs", SearchOption.AllDirectories)
            .SelectMany(static file => Made().Matches(File.ReadAllText(file)))
            .Select(static match => (match.Groups["name"].Value, KindOf(match.Groups["kind"].Value)))
            .Distinct();
        var documented = File.ReadAllText(Repository.In("docs/reference/metrics.md"))
            .Split("\n## ")
            .Where(static section => !section.StartsWith("Traces", StringComparison.Ordinal))
            .SelectMany(static section => section.Split('\n'))
            .Where(static line => line.StartsWith("| `", StringComparison.Ordinal))
            .Select(static line => line.Split('|', StringSplitOptions.TrimEntries))
            .Select(static cells => (cells[1].Trim('`'), cells[2]));

        Assert.Equal(made.Order(), documented.Order());
    }

    private static string KindOf(string method) =>
        method switch
        {
            "Counter" => "counter",
            "Histogram" => "histogram",
            "UpDownCounter" => "up-down counter",
            "ObservableCounter" => "counter",
            _ => "gauge",
        };

    [GeneratedRegex(
        """\.Create(?<kind>(Observable)?(Counter|Gauge|UpDownCounter|Histogram))(<\w+>)?\(\s*"(?<name>[^"]+)""",
        RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 60_000
    )]
    private static partial Regex Made();
}
