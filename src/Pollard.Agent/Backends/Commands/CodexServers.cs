using System.Text.Json;
using Pollard.Agent.Backends.Http;

namespace Pollard.Agent.Backends.Commands;

/// <summary>
/// What Codex is told of MCP servers: those that the client named and the owner allows are on, those of the machine's own
/// configuration are off. All processes of a machine can read a command line, so values of variables and of headers are put
/// into Codex's environment, and the command line has only their names.
/// </summary>
internal sealed class CodexServers
{
    // What Codex itself lives by: such a variable of a server is on the command line. It is a place or a language, not a secret.
    private static readonly string[] Shared = ["PATH", "HOME", "LANG", "TERM", "TMPDIR"];

    private readonly Dictionary<string, string> _table = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _environment = new(StringComparer.Ordinal);

    /// <summary>Makes the table.</summary>
    /// <param name="chosen">The servers to turn on: <c>{"mcpServers": {"NAME": {...}}}</c>.</param>
    /// <param name="own">The servers to turn off.</param>
    /// <param name="given">A variable of Codex's environment as it is without them; null where there is none.</param>
    /// <exception cref="BackendException">Codex cannot have one of them; says why.</exception>
    public CodexServers(ReadOnlyMemory<byte> chosen, IEnumerable<OwnServer> own, Func<string, string?> given)
    {
        foreach (var server in own)
        {
            // With an address of its own kind, for without any the line is an error wherever Codex does not read that file.
            _table[server.Name] = Toml.Table([
                server.IsHttp ? new("url", Toml.Text("http://127.0.0.1:9")) : new("command", Toml.Text("false")),
                new("enabled", "false"),
            ]);
        }

        using var document = JsonDocument.Parse(chosen);
        foreach (var server in document.RootElement.GetProperty("mcpServers").EnumerateObject())
        {
            _table[FreeName(server.Name)] = Toml.Table(Members(server.Name, server.Value, given));
        }
    }

    /// <summary>What is set on the command line; null when there is nothing to set.</summary>
    public string? Setting => _table.Count == 0 ? null : $"mcp_servers={Toml.Table(_table)}";

    /// <summary>What is put into Codex's environment.</summary>
    public IReadOnlyDictionary<string, string> Environment => _environment;

    /// <summary>A name that Codex takes, and that is not one of the machine's own, whose settings would be mixed in.</summary>
    private string FreeName(string name)
    {
        var free = string.Concat(
            name.Select(character => char.IsAsciiLetterOrDigit(character) || character is '-' or '_' ? character : '_')
        );
        while (_table.ContainsKey(free))
        {
            free += "_";
        }

        return free;
    }

    private List<KeyValuePair<string, string>> Members(string name, JsonElement server, Func<string, string?> given)
    {
        var members = server switch
        {
            _ when server.Text("command") is { } command => Program(name, command, server, given),
            _ when server.Text("url") is { } url && server.Text("type") != "sse" => Address(name, url, server),
            _ => throw Wrong(name, "has neither a \"command\" nor the \"url\" of a streamable HTTP server"),
        };
        members.Add(new("required", "true")); // Else a task whose server does not start would be answered without it.
        members.Add(new("default_tools_approval_mode", Toml.Text("approve"))); // Nobody is there who could be asked.
        return members;
    }

    private List<KeyValuePair<string, string>> Program(
        string name,
        string command,
        JsonElement server,
        Func<string, string?> given
    )
    {
        Dictionary<string, string> shared = new(StringComparer.Ordinal);
        List<string> passed = [ProcessTable.Variable]; // So that it ends with its run, wherever it goes.
        foreach (var (variable, value) in Texts(name, server, "env"))
        {
            if (Shared.Contains(variable, StringComparer.Ordinal))
            {
                shared[variable] = Toml.Text(value);
                continue;
            }

            if (
                (_environment.TryGetValue(variable, out var other) ? other : given(variable)) is { } has
                && has != value
            )
            {
                throw Wrong(name, $"gives {variable} another value than Codex or another server has for it");
            }

            _environment[variable] = value;
            passed.Add(variable);
        }

        List<KeyValuePair<string, string>> members =
        [
            new("command", Toml.Text(command)),
            new("args", Toml.List(Arguments(name, server))),
            new("env_vars", Toml.List(passed)),
            new("env", Toml.Table(shared)),
        ];
        if (server.Text("cwd") is { } directory)
        {
            members.Add(new("cwd", Toml.Text(directory)));
        }

        return members;
    }

    private List<KeyValuePair<string, string>> Address(string name, string url, JsonElement server)
    {
        Dictionary<string, string> headers = new(StringComparer.Ordinal);
        foreach (var (header, value) in Texts(name, server, "headers"))
        {
            var variable = FormattableString.Invariant($"POLLARD_MCP_HEADER_{_environment.Count}");
            _environment[variable] = value;
            headers[header] = Toml.Text(variable);
        }

        return [new("url", Toml.Text(url)), new("env_http_headers", Toml.Table(headers))];
    }

    private static IEnumerable<string> Arguments(string name, JsonElement server) =>
        server.Member("args") switch
        {
            null => [],
            { ValueKind: JsonValueKind.Array } list => list.EnumerateArray().Select(item => Text(name, item)),
            _ => throw Wrong(name, "has \"args\" that are no list"),
        };

    private static IEnumerable<(string Name, string Value)> Texts(string name, JsonElement server, string member) =>
        server.Member(member) switch
        {
            null => [],
            { ValueKind: JsonValueKind.Object } table => table
                .EnumerateObject()
                .Select(item => (item.Name, Text(name, item.Value))),
            _ => throw Wrong(name, $"has \"{member}\" that is no object"),
        };

    private static string Text(string name, JsonElement value) =>
        value.ValueKind == JsonValueKind.String
            ? value.GetString()!
            : throw Wrong(name, "has an argument, a variable or a header that is no text");

    private static BackendException Wrong(string name, string why) =>
        CommandRequest.Bad($"the MCP server \"{name}\", as the owner of this agent defines it, {why}", "mcp_config");
}

/// <summary>An MCP server of the machine's own configuration.</summary>
/// <param name="Name">Its name.</param>
/// <param name="IsHttp">True when it is reached by its URL, and not started.</param>
internal readonly record struct OwnServer(string Name, bool IsHttp);
