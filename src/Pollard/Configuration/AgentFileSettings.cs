using System.CommandLine;
using Pollard.Agent;
using Pollard.Agent.Logs;

namespace Pollard.Configuration;

/// <summary>The options that say which files of its doings an agent keeps.</summary>
internal static class AgentFileSettings
{
    private const int UsualDays = 7;

    private static readonly Option<string?> MetricsDirectory = CommonOptions.Text(
        "--metrics-dir",
        "DIR",
        "Write what is measured there, JSON lines in a file for each day. Default: nowhere"
    );

    private static readonly Option<string?> MetricsKeep = CommonOptions.Text(
        "--metrics-keep",
        "DAYS",
        $"With --metrics-dir: how many days before today are kept. Default: {UsualDays}"
    );

    private static readonly Option<string?> LogDirectory = CommonOptions.Text(
        "--log-dir",
        "DIR",
        "Write the log there too, JSON lines in a file for each day. Default: nowhere"
    );

    private static readonly Option<string?> LogKeep = CommonOptions.Text(
        "--log-keep",
        "DAYS",
        $"With --log-dir: how many days before today are kept. Default: {UsualDays}"
    );

    /// <summary>All about files.</summary>
    public static Option[] All { get; } = [LogDirectory, LogKeep, MetricsDirectory, MetricsKeep];

    /// <summary>The files of the log; null: there are none. The caller disposes them.</summary>
    /// <exception cref="UsageException">The days are no number that can be.</exception>
    public static LogFiles? ReadLogFiles(Settings settings, TimeProvider time)
    {
        var days = ReadDays(settings, LogKeep);
        return ReadDirectory(settings, LogDirectory) is { } directory ? new LogFiles(directory, days, time) : null;
    }

    /// <summary>Where measurements are written; null: nowhere.</summary>
    public static string? ReadMetricsDirectory(Settings settings) => ReadDirectory(settings, MetricsDirectory);

    /// <summary>For how many days they are kept.</summary>
    /// <exception cref="UsageException">It is no number that can be.</exception>
    public static int ReadMetricsKeep(Settings settings) => ReadDays(settings, MetricsKeep);

    /// <summary>Makes the directories: one that cannot be is told at the start.</summary>
    /// <exception cref="CommandFailedException">One cannot be made.</exception>
    public static void CreateDirectories(Settings settings)
    {
        foreach (var option in (Option<string?>[])[LogDirectory, MetricsDirectory])
        {
            if (ReadDirectory(settings, option) is { } directory)
            {
                DataDirectory.Create(directory, option.Name);
            }
        }
    }

    private static int ReadDays(Settings settings, Option<string?> option) =>
        settings.Number(option, 1, AgentHost.MostKeepDays) ?? UsualDays;

    private static string? ReadDirectory(Settings settings, Option<string?> option) =>
        settings.Text(option) is { Length: > 0 } path ? Path.GetFullPath(path) : null;
}
