using System.Text;
using System.Text.RegularExpressions;
using Pollard.Protocol;

namespace Pollard.Agent.Backends.Commands;

/// <summary>Codex without its terminal: <c>codex exec --json</c>, which tells in lines of JSON what it does.</summary>
internal sealed partial class Codex(CodexOptions options) : CommandDialect
{
    private const string GoOn =
        "You were interrupted. Go on where you stopped; if you had finished, give your final answer again.";

    public override string Name => "codex";

    public override string Engine => "codex";

    public override string Program => options.Program;

    public override IReadOnlyList<string> Models => options.Models;

    public override IReadOnlyList<string> Capabilities => ["json", "thinking", ModelInfo.Resume];

    public override CommandCall Call(RunContext run)
    {
        _ = options.Servers.Select(run.Request.Servers); // Refuses what a client names: none is passed on.
        return new(Arguments(run));
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
        options.Environment.Contains("CODEX_HOME", StringComparer.Ordinal)
        && Environment.GetEnvironmentVariable("CODEX_HOME") is { Length: > 0 } home
            ? home
            : Path.Combine(Environment.GetEnvironmentVariable("HOME") ?? "", ".codex");

    private List<string> Arguments(RunContext run)
    {
        List<string> arguments = ["exec", "--json", "--skip-git-repo-check"];
        Set("sandbox_mode", options.Sandbox ?? "read-only");
        Set("web_search", "disabled");
        if (options.Sandbox is null)
        {
            // A sandbox that only reads reads everything: whoever is only to answer gets no shell at all.
            arguments.AddRange(["--disable", "shell_tool", "--disable", "multi_agent"]);
        }

        foreach (var server in OwnServers())
        {
            arguments.AddRange(["-c", $"mcp_servers.{server}.enabled=false"]);
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
    }

    /// <summary>The servers of the machine's own configuration, which are not the clients'.</summary>
    private List<string> OwnServers()
    {
        try
        {
            return
            [
                .. File.ReadLines(Path.Combine(Home, "config.toml"))
                    .Select(line => OwnServer.Match(line))
                    .Where(match => match.Success)
                    .Select(match => match.Groups["name"].Value)
                    .Distinct(StringComparer.Ordinal),
            ];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    [GeneratedRegex(
        """^\s*\[\s*mcp_servers\s*\.\s*(?<name>"[^"]+"|[A-Za-z0-9_-]+)""",
        RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture
    )]
    private static partial Regex OwnServer { get; }
}
