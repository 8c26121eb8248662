using System.CommandLine;
using Microsoft.Extensions.Logging;
using Pollard.Agent;
using Pollard.Agent.Backends;
using Pollard.Composition;
using Pollard.Configuration;
using Pollard.Output;

namespace Pollard.Commands;

/// <summary><c>pollard agent</c>: this machine's models for a gateway elsewhere. It only ever calls out.</summary>
internal static class AgentCommand
{
    private static readonly Option<string?> Join = CommonOptions.Text(
        "--join",
        "TOKEN",
        "The join token, needed once unless the gateway is on this machine; or an Andy server's client token"
    );

    private static readonly Option<string?> Andy = CommonOptions.Text(
        "--andy",
        "URL",
        "Work for this server of the Andy pool, by polls or its WebSocket, instead of a gateway"
    );

    private static readonly Option<string[]> Labels = CommonOptions.Texts(
        "--labels",
        "WORD",
        "Words that a task may ask for; several parted by commas"
    );

    private static readonly Option<string?> Carrier = CommonOptions
        .Text(
            "--carrier",
            "CARRIER",
            "How it links: h2 (one HTTP/2 stream), ws (a WebSocket), turn (long polls) or best. Default: best"
        )
        .Among("h2", "ws", "turn", "best");

    private static readonly Option<string?> Drain = CommonOptions.Text(
        "--drain",
        "DURATION",
        "How long a stop waits for what runs and is to be delivered. Default: 30s"
    );

    private static readonly TimeSpan LongestDrain = TimeSpan.FromDays(1);

    private static readonly Option<bool> Plain = CommonOptions.CallSwitch(
        "--plain",
        "Log lines on a terminal too, where it otherwise shows what it is doing"
    );

    public static Command Build(Shell shell)
    {
        var agent = new Command("agent", "This machine's models for a gateway elsewhere; it only ever calls out")
        {
            AgentInstallCommand.Build(shell),
        };
        foreach (var control in AgentControlCommands.Build(shell))
        {
            agent.Subcommands.Add(control);
        }

        return agent
            .With(
                CommonOptions.Gateway,
                Andy,
                Join,
                BackendSettings.Ollama,
                BackendSettings.OpenAi,
                BackendSettings.OpenAiKeyFile,
                BackendSettings.AllowUrls,
                BackendSettings.Slots,
                BackendSettings.Name,
                Labels,
                Carrier,
                Drain,
                Plain,
                CommonOptions.KeyFile,
                TelemetrySettings.Otlp,
                TelemetrySettings.Metrics,
                CommonOptions.LogLevel,
                CommonOptions.LogFormat
            )
            .With(WaySettings.All)
            .With(AgentFileSettings.All)
            .With(TaskServerSettings.All)
            .With(LimitSettings.All)
            .With(BackendSettings.OfCommands)
            .With(ToolSettings.All)
            .WithConfiguration()
            .Does(shell, RunAsync);
    }

    private static async Task<int> RunAsync(CommandContext context, CancellationToken ct)
    {
        var (settings, time) = (context.Settings, context.Shell.Time);
        var view = AgentView.IsFor(context.Shell) && !settings.IsOn(Plain) ? new AgentView(context.Shell) : null;
        var log = context.Shell.ErrorIsTerminal ? view?.Log : null; // Sent elsewhere, it goes there.
        AgentFileSettings.CreateDirectories(settings);
        using var files = AgentFileSettings.ReadLogFiles(settings, time);
        using var loggers = LoggerFactory.Create(LogSettings.Read(settings, log, files));
        await using var backends = new Backends(settings, time, loggers);
        var named = backends.Named();
        DataDirectory.Create(settings.DataPath);
        await using var figures = await ProcessFigures.StartAsync(context, "pollard-agent", ct);
        var stuck = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        var options = Read(settings) with { LogFiles = files, Time = time, Stuck = loop => stuck.TrySetResult(loop) };
        if (named.Count == 0)
        {
            named = [UsualBackend(options, backends)];
        }

        var whom = (options.Gateway ?? options.Andy ?? options.Server ?? options.Teleport)!
            .GetComponents(UriComponents.HttpRequestUrl, UriFormat.UriEscaped) // An address may have a key in it, which is nobody's to see.
            .TrimEnd('/');
        if (view is null)
        {
            context.Print.Hint(
                $"{options.Name} works for {whom} on {string.Join(" and ", named.Select(backend => backend.Name))}. Ctrl-C finishes what runs and ends."
            );
        }

        var agent = new AgentHost(options, named, loggers);
        var running = agent.RunAsync(ct);
        ServiceNotice.Ready(context.Shell.Environment, $"works for {whom}", ct);
        var ended = Task.WhenAny(running, stuck.Task);
        if (view is not null)
        {
            await view.ShowAsync(agent.Look, ended);
        }

        if (await ended == stuck.Task)
        {
            throw new CommandFailedException(
                $"The agent's loop \"{await stuck.Task}\" stands still, and only a new process helps. Let the service manager restart it."
            );
        }

        var exit = await running;
        return exit.End == AgentEnd.Stopped ? ExitCode.Ok : throw new CommandFailedException(exit.Reason);
    }

