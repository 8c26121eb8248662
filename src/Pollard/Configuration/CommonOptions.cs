using System.CommandLine;

namespace Pollard.Configuration;

/// <summary>Options that several commands have.</summary>
internal static class CommonOptions
{
    public static Option<string?> Data { get; } =
        Text("--data", "DIR", "The data directory. Default: ~/.local/share/pollard");

    public static Option<string?> Config { get; } =
        Text("--config", "FILE", "The configuration file. Default: pollard.json in the data directory");

    public static Option<string?> Gateway { get; } =
        Text("--gateway", "URL", $"The gateway's address. Default: {Defaults.Gateway}");

    public static Option<string?> KeyFile { get; } =
        Text("--key-file", "FILE", "A file with the key; or the key itself in POLLARD_KEY");

    public static Option<bool> Json { get; } = new("--json") { Description = "Print JSON, for programs" };

    public static Option<string?> LogLevel { get; } =
        Text("--log-level", "LEVEL", "What is logged: trace, debug, info, warn, error or none. Default: info")
            .Among("trace", "debug", "info", "warn", "error", "none");

    public static Option<string?> LogFormat { get; } =
        Text("--log-format", "FORMAT", "How it is logged: text or json. Default: text").Among("text", "json");

    /// <summary>An option with a text for a value.</summary>
    public static Option<string?> Text(string name, string value, string description) =>
        new(name) { Description = description, HelpName = value };

    /// <summary>An option whose value may be left out, see <see cref="Settings.TextIfAny"/>.</summary>
    public static Option<string?> TextIfAny(string name, string value, string description) =>
        new(name)
        {
            Description = description,
            HelpName = value,
            Arity = ArgumentArity.ZeroOrOne,
        };

    /// <summary>An option that may be given several times.</summary>
    public static Option<string[]> Texts(string name, string value, string description) =>
        new(name) { Description = description, HelpName = value };

    /// <summary>A switch.</summary>
    public static Option<bool> Switch(string name, string description) => new(name) { Description = description };

    /// <summary>An option that is meant for one call: neither environment nor configuration file set it.</summary>
    public static Option<string?> CallText(string name, string value, string description) =>
        new CallOption<string?>(name) { Description = description, HelpName = value };

    /// <summary>An option that is meant for one call and may be given several times.</summary>
    public static Option<string[]> CallTexts(string name, string value, string description) =>
        new CallOption<string[]>(name) { Description = description, HelpName = value };

    /// <summary>Names the values that a shell offers.</summary>
    public static Option<T> Among<T>(this Option<T> option, params string[] values)
    {
        option.CompletionSources.Add(values);
        return option;
    }

    /// <summary>A switch that is meant for one call.</summary>
    public static Option<bool> CallSwitch(string name, string description) =>
        new CallOption<bool>(name) { Description = description };
}

/// <summary>An option that is meant for one call: neither environment nor configuration file set it.</summary>
internal sealed class CallOption<T>(string name) : Option<T>(name);

/// <summary>What holds when nothing is said.</summary>
internal static class Defaults
{
    public const string Gateway = "http://127.0.0.1:7655";
    public const string OpenAi = "http://127.0.0.1:8000";
    public const string Anthropic = "http://127.0.0.1:8100";
    public const string TaskServer = "http://127.0.0.1:5123";
    public const string Ollama = "http://127.0.0.1:11434";
}
