using System.CommandLine;
using Microsoft.Extensions.Logging;
using Pollard.Agent.Backends;
using Pollard.Composition;
using Pollard.Configuration;
using Pollard.Gateway.Answers;
using Pollard.Output;
using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Simulators;

namespace Pollard.Commands;

/// <summary><c>pollard up</c>: gateway and agent in one process.</summary>
internal static class UpCommand
{
    // As fast as a small model on a good machine, so that streaming looks like streaming.
    private const double DemoTokensPerSecond = 40;
    private static readonly TimeSpan DemoFirstToken = TimeSpan.FromMilliseconds(150);
    private const int MostNamed = 5;

    public static Command Build(Shell shell) =>
        new Command("up", "Gateway and agent in one process: all that one machine needs")
            .With(
                BackendSettings.Ollama,
                BackendSettings.OpenAi,
                BackendSettings.OpenAiKeyFile,
                BackendSettings.Slots,
                BackendSettings.Name
            )
            .With(BackendSettings.OfCommands)
            .With(ToolSettings.All)
            .With(BackendSettings.OfUpstream)
            .With(GatewaySettings.All)
            .With(TelemetrySettings.Otlp, CommonOptions.LogLevel, CommonOptions.LogFormat, CommonOptions.Json)
            .WithConfiguration()
            .Does(shell, RunAsync);

    // Without any model, the calls of the guides are answered by the simulator too, which says so in each answer.
    private static readonly ModelRoute[] DemoRoutes =
    [
        new("max", SimulatedModel.Demo.Name),
        new("max/*", SimulatedModel.Demo.Name),
    ];

    private static async Task<int> RunAsync(CommandContext context, CancellationToken ct)
    {
        var (settings, time) = (context.Settings, context.Shell.Time);
        using var status = new StatusLine(context.Shell);
        var isText = !context.Print.Json && settings.Text(CommonOptions.LogFormat) is null or "text";
        var hasStatus = status.IsShown && isText;
        var logging = LogSettings.Read(settings, hasStatus ? status : null);
        using var loggers = LoggerFactory.Create(logging);
        await using var backends = new Backends(settings, time, loggers);
        var upstream = backends.Upstream();
        await using var work = await FindWorkAsync(context, backends, upstream is not null, status, ct);
        await using var gateway = await RunningGateway.StartAsync(
            settings,
            work.Simulator is null ? [] : DemoRoutes,
            logging,
            loggers,
            time,
            ct
        );
        await using var agents = new LocalAgents(gateway, settings, time, loggers);
        if (work.Backends.Count > 0)
        {
            agents.Start(BackendSettings.ReadName(settings), work.Backends, BackendSettings.ReadSlots(settings));
        }

        if (upstream is not null)
        {
            agents.StartUpstream(upstream, BackendSettings.ReadUpstreamSlots(settings));
        }

        var greeting = new Greeting(context, gateway);
        greeting.Ready();
        ServiceNotice.Ready(context.Shell.Environment, $"answers at {greeting.Url}", ct);
        if (!context.Print.Json)
        {
            context.Print.Line(work.Description);
            if (await FirstNameAsync(work.Backends, IsForChat, ct) is { } model)
            {
                greeting.HowToTry(model);
            }
            else if (await FirstNameAsync(work.Backends, IsTool, ct) is { } tool)
            {
                greeting.HowToCall(tool);
            }
            else
            {
                greeting.HowToTry("MODEL");
            }
        }

        await (
            hasStatus ? PoolStatus.ShowAsync(status, gateway.Engine, greeting.Url, time, ct) : ct.UntilCancelledAsync()
        );
        status.Show("");
        context.Print.Hint("Finishing what runs; Ctrl-C again ends at once.");
        return ExitCode.Ok;
    }

    // What the settings name; else the Ollama of this machine; else, with no upstream either, the simulator.
    private static async Task<Work> FindWorkAsync(
        CommandContext context,
        Backends backends,
        bool hasUpstream,
        StatusLine status,
        CancellationToken ct
    )
    {
        if (backends.Named() is { Count: > 0 } named)
        {
            return new(named, $"Work is run on {string.Join(" and ", named.Select(backend => backend.Name))}.", null);
        }

        var ollama = backends.Ollama(context.Shell.Ollama);
        var address = context.Shell.Ollama.AbsoluteUri.TrimEnd('/');
        if (await AwaitedOllama.IsThereAsync(context.Shell, ct))
        {
            return new([ollama], $"Work is run on Ollama at {address}.", null);
        }

        var awaited = new AwaitedOllama(
            context.Shell,
            ollama,
            models => status.Say(context.Print.Safe(Found(address, models)))
        );
        if (hasUpstream)
        {
            return new([awaited], $"No Ollama at {address}: all work goes to the upstream.", null);
        }

        var options = new SimulatorOptions
        {
            TokensPerSecond = DemoTokensPerSecond,
            FirstTokenDelay = DemoFirstToken,
            Time = context.Shell.Time,
        };
        var simulator = await OllamaSimulator.StartAsync("http://127.0.0.1:0", options, ct);
        return new(
            [awaited, backends.Ollama(simulator.Url)],
            $"No Ollama at {address}: the built-in simulator \"{SimulatedModel.Demo.Name}\" answers, with made-up text and no model behind it.",
            simulator
        );
    }

    private static bool IsForChat(ModelInfo model) =>
        model.Name != "*" && model.Kinds?.Contains("chat", StringComparer.Ordinal) != false;

    private static bool IsTool(ModelInfo model) => model.Kinds?.Contains(HttpCall.Kind, StringComparer.Ordinal) == true;

    private static string Found(string address, IReadOnlyList<ModelInfo> models) =>
        models.Count == 0
            ? $"Ollama is at {address} now, without a model yet. Pull one: ollama pull llama3.2"
            : $"Ollama is at {address} now; work is run on it too: {string.Join(", ", models.Take(MostNamed).Select(model => model.Name))}{(models.Count > MostNamed ? ", ..." : "")}";

    private static async Task<string?> FirstNameAsync(
        IReadOnlyList<IBackend> backends,
        Func<ModelInfo, bool> isMeant,
        CancellationToken ct
    )
    {
        foreach (var backend in backends)
        {
            var models = await backend.DiscoverAsync(ct);
            if (models.FirstOrDefault(isMeant) is { } model)
            {
                return model.Name;
            }
        }

        return null;
    }

    private sealed record Work(IReadOnlyList<IBackend> Backends, string Description, RunningSimulator? Simulator)
        : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => Simulator?.DisposeAsync() ?? ValueTask.CompletedTask;
    }
}
