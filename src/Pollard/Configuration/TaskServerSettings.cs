using System.CommandLine;
using Pollard.Agent;
using Pollard.Agent.Pipeline;
using Pollard.Protocol.HostLink;

namespace Pollard.Configuration;

/// <summary>The options of an agent that works for a task server.</summary>
internal static class TaskServerSettings
{
    private const int UsualPoolSize = 5;

    public static Option<string?> Server { get; } =
        CommonOptions.Text(
            "--server",
            "URL",
            "Work for this task server (/get-task, /complete-task) instead of a gateway"
        );

    public static Option<string?> Teleport { get; } =
        CommonOptions.Text(
            "--teleport",
            "URL",
            "Make the calls of this teleport server (/api/http-teleport) to the tools that --http lists, instead of working for a gateway"
        );

    public static Option<string?> EnvironmentName { get; } =
        CommonOptions.Text(
            "--env-name",
            "NAME",
            "With --teleport: the environment that this agent stands for, as the server knows it. Default: none"
        );

    public static Option<string?> PoolSize { get; } =
        CommonOptions.Text(
            "--pool-size",
            "N",
            $"With --server or --teleport: tasks that are worked on at the same time. Default: what --slots says, else {UsualPoolSize}"
        );

    public static Option<string?> Threshold { get; } =
        CommonOptions.Text(
            "--threshold",
            "N",
            $"With --server or --teleport: no more work is fetched while so many results wait to be delivered, 1 to {DeliveryThreshold.Most} or a percentage of that: 80, 80%. Default: {DeliveryThreshold.Default.StopAt}"
        );

    public static Option<string?> MaxConnections { get; } =
        CommonOptions.Text(
            "--max-connections",
            "N",
            $"With --server or --teleport: requests to it at the same time, 1 to {AgentHost.MostConnections}. Default: 2"
        );

    public static Option[] All { get; } = [Server, Teleport, EnvironmentName, PoolSize, Threshold, MaxConnections];

    /// <summary>The options of an agent of a task server; null when it works for none.</summary>
    /// <exception cref="UsageException">They make no sense.</exception>
    public static AgentOptions? Read(Settings settings) =>
        (settings.Address(Server), settings.Address(Teleport)) switch
        {
            (null, null) => null,
            ({ }, { }) => throw new UsageException("An agent works for one: --server or --teleport, not both."),
            ({ } server, _) => Shared(settings) with { Server = server },
            (_, { } teleport) => Shared(settings) with
            {
                Teleport = teleport,
                EnvironmentName = settings.Text(EnvironmentName),
            },
        };

    private static AgentOptions Shared(Settings settings) =>
        new()
        {
            ServerKey = settings.Secret(CommonOptions.KeyFile),
            Slots =
                ReadPoolSize(settings)
                ?? (settings.Text(BackendSettings.Slots) is null ? UsualPoolSize : BackendSettings.ReadSlots(settings)),
            MaxConnections = settings.Number(MaxConnections, 1, AgentHost.MostConnections) ?? 2,
            Threshold = ReadThreshold(settings),
        };

    private static int? ReadPoolSize(Settings settings) => settings.Number(PoolSize, 1, LinkLimits.Slots);

    private static DeliveryThreshold ReadThreshold(Settings settings) =>
        settings.Text(Threshold) is not { } text ? DeliveryThreshold.Default
        : DeliveryThreshold.TryParse(text, out var threshold) ? threshold
        : throw new UsageException(
            $"--threshold is \"{text}\"; write how many results may wait before fetching stops, 1 to {DeliveryThreshold.Most}, or 1% to 100%."
        );
}
