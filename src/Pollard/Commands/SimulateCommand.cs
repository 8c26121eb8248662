using System.CommandLine;
using Pollard.Configuration;
using Pollard.Output;
using Pollard.Simulators;

namespace Pollard.Commands;

/// <summary><c>pollard simulate</c>: servers that stand in for models and others, and say so.</summary>
internal static class SimulateCommand
{
    private static readonly Option<string?> OllamaUrl = CommonOptions.CallText(
        "--url",
        "URL",
        $"Where it answers; port 0 takes a free one. Default: {Defaults.Ollama}"
    );

    private static readonly Option<string?> OpenAiUrl = CommonOptions.CallText(
        "--url",
        "URL",
        $"Where it answers; port 0 takes a free one. Default: {Defaults.OpenAi}"
    );

    private static readonly Option<string?> AnthropicUrl = CommonOptions.CallText(
        "--url",
        "URL",
        $"Where it answers; port 0 takes a free one. Default: {Defaults.Anthropic}"
    );

    private static readonly Option<string?> TasksUrl = CommonOptions.CallText(
        "--url",
        "URL",
        $"Where it answers; port 0 takes a free one. Default: {Defaults.TaskServer}"
    );

    private static readonly Option<string?> TasksPort = CommonOptions.CallText(
        "--port",
        "PORT",
        "The same by the port alone, on this machine"
    );

    private static readonly Option<string?> Tasks = CommonOptions.CallText(
        "--tasks",
        "N",
        $"Tasks that there are; then there are none. Default: {TaskSimulator.MostTasks}"
    );

    private static readonly Option<string?> Iterations = CommonOptions.CallText(
        "--iterations",
        "N",
        "Iterations of each task; 0: it takes no time. Default: 5 to 15, by the seed"
    );

    private static readonly Option<string?> Delay = CommonOptions.CallText(
        "--delay",
        "DURATION",
        "How long each answer takes: 500ms, 2s. Default: 0"
    );

    private static readonly Option<string?> TasksSeed = CommonOptions.CallText(
        "--seed",
        "N",
        "The same seed gives the same tasks. Default: 0"
    );

    private static readonly Option<string[]> TasksFaults = CommonOptions.CallTexts(
        "--fault",
        "KIND:RATE",
        "stall, cut (nothing is done), early-end (a result is taken, and no answer comes), error, garbage, 500, 429 or 529; at a rate of 5% or 1/20. May be given several times"
    );

    private static readonly Option<string[]> Models = CommonOptions.CallTexts(
        "--models",
        "MODEL",
        "The models it claims to have; * stands for any name. Default: pollard-demo"
    );

    private static readonly Option<string?> TokensPerSecond = CommonOptions.CallText(
        "--tokens-per-second",
        "N",
        "Tokens a second of each answer. Default: 0, all at once"
    );

    private static readonly Option<string?> FirstToken = CommonOptions.CallText(
        "--first-token",
        "DURATION",
        "How long an answer takes to begin: 500ms, 2s. Default: 0"
    );

    private static readonly Option<string?> Tokens = CommonOptions.CallText(
        "--tokens",
        "N",
        "Tokens in an answer whose request sets no lower limit. Default: 48"
    );

    private static readonly Option<string?> Seed = CommonOptions.CallText(
        "--seed",
        "N",
        "The same seed, model and prompt give the same text. Default: 0"
    );

    private static readonly Option<string[]> Faults = CommonOptions.CallTexts(
        "--fault",
        "KIND:RATE",
        "stall, cut, early-end, error, garbage, 500, 429 or 529; at a rate of 5% or 1/20. May be given several times"
    );

    private static readonly Option<string[]> Answers = CommonOptions.CallTexts(
        "--answer",
        "WORDS=ANSWER",
        "What is answered to a message with these words; without them, to any. May be given several times. Default: generated text"
    );

    private static readonly Option<string?> RequiredKeyFile = CommonOptions.CallText(
        "--require-key-file",
        "FILE",
        "A file with the key that requests must show. Default: none is asked for"
    );

    private static readonly Option<string?> LoadTime = CommonOptions.CallText(
        "--load-time",
        "DURATION",
        "How long a model is loaded that is asked for the first time. Default: 0"
    );

    private static readonly Option<bool> IgnorePrefill = CommonOptions.CallSwitch(
        "--ignore-prefill",
        "Answers anew when the last message is the model's own, where it would go on with it"
    );

