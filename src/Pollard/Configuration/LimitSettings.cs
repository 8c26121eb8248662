using System.CommandLine;
using Pollard.Agent;
using Pollard.Agent.Owner;
using Pollard.Protocol;

namespace Pollard.Configuration;

/// <summary>The options that say what clients may do with a machine.</summary>
internal static class LimitSettings
{
    private const int MostNames = 200;

    public static Option<string[]> Models { get; } =
        CommonOptions.Texts(
            "--models",
            "MODEL",
            "Only these of its models; * stands for any text, several parted by commas. Default: all"
        );

    public static Option<string[]> NotModels { get; } =
        CommonOptions.Texts("--not-models", "MODEL", "Not these of its models, in the same way");

    public static Option<string?> MaxTokens { get; } =
        CommonOptions.Text(
            "--max-tokens",
            "N",
            "Tokens that all answers to one request may have together; more is cut down. Default: as many as are asked for"
        );

    public static Option<string?> MaxContext { get; } =
        CommonOptions.Text(
            "--max-context",
            "N",
            "Tokens of context that models are offered with, and that clients of Ollama's API may ask for. Default: the models' own"
        );

    public static Option<string[]> AllowParameters { get; } =
        CommonOptions.Texts(
            "--allow-params",
            "NAME",
            "The only parameters that requests may have, such as temperature,tools; others are refused. Default: all"
        );

    public static Option<string[]> DenyParameters { get; } =
        CommonOptions.Texts(
            "--deny-params",
            "NAME",
            "Parameters that requests may not have, such as keep_alive,num_ctx"
        );

    public static Option<string?> Schedule { get; } =
        CommonOptions.Text(
            "--schedule",
            "HOURS",
            "When it works, in the machine's time zone: \"mon-fri 18:00-08:00, sat-sun\". Default: always"
        );

    public static Option<string?> WhenIdle { get; } =
        CommonOptions.Text(
            "--when-idle",
            "DURATION",
            "It works only when nobody has used the machine for so long: 10m. Linux only. Default: always"
        );

    public static Option<string?> WhenIdleGrace { get; } =
        CommonOptions.Text(
            "--when-idle-grace",
            "DURATION",
            "What still runs so long after somebody came back goes to other hosts. Default: it is finished"
        );

    public static Option[] All { get; } =
    [Models, NotModels, MaxTokens, MaxContext, AllowParameters, DenyParameters, Schedule, WhenIdle, WhenIdleGrace];

    /// <summary>How long nobody may have used the machine; null: that does not matter.</summary>
    public static TimeSpan? ReadWhenIdle(Settings settings) =>
        settings.Duration(WhenIdle) is not { } idle ? null
        : idle <= TimeSpan.Zero || idle > TimeSpan.FromDays(1)
            ? throw new UsageException("--when-idle is more than nothing and at most a day: 10m.")
        : !Agent.Owner.MachineUse.IsKnown
            ? throw new UsageException("--when-idle needs Linux: elsewhere it is not known when the machine is used.")
        : idle;

    public static AgentLimits Read(Settings settings) =>
        new()
        {
            Models = ReadPatterns(settings, Models),
            NotModels = ReadPatterns(settings, NotModels),
            MaxTokens = settings.Number(MaxTokens, 1, int.MaxValue),
            MaxContext = settings.Number(MaxContext, 1, int.MaxValue),
            AllowedParameters = ReadNames(settings, AllowParameters),
            DeniedParameters = ReadNames(settings, DenyParameters),
        };

    /// <summary>When the machine works; null: always.</summary>
    public static Schedule? ReadSchedule(Settings settings)
    {
        if (settings.Text(Schedule) is not { } text)
        {
            return null;
        }

        return Agent.Owner.Schedule.TryParse(text, out var schedule, out var wrong)
            ? schedule
            : throw new UsageException(
                $"--schedule has \"{wrong}\"; write days (mon, mon-fri), hours (18:00-08:00) or both, parted by commas."
            );
    }

    /// <summary>Patterns of models; null when the option is not set.</summary>
    public static IReadOnlyList<string>? ReadPatterns(Settings settings, Option<string[]> option)
    {
        var patterns = settings.Texts(option);
        if (patterns.Count > ModelPattern.Most)
        {
            throw new UsageException($"{option.Name} has {patterns.Count} names; {ModelPattern.Most} are the most.");
        }

        return patterns.FirstOrDefault(pattern => !ModelPattern.IsPattern(pattern)) is { } wrong
                ? throw new UsageException(
                    $"{option.Name} has \"{wrong}\"; write names of models, such as llama3.2:3b or qwen*."
                )
            : patterns.Count > 0 ? patterns
            : null;
    }

    private static IReadOnlyList<string>? ReadNames(Settings settings, Option<string[]> option) =>
        settings.Texts(option) switch
        {
            [] => null,
            { Count: <= MostNames } names => names,
            _ => throw new UsageException($"{option.Name} has more than {MostNames} names."),
        };
}
