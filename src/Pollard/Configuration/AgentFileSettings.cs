using System.CommandLine;
using Pollard.Agent;

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

    /// <summary>All about files.</summary>
    public static Option[] All { get; } = [MetricsDirectory, MetricsKeep];

    /// <summary>Where measurements are written; null: nowhere.</summary>
    public static string? ReadMetricsDirectory(Settings settings) => ReadDirectory(settings, MetricsDirectory);

    /// <summary>For how many days they are kept.</summary>
    /// <exception cref="UsageException">It is no number that can be.</exception>
    public static int ReadMetricsKeep(Settings settings) =>
        settings.Number(MetricsKeep, 1, AgentHost.MostKeepDays) ?? UsualDays;

    /// <summary>Makes the directories: one that cannot be is told at the start.</summary>
    /// <exception cref="CommandFailedException">One cannot be made.</exception>
    public static void CreateDirectories(Settings settings)
    {
        if (ReadMetricsDirectory(settings) is { } directory)
        {
            DataDirectory.Create(directory, MetricsDirectory.Name);
        }
    }

    private static string? ReadDirectory(Settings settings, Option<string?> option) =>
        settings.Text(option) is { Length: > 0 } path ? Path.GetFullPath(path) : null;
}