    public static Command Build(Shell shell) =>
        new("simulate", "Servers that stand in for models and task servers: seeded output, rates and faults")
        {
            Simulator("ollama", "Stands in for Ollama", OllamaUrl)
                .With(LoadTime, IgnorePrefill)
                .Does(
                    shell,
                    (context, ct) =>
                        RunAsync(context, "Ollama", OllamaUrl, Defaults.Ollama, OllamaSimulator.StartAsync, ct)
                ),
            Simulator("openai", "Stands in for an OpenAI-compatible server", OpenAiUrl)
                .With(IgnorePrefill)
                .Does(
                    shell,
                    (context, ct) =>
                        RunAsync(context, "OpenAI", OpenAiUrl, Defaults.OpenAi, OpenAiSimulator.StartAsync, ct)
                ),
            Simulator("anthropic", "Stands in for Anthropic's messages API", AnthropicUrl)
                .Does(
                    shell,
                    (context, ct) =>
                        RunAsync(
                            context,
                            "Anthropic",
                            AnthropicUrl,
                            Defaults.Anthropic,
                            AnthropicSimulator.StartAsync,
                            ct
                        )
                ),
            new Command("tasks", "Stands in for a server of tasks: get-task, complete-task, stats")
                .With(
                    TasksUrl,
                    TasksPort,
                    Tasks,
                    Iterations,
                    Delay,
                    TasksSeed,
                    TasksFaults,
                    RequiredKeyFile,
                    CommonOptions.Json
                )
                .WithConfiguration()
                .Does(shell, RunTasksAsync),
        };

    private static Command Simulator(string name, string description, Option<string?> url) =>
        new Command(name, description)
            .With(
                url,
                Models,
                TokensPerSecond,
                FirstToken,
                Tokens,
                Seed,
                Answers,
                Faults,
                RequiredKeyFile,
                CommonOptions.Json
            )
            .WithConfiguration();

    private static Task<int> RunTasksAsync(CommandContext context, CancellationToken ct)
    {
        var settings = context.Settings;
        var options = new SimulatorOptions
        {
            FirstTokenDelay = settings.Duration(Delay) ?? TimeSpan.Zero,
            Seed = settings.Number(TasksSeed, 0, int.MaxValue) ?? 0,
            Answers = [.. settings.Lines(Answers).Select(ParseAnswer)],
            Faults = [.. settings.Texts(TasksFaults).Select(ParseFault)],
            Key = settings.SecretFile(RequiredKeyFile),
            Time = context.Shell.Time,
        };
        var tasks = settings.Number(Tasks, 1, TaskSimulator.MostTasks) ?? TaskSimulator.MostTasks;
        var iterations = settings.Number(Iterations, 0, TaskSimulator.MostIterations);
        var url = settings.Number(TasksPort, 0, ushort.MaxValue) is { } port
            ? new Uri($"http://127.0.0.1:{port}")
            : settings.Address(TasksUrl) ?? new Uri(Defaults.TaskServer);
        return ServeAsync(
            context,
            "a task server, no real one,",
            TaskSimulator.StartAsync(url.AbsoluteUri.TrimEnd('/'), options, tasks, iterations, ct),
            ct
        );
    }

    private static Task<int> RunAsync(
        CommandContext context,
        string name,
        Option<string?> urlOption,
        string defaultUrl,
        Func<string, SimulatorOptions, CancellationToken, Task<RunningSimulator>> start,
        CancellationToken ct
    )
    {
        var url = context.Settings.Address(urlOption) ?? new Uri(defaultUrl);
        return ServeAsync(context, $"{name}, not a model,", start(url.AbsoluteUri.TrimEnd('/'), Read(context), ct), ct);
    }

    private static async Task<int> ServeAsync(
        CommandContext context,
        string what,
        Task<RunningSimulator> starting,
        CancellationToken ct
    )
    {
        await using var simulator = await starting;
        var address = simulator.Url.AbsoluteUri.TrimEnd('/');
        if (context.Print.Json)
        {
            context.Print.JsonLine(new StartedServer(address), Printer.Own.StartedServer);
        }
        else
        {
            context.Print.Line($"A simulator of {what} answers at {address}");
            context.Print.Hint("Ctrl-C stops it.");
        }

        await ct.UntilCancelledAsync();
        return ExitCode.Ok;
    }

    private static SimulatorOptions Read(CommandContext context)
    {
        var settings = context.Settings;
        var defaults = new SimulatorOptions();
        var models = settings.Texts(Models);
        return defaults with
        {
            Models = models.Count == 0 ? defaults.Models : [.. models.Select(model => new SimulatedModel(model))],
            TokensPerSecond = settings.Amount(TokensPerSecond) ?? defaults.TokensPerSecond,
            FirstTokenDelay = settings.Duration(FirstToken) ?? defaults.FirstTokenDelay,
            Tokens = settings.Number(Tokens, 1, 1_000_000) ?? defaults.Tokens,
            Seed = settings.Number(Seed, 0, int.MaxValue) ?? defaults.Seed,
            Answers = [.. settings.Lines(Answers).Select(ParseAnswer)],
            Faults = [.. settings.Texts(Faults).Select(ParseFault)],
            Key = settings.SecretFile(RequiredKeyFile),
            LoadTime = settings.Duration(LoadTime) ?? defaults.LoadTime,
            IgnoresPrefill = settings.IsOn(IgnorePrefill),
            Time = context.Shell.Time,
        };
    }

    private static (string Words, string Answer) ParseAnswer(string text) =>
        text.Split('=', 2) is [var words, var answer] ? (words, answer) : ("", text);

    private static SimulatorFault ParseFault(string text) =>
        SimulatorFault.TryParse(text, out var fault)
            ? fault!
            : throw new UsageException(
                $"--fault is \"{text}\"; write a kind and a rate, such as cut:5% or 500:1/20. Kinds: stall, cut, early-end, error, garbage, 500, 429, 529."
            );
}