    private static IBackend UsualBackend(AgentOptions options, Backends backends) =>
        options switch
        {
            { Teleport: not null } => throw new UsageException(
                "An agent with --teleport calls the tools that its owner lists, and none is: add --http NAME=URL."
            ),
            { Server: not null } => backends.Demo(),
            _ => backends.Ollama(new Uri(Defaults.Ollama)),
        };

    /// <summary>Reads all settings of an agent, as it does at its start.</summary>
    /// <exception cref="UsageException">One of them is wrong.</exception>
    public static void Check(Settings settings)
    {
        Read(settings);
        LogSettings.Read(settings);
        AgentFileSettings.ReadLogFiles(settings, TimeProvider.System)?.Dispose();
        TelemetrySettings.Read(settings, "");
        TelemetrySettings.ReadMetrics(settings);
        CommandSettings.Read(settings);
        ToolSettings.Read(settings);
        BackendSettings.ReadCommandSlots(settings);
        settings.Address(BackendSettings.Ollama);
        settings.Addresses(BackendSettings.OpenAi);
    }

    private static AgentOptions Read(Settings settings) =>
        ReadWhom(settings) with
        {
            Name = BackendSettings.ReadName(settings),
            Limits = LimitSettings.Read(settings),
            Schedule = LimitSettings.ReadSchedule(settings),
            WhenIdle = LimitSettings.ReadWhenIdle(settings),
            WhenIdleGrace = settings.Duration(LimitSettings.WhenIdleGrace),
            HasControl = true,
            Proxy = WaySettings.ReadProxy(settings),
            CertificateAuthorities = WaySettings.ReadAuthorities(settings),
            MetricsDirectory = AgentFileSettings.ReadMetricsDirectory(settings),
            MetricsKeepDays = AgentFileSettings.ReadMetricsKeep(settings),
            StateDirectory = settings.DataPath,
            DrainWithin = ReadDrain(settings),
        };

    private static AgentOptions ReadWhom(Settings settings)
    {
        var andy = settings.Address(Andy, "http", "https", "ws", "wss");
        if (TaskServerSettings.Read(settings) is { } taskServer)
        {
            return andy is null
                ? taskServer
                : throw new UsageException("An agent works for one: a task server or --andy, not both.");
        }

        return new AgentOptions
        {
            Andy = andy,
            Gateway = andy is null ? settings.Address(CommonOptions.Gateway) ?? new Uri(Defaults.Gateway) : null,
            JoinToken = settings.Text(Join),
            Slots = BackendSettings.ReadSlots(settings),
            Labels = settings.Texts(Labels) is { Count: > 0 } labels ? labels : null,
            Carrier = settings.Text(Carrier) switch
            {
                null or "best" => AgentCarrier.Best,
                "h2" => AgentCarrier.Http2,
                "ws" => AgentCarrier.WebSocket,
                "turn" => AgentCarrier.Turn,
                var other => throw new UsageException($"--carrier is \"{other}\"; write best, h2, ws or turn."),
            },
        };
    }

    /// <summary>How long a stop may last.</summary>
    /// <exception cref="UsageException">It is too long.</exception>
    public static TimeSpan ReadDrain(Settings settings) =>
        settings.Duration(Drain) is not { } within ? new AgentOptions().DrainWithin
        : within <= LongestDrain ? within
        : throw new UsageException("--drain is at most a day: 30s, 5m.");
}
