using System.CommandLine;
using Pollard.Protocol.HostLink;

namespace Pollard.Configuration;

/// <summary>The options that say what work is run on.</summary>
internal static class BackendSettings
{
    private const int MostWarm = 16;
    private const int ToolSlots = 32; // A call of a tool costs this machine little.

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
        CommonOptions.Texts(
            "--upstream-models",
            "MODEL",
            "Models that the upstream may be asked for. Default: any; those of its own list are shown"
        );

    public static Option<string?> UpstreamSlots { get; } =
        CommonOptions.Text(
            "--upstream-slots",
            "N",
            "Tasks that the upstream may work on at the same time. Default: 32"
        );

    public static Option<string?> UpstreamFirstToken { get; } =
        CommonOptions.Text(
            "--upstream-first-token",
            "DURATION",
            "How long one try at the upstream may take to begin its answer. Default: 5m"
        );

    public static Option<string?> UpstreamStall { get; } =
        CommonOptions.Text(
            "--upstream-stall",
            "DURATION",
            "How long the upstream may be silent in the middle of its answer. Default: 1m"
        );

    public static Option<bool> AllowUrls { get; } =
        CommonOptions.Switch(
            "--allow-urls",
            "Pass on http and https addresses of images to OpenAI-compatible servers, which fetch them"
        );

    /// <summary>All about the upstream.</summary>
    public static Option[] OfUpstream { get; } =
    [Upstream, UpstreamKeyFile, UpstreamModels, UpstreamSlots, UpstreamFirstToken, UpstreamStall, AllowUrls];

    public static Option<string[]> Command { get; } =
        CommonOptions.Texts(
            "--command",
            "NAME=PROGRAM ARGUMENT...",
            "Run work for model NAME on this program: the prompt is its input, its output the answer; may be given several times"
        );

    public static Option<string?> Claude { get; } =
        CommonOptions.TextIfAny("--claude", "PATH", "Run work on Claude Code. Default of PATH: claude");

    public static Option<string[]> ClaudeModels { get; } =
        CommonOptions.Texts(
            "--claude-models",
            "MODEL",
            "Models that Claude Code may be asked for, as claude/MODEL. Default: opus, sonnet, haiku"
        );

    public static Option<string[]> ClaudeTools { get; } =
        CommonOptions.Texts(
            "--claude-tools",
            "TOOL",
            "What Claude Code may do, in its own words: Read, \"Bash(git *)\". Default: nothing but answer"
        );

    public static Option<string?> ClaudeWarm { get; } =
        CommonOptions.Text(
            "--claude-warm",
            "N",
            "Processes of Claude Code that are started before work comes, which saves it their start. Default: 0"
        );

    public static Option<string?> Codex { get; } =
        CommonOptions.TextIfAny("--codex", "PATH", "Run work on Codex. Default of PATH: codex");

    public static Option<string[]> CodexModels { get; } =
        CommonOptions.Texts(
            "--codex-models",
            "MODEL",
            "Models that Codex may be asked for, as codex/MODEL. Default: only its own usual one"
        );

    public static Option<string?> CodexSandbox { get; } =
        CommonOptions
            .Text(
                "--codex-sandbox",
                "MODE",
                "Let Codex run commands: read-only, workspace-write or danger-full-access. Default: it only answers"
            )
            .Among("read-only", "workspace-write", "danger-full-access");

    public static Option<string?> McpConfig { get; } =
        CommonOptions.Text(
            "--mcp-config",
            "FILE",
            "A file with the MCP servers that clients may name, an ordinary mcpServers JSON. Default: none"
        );

    public static Option<string?> CommandSlots { get; } =
        CommonOptions.Text("--command-slots", "N", "Commands that run at the same time. Default: 5");

    public static Option<string?> CommandDirectory { get; } =
        CommonOptions.Text(
            "--command-dir",
            "DIR",
            "Where commands start. Default: a directory for each task, removed after it"
        );

    public static Option<string[]> CommandEnvironment { get; } =
        CommonOptions.Texts(
            "--command-env",
            "NAME",
            "Variables that commands get besides PATH, HOME, LANG, TERM and TMPDIR; several parted by commas"
        );

    /// <summary>All about commands as backends.</summary>
    public static Option[] OfCommands { get; } =
    [
        Claude,
        ClaudeModels,
        ClaudeTools,
        ClaudeWarm,
        Codex,
        CodexModels,
        CodexSandbox,
        McpConfig,
        Command,
        CommandSlots,
        CommandDirectory,
        CommandEnvironment,
    ];

    public static Option<string?> Slots { get; } =
        CommonOptions.Text(
            "--slots",
            "N",
            "Tasks that this machine works on at the same time. Default: 4; where it only runs commands as many as those, where it only calls tools 32"
        );

    public static Option<string?> Name { get; } =
        CommonOptions.Text("--name", "NAME", "What people call this machine. Default: its host name");

    public static int ReadUpstreamSlots(Settings settings) => settings.Number(UpstreamSlots, 1, LinkLimits.Slots) ?? 32;

    public static int ReadSlots(Settings settings) =>
        settings.Number(Slots, 1, LinkLimits.Slots)
        ?? (
            HasModels(settings) ? 4
            : CommandSettings.Read(settings).Count > 0 ? ReadCommandSlots(settings)
            : ToolSettings.Read(settings).Count > 0 ? ToolSlots
            : 4
        );

    public static int ReadCommandSlots(Settings settings) => settings.Number(CommandSlots, 1, LinkLimits.Slots) ?? 5;

    public static int ReadClaudeWarm(Settings settings) => settings.Number(ClaudeWarm, 0, MostWarm) ?? 0;

    public static string ReadName(Settings settings) => settings.Text(Name) ?? Environment.MachineName;

    private static bool HasModels(Settings settings) =>
        settings.Text(Ollama) is not null || settings.Texts(OpenAi).Count > 0;
}
