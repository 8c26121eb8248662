using System.CommandLine;

namespace Pollard.Configuration;

/// <summary>The options that say what work is run on.</summary>
internal static class BackendSettings
{
    public static Option<string?> Ollama { get; } =
        CommonOptions.Text("--ollama", "URL", $"Run work on this Ollama. Default: {Defaults.Ollama}");

    public static Option<string[]> OpenAi { get; } =
        CommonOptions.Texts("--openai", "URL", "Run work on this OpenAI-compatible server; may be given several times");

    public static Option<string?> OpenAiKeyFile { get; } =
        CommonOptions.Text(
            "--openai-key-file",
            "FILE",
            "A file with the key of the OpenAI-compatible server; or the key itself in POLLARD_OPENAI_KEY"
        );

    public static Option<string?> Upstream { get; } =
        CommonOptions.Text(
            "--upstream",
            "URL",
            "An OpenAI-compatible server that gets the work that no host can serve"
        );

    public static Option<string?> UpstreamKeyFile { get; } =
        CommonOptions.Text(
            "--upstream-key-file",
            "FILE",
            "A file with the upstream's key; or the key itself in POLLARD_UPSTREAM_KEY"
        );

    public static Option<string[]> UpstreamModels { get; } =
        CommonOptions.Texts("--upstream-models", "MODEL", "Models that the upstream may be asked for. Default: any");
}
