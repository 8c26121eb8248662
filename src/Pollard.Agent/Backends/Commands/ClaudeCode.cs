using System.Buffers;
using System.Text;
using System.Text.Json;
using Pollard.Agent.Backends.Http;
using Pollard.Protocol;

namespace Pollard.Agent.Backends.Commands;

/// <summary>Claude Code without its terminal: <c>claude -p</c>, which tells in lines of JSON what it does.</summary>
internal sealed class ClaudeCode(ClaudeCodeOptions options) : CommandDialect
{
    private const int MostArgumentBytes = 100_000; // Linux takes 128 KB in one argument.

    private const string GoOn =
        "You were interrupted. Go on where you stopped; if you had finished, give your final answer again.";

    public override string Name => "claude";

    public override string Engine => "claude-code";

    public override string Program => options.Program;

    public override IReadOnlyList<string> Models => options.Models;

    public override IReadOnlyList<string> Capabilities => ["json", "thinking", "mcp", ModelInfo.Resume];

    public override CommandCall Call(RunContext run) => new(Arguments(run)) { Environment = EnvironmentOf(run) };

    // One message in a line of JSON: the program then starts without it, and may be started before it is there.
    public override ReadOnlyMemory<byte> Input(RunContext run) =>
        Line(run.Session is null ? Harmless(run.Request.Prompt) : GoOn);

    public override CommandReader Reader(RunContext run) =>
        new ClaudeReader(options, hasTools: HasTools(run), hasShape: HasShape(run.Request));

    // Where Claude Code keeps the transcripts of a directory: its path with all but letters and digits replaced.
    public override void Forget(string session, string directory)
    {
        if (Environment.GetEnvironmentVariable("HOME") is not { Length: > 0 } home)
        {
            return;
        }

        var config = options.Environment.Contains("CLAUDE_CONFIG_DIR", StringComparer.Ordinal)
            ? Environment.GetEnvironmentVariable("CLAUDE_CONFIG_DIR")
            : null;
        var name = string.Concat(directory.Select(character => char.IsAsciiLetterOrDigit(character) ? character : '-'));
        var folder = Path.Combine(config ?? Path.Combine(home, ".claude"), "projects", name);
        PrivateFile.Forget(Path.Combine(folder, Path.GetFileName(session) + ".jsonl"));
    }

    private List<string> Arguments(RunContext run)
    {
        var request = run.Request;
        List<string> arguments =
        [
            "-p",
            "--input-format",
            "stream-json",
            "--output-format",
            "stream-json",
            "--verbose",
            "--include-partial-messages",
            "--tools",
            string.Join(',', options.Tools.Select(BareName)),
            "--mcp-config",
            run.Folder.Write("mcp.json", options.Servers.Select(request.Servers)),
            "--strict-mcp-config", // Else the machine's own servers come too.
        ];
        string[] allowed = [.. options.Tools, .. request.Servers.Select(server => $"mcp__{server}")];
        if (allowed.Length > 0)
        {
            arguments.AddRange(["--allowedTools", string.Join(',', allowed)]);
        }
        else
        {
            arguments.AddRange(["--settings", """{"permissions":{"deny":["Read(//**)"]}}"""]);
        }

        Add("--resume", run.Session);
        Add("--model", OwnModel(run.Model));
        Add("--effort", request.Effort is "low" or "medium" or "high" or "xhigh" or "max" ? request.Effort : null);
        Add("--json-schema", Shape(request));
        Add(
            "--system-prompt-file",
            request.System is { } system ? run.Folder.Write("system.txt", Encoding.UTF8.GetBytes(system)) : null
        );
        return arguments;

        void Add(string option, string? value)
        {
            if (value is not null)
            {
                arguments.AddRange([option, value]);
            }
        }
    }

    private static Dictionary<string, string> EnvironmentOf(RunContext run)
    {
        Dictionary<string, string> environment = new(StringComparer.Ordinal)
        {
            ["DISABLE_AUTOUPDATER"] = "1",
            ["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"] = "1",
            // Without this "@/any/path" in a client's prompt brings that file of the owner along, whatever tools there are.
            ["CLAUDE_CODE_DISABLE_ATTACHMENTS"] = "1",
            ["CLAUDE_CODE_DISABLE_AUTO_MEMORY"] = "1",
            ["CLAUDE_CODE_DISABLE_BACKGROUND_TASKS"] = "1",
        };
        if (run.Folder.HasOwnDirectory)
        {
            environment["CLAUDE_CODE_DISABLE_CLAUDE_MDS"] = "1"; // The owner's own notes are not the clients'.
        }

        return environment;
    }

    private static byte[] Line(string text)
    {
        ArrayBufferWriter<byte> line = new();
        using (Utf8JsonWriter json = new(line))
        {
            json.WriteStartObject();
            json.WriteString("type", "user");
            json.WriteStartObject("message");
            json.WriteString("role", "user");
            json.WriteString("content", text);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        return [.. line.WrittenSpan, (byte)'\n'];
    }

    private bool HasTools(RunContext run) => options.Tools.Count > 0 || run.Request.Servers.Count > 0;

    private static bool HasShape(CommandRequest request) => request.Schema is not null || request.IsJson;

    private static string? Shape(CommandRequest request) =>
        request.Schema is { } schema && Encoding.UTF8.GetByteCount(schema) > MostArgumentBytes
            ? throw new BackendException(
                BackendFailure.BadRequest(
                    $"the schema has more than {MostArgumentBytes / 1000} KB, which claude cannot take"
                ) with
                {
                    Parameter = "response_format",
                }
            )
            : request.Schema ?? (request.IsJson ? """{"type":"object"}""" : null);

    /// <summary>A prompt that begins with a slash would be a command to the program itself, not to the model.</summary>
    private static string Harmless(string prompt) => prompt.StartsWith('/') ? " " + prompt : prompt;

    private static string BareName(string tool) => tool.Split('(')[0];
}
