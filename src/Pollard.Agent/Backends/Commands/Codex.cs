using System.Text;
using Pollard.Protocol;

namespace Pollard.Agent.Backends.Commands;

/// <summary>Codex without its terminal: <c>codex exec --json</c>, which tells in lines of JSON what it does.</summary>
internal sealed class Codex(CodexOptions options) : CommandDialect
{
    private const string GoOn =
        "You were interrupted. Go on where you stopped; if you had finished, give your final answer again.";

    public override string Name => "codex";

    public override string Engine => "codex";

    public override string Program => options.Program;

    public override IReadOnlyList<string> Models => options.Models;

    public override IReadOnlyList<string> Capabilities => ["json", "thinking", "mcp", ModelInfo.Resume];

    public override CommandCall Call(RunContext run)
    {
        CodexServers servers = new(
            options.Servers.Select(run.Request.Servers),
            CodexConfiguration.Servers(Home, run.Folder.WorkingDirectory),
            Given
        );
        return new(Arguments(run, servers.Setting)) { Environment = servers.Environment };
    }

    public override ReadOnlyMemory<byte> Input(RunContext run)
    {
        var prompt = run.Session is null ? run.Request.WholePrompt() : GoOn;
        var shape = run.Request.IsJson ? "\n\nAnswer with one JSON object and nothing else." : "";
        return Encoding.UTF8.GetBytes(prompt + shape);
    }

    public override CommandReader Reader(RunContext run) =>
        new CodexReader(options, isJson: run.Request.IsJson || run.Request.Schema is not null);

    public override void Forget(string session, string directory)
    {
        var sessions = Path.Combine(Home, "sessions");
        if (!Guid.TryParse(session, out _) || !Directory.Exists(sessions))
        {
            return;
        }

        foreach (
            var file in Directory.EnumerateFiles(sessions, $"rollout-*-{session}.jsonl", SearchOption.AllDirectories)
        )
        {
            PrivateFile.Forget(file);
        }
    }

    private string Home =>
        Given("CODEX_HOME") is { Length: > 0 } home
            ? home
            : Path.Combine(Environment.GetEnvironmentVariable("HOME") ?? "", ".codex");

    private string? Given(string variable) =>
        options.Environment.Contains(variable, StringComparer.Ordinal)
            ? Environment.GetEnvironmentVariable(variable)
            : null;

    private List<string> Arguments(RunContext run, string? servers)
    {
        List<string> arguments = ["exec", "--json", "--skip-git-repo-check"];
        Set("sandbox_mode", options.Sandbox ?? "read-only");
        Set("web_search", "disabled");
        if (options.Sandbox is null)
        {
            // A sandbox that only reads reads everything: whoever is only to answer gets no shell at all, and sees no pictures.
            arguments.AddRange(["--disable", "shell_tool", "--disable", "multi_agent"]);
            TurnOff("view_image");
        }

        TurnOff("apps"); // What the owner has connected to their account: mail, files.
        TurnOff("plugins"); // They bring servers and apps of their own.
        TurnOff("goals"); // With one the model would go on after its answer.
        if (servers is not null)
        {
            arguments.AddRange(["-c", servers]); // In one piece: Codex cuts a name at each dot, whatever is quoted.
        }

        if (run.Request.Effort is "minimal" or "low" or "medium" or "high" or "xhigh")
        {
            Set("model_reasoning_effort", run.Request.Effort);
        }

        if (OwnModel(run.Model) is { } model)
        {
            arguments.AddRange(["-m", model]);
        }

        if (run.Request.Schema is { } schema)
        {
            arguments.AddRange(["--output-schema", run.Folder.Write("schema.json", Encoding.UTF8.GetBytes(schema))]);
        }

        arguments.AddRange(run.Session is { } session ? ["resume", session, "-"] : ["-"]);
        return arguments;

        void Set(string name, string value) => arguments.AddRange(["-c", $"{name}=\"{value}\""]);

        // As a setting, which versions that do not know it pass over.
        void TurnOff(string feature) => arguments.AddRange(["-c", $"features.{feature}=false"]);
    }
}
