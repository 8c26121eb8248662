using System.CommandLine;
using Pollard.Gateway;
using Pollard.Gateway.Answers;

namespace Pollard.Configuration;

/// <summary>The gateway's options about calls that take long: names of models, classes, and the doors of older servers.</summary>
internal static class LongCallSettings
{
    private static readonly Option<string[]> Routes = CommonOptions.Texts(
        "--route",
        "NAME=MODEL",
        "Where a model's name leads that no host has, such as max/*=claude; may be given several times"
    );

    private static readonly Option<string?> LlmTasksUrl = CommonOptions.Text(
        "--llm-tasks-url",
        "URL",
        "Serve the LLM task server's door here too, with its own / and /health, such as http://127.0.0.1:8000"
    );

    private static readonly Option<string?> ClaudeProxyUrl = CommonOptions.Text(
        "--claude-proxy-url",
        "URL",
        "Serve the Claude proxy's door here too, with its own /health, such as http://127.0.0.1:3010"
    );

    private static readonly Option<string[]> LongModels = CommonOptions.Texts(
        "--long-models",
        "NAME",
        "Models whose answers take long; * stands for any text. Default: max,max/*,opus,claude,claude/*,codex,codex/*"
    );

    private static readonly Option<string[]> LongKinds = CommonOptions.Texts(
        "--long-kinds",
        "KIND",
        "Kinds of work that take long. Default: command"
    );

    private static readonly Option<string?> LongTimeout = CommonOptions.Text(
        "--long-timeout",
        "DURATION",
        "How long one run of such work may take that does not say. Default: 5m"
    );

    private static readonly Option<string?> ShortTimeout = CommonOptions.Text(
        "--short-timeout",
        "DURATION",
        "The same for other work that comes through the doors of older servers. Default: 1m"
    );

    private static readonly Option<string?> ImageDirectory = CommonOptions.Text(
        "--image-directory",
        "DIR",
        "Let clients of the llm_config language name images below this directory"
    );

    private static readonly Option<string[]> ApiBases = CommonOptions.Texts(
        "--api-base",
        "URL=LABEL",
        "Let clients give this address as api_base, and mean the hosts with this label; may be given several times"
    );

    public static Option[] All { get; } =
    [Routes, LlmTasksUrl, ClaudeProxyUrl, LongModels, LongKinds, LongTimeout, ShortTimeout, ImageDirectory, ApiBases];

    public static GatewayOptions Read(Settings settings, GatewayOptions options)
    {
        var usual = options.LongRunning;
        return options with
        {
            Routes = [.. Pairs(settings, Routes, "max/*=claude").Select(pair => new ModelRoute(pair.Name, pair.Value))],
            LlmTasksUrl = GatewaySettings.ReadUrl(settings, LlmTasksUrl),
            ClaudeProxyUrl = GatewaySettings.ReadUrl(settings, ClaudeProxyUrl),
            LongRunning = new LongRunningOptions
            {
                Models = settings.Texts(LongModels) is { Count: > 0 } models ? models : usual.Models,
                Kinds = settings.Texts(LongKinds) is { Count: > 0 } kinds ? kinds : usual.Kinds,
                LongTimeout = settings.Duration(LongTimeout) ?? usual.LongTimeout,
                ShortTimeout = settings.Duration(ShortTimeout) ?? usual.ShortTimeout,
            },
            ImageDirectory = ReadDirectory(settings),
            ApiBases = Pairs(settings, ApiBases, "http://gpu:8000/v1=gpu")
                .ToDictionary(pair => pair.Name.TrimEnd('/'), pair => pair.Value, StringComparer.Ordinal),
        };
    }

    private static string? ReadDirectory(Settings settings)
    {
        if (settings.Text(ImageDirectory) is not { } directory)
        {
            return null;
        }

        return Directory.Exists(directory)
            ? Path.GetFullPath(directory)
            : throw new UsageException($"{ImageDirectory.Name} is \"{directory}\", which is no directory.");
    }

    private static IEnumerable<(string Name, string Value)> Pairs(
        Settings settings,
        Option<string[]> option,
        string example
    )
    {
        foreach (var text in settings.Texts(option))
        {
            var at = text.LastIndexOf('=');
            yield return at > 0 && at < text.Length - 1
                ? (text[..at].Trim(), text[(at + 1)..].Trim())
                : throw new UsageException($"{option.Name} has \"{text}\"; write it as in {example}.");
        }
    }
}
