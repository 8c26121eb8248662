using System.Globalization;
using System.Text.RegularExpressions;

namespace Pollard.EndToEnd.Support;

/// <summary>An agent of a task server with four processors and nothing but its demo to run tasks on.</summary>
internal static partial class TaskServerAgent
{
    public static PollardProcess Start(string server, string data) =>
        PollardProcess.Start("agent", "--server", server, "--pool-size", "4", "--data", data);

    /// <summary>The names of the journal's files that end so.</summary>
    public static HashSet<string> Kept(string data, string end)
    {
        var journal = Path.Combine(data, "task-servers");
        return Directory.Exists(journal)
            ?
            [
                .. Directory
                    .EnumerateFiles(journal, "*" + end, SearchOption.AllDirectories)
                    .Select(path => Path.GetFileName(path)),
            ]
            : [];
    }

    /// <summary>The last counts in an agent's log.</summary>
    public static (int Fetched, int Delivered, int Dropped) Counts(PollardProcess agent)
    {
        var last = Line.Matches(agent.Output).Last();
        return (Number("fetched"), Number("delivered"), Number("dropped"));

        int Number(string name) => int.Parse(last.Groups[name].ValueSpan, CultureInfo.InvariantCulture);
    }

    [GeneratedRegex(
        @"Tasks: (?<fetched>\d+) fetched, \d+ processed \(\d+ failed\), (?<delivered>\d+) delivered, (?<dropped>\d+) dropped",
        RegexOptions.NonBacktracking
    )]
    private static partial Regex Line { get; }
}
