using System.CommandLine;
using Microsoft.Extensions.Logging;
using Pollard.Agent.Backends;
using Pollard.Composition;
using Pollard.Configuration;
using Pollard.Simulators;

namespace Pollard.Commands;

/// <summary><c>pollard up</c>: gateway and agent in one process.</summary>
internal static class UpCommand
{
    // As fast as a small model on a good machine, so that streaming looks like streaming.
    private const double DemoTokensPerSecond = 40;
    private static readonly TimeSpan DemoFirstToken = TimeSpan.FromMilliseconds(150);
    private static readonly TimeSpan LookFor = TimeSpan.FromSeconds(2);

    public static Command Build(Shell shell) =>
        new Command("up", "Gateway and agent in one process: all that one machine needs")
            .With(
                BackendSettings.Ollama,
                BackendSettings.OpenAi,
                BackendSettings.OpenAiKeyFile,
                BackendSettings.Slots,
                BackendSettings.Name,
                BackendSettings.Upstream,
                BackendSettings.UpstreamKeyFile,
                BackendSettings.UpstreamModels,
                BackendSettings.UpstreamSlots
            )
            .With(GatewaySettings.All)
            .With(CommonOptions.LogLevel, CommonOptions.LogFormat, CommonOptions.Json)
            .WithConfiguration()
            .Does(shell, RunAsync);

    private static async Task<int> RunAsync(CommandContext context, CancellationToken ct)
    {
        var (settings, time) = (context.Settings, context.Shell.Time);
        var logging = LogSettings.Read(settings);
        using var loggers = LoggerFactory.Create(logging);
        using var backends = new Backends(settings, time, loggers);
        var upstream = backends.Upstream();
        await using var work = await FindWorkAsync(context, backends, hasUpstream: upstream is not null, ct);
        await using var gateway = await RunningGateway.StartAsync(settings, logging, loggers, time, ct);
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
        if (!context.Print.Json)
        {
            context.Print.Line(work.Description);
            greeting.HowToTry(await FirstModelAsync(work.Backends, ct) ?? "MODEL");
        }

        await ct.UntilCancelledAsync();
        context.Print.Hint("Finishing what runs; Ctrl-C again ends at once.");
        return ExitCode.Ok;
    }

    // What the settings name; else the Ollama of this machine; else, with no upstream either, the simulator.
    private static async Task<Work> FindWorkAsync(
        CommandContext context,
        Backends backends,
        bool hasUpstream,
        CancellationToken ct
    )
    {
        if (backends.Named() is { Count: > 0 } named)
        {
            return new(named, $"Work is run on {string.Join(" and ", named.Select(backend => backend.Name))}.", null);
        }

        var ollama = new Uri(Defaults.Ollama);
        if (await IsThereAsync(context.Shell, ollama, ct))
        {
            return new([backends.Ollama(ollama)], $"Work is run on Ollama at {Defaults.Ollama}.", null);
        }

        if (hasUpstream)
        {
            return new([], $"No Ollama at {Defaults.Ollama}: all work goes to the upstream.", null);
        }

        var options = new SimulatorOptions
        {
            TokensPerSecond = DemoTokensPerSecond,
            FirstTokenDelay = DemoFirstToken,
            Time = context.Shell.Time,
        };
        var simulator = await OllamaSimulator.StartAsync("http://127.0.0.1:0", options, ct);
        return new(
            [backends.Ollama(simulator.Url)],
            $"No Ollama at {Defaults.Ollama}: the built-in simulator \"{SimulatedModel.Demo.Name}\" answers, with made-up text and no model behind it.",
            simulator
        );
    }

    private static async Task<bool> IsThereAsync(Shell shell, Uri ollama, CancellationToken ct)
    {
        using var http = shell.CreateHttpClient();
        using var limit = new CancellationTokenSource(LookFor, shell.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, ct);
        try
        {
            using var response = await http.GetAsync(new Uri(ollama, "api/version"), either.Token);
            return response.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return false;
        }
    }

    private static async Task<string?> FirstModelAsync(IReadOnlyList<IBackend> backends, CancellationToken ct)
    {
        foreach (var backend in backends)
        {
            var models = await backend.DiscoverAsync(ct);
            if (models.FirstOrDefault(model => model.Name != "*") is { } model)
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
