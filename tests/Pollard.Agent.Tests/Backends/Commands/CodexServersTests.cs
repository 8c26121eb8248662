using System.Text;
using Pollard.Agent.Backends.Commands;
using Pollard.Agent.Backends.Http;
using Tomlyn;
using Tomlyn.Model;

namespace Pollard.Agent.Tests.Backends.Commands;

/// <summary>What Codex is told of MCP servers.</summary>
public sealed class CodexServersTests : IDisposable
{
    private readonly CommandBench _bench = new();

    public void Dispose() => _bench.Dispose();

    [Fact]
    public void A_program_has_its_secrets_in_the_environment_and_their_names_alone_on_the_command_line()
    {
        var servers = Of(
            """{"tree":{"type":"stdio","command":"/bin/tree","args":["-x","a \"b\""],"cwd":"/srv","env":{"TREE_KEY":"sesame","PATH":"/opt"}}}"""
        );

        var tree = Table(servers)["tree"];
        Assert.DoesNotContain("sesame", servers.Setting, StringComparison.Ordinal);
        Assert.Equal("sesame", Assert.Single(servers.Environment).Value);
        Assert.Equal(("/bin/tree", "/srv"), (tree["command"], tree["cwd"]));
        Assert.Equal(["-x", "a \"b\""], (TomlArray)tree["args"]);
        Assert.Equal(["POLLARD_RUN", "TREE_KEY"], (TomlArray)tree["env_vars"]);
        Assert.Equal("/opt", ((TomlTable)tree["env"])["PATH"]); // Codex keeps its own.
        Assert.Equal((true, "approve"), (tree["required"], tree["default_tools_approval_mode"]));
    }

    [Fact]
    public void An_address_has_its_headers_in_the_environment()
    {
        var servers = Of(
            """{"web":{"type":"http","url":"http://tree.example/mcp","headers":{"Authorization":"Bearer sesame"}}}"""
        );

        var web = Table(servers)["web"];
        var (variable, value) = Assert.Single(servers.Environment);
        Assert.DoesNotContain("sesame", servers.Setting, StringComparison.Ordinal);
        Assert.Equal("http://tree.example/mcp", web["url"]);
        Assert.Equal((variable, "Bearer sesame"), (((TomlTable)web["env_http_headers"])["Authorization"], value));
    }

    [Fact]
    public void Names_are_such_as_Codex_takes_and_never_one_of_the_machines_own()
    {
        var servers = Of(
            """{"own":{"command":"x"},"my tree.1":{"command":"y"}}""",
            [new OwnServer("own", IsHttp: false), new OwnServer("far", IsHttp: true)]
        );

        var table = Table(servers);
        Assert.Equal(["far", "my_tree_1", "own", "own_"], table.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(("x", "y"), (table["own_"]["command"], table["my_tree_1"]["command"]));
        Assert.Equal((false, false), (table["own"]["enabled"], table["far"]["enabled"]));
        Assert.True(table["own"].ContainsKey("command"));
        Assert.True(table["far"].ContainsKey("url"));
    }

    [Fact]
    public void Nothing_is_set_where_there_is_none()
    {
        Assert.Null(Of("{}").Setting);
    }

    [Theory]
    [InlineData("""{"a":{"command":"x","env":{"KEY":"1"}},"b":{"command":"x","env":{"KEY":"2"}}}""")]
    [InlineData("""{"a":{"command":"x","env":{"GIVEN":"another"}}}""")]
    [InlineData("""{"a":{"type":"sse","url":"http://tree.example"}}""")]
    [InlineData("""{"a":{"command":"x","args":"y"}}""")]
    [InlineData("""{"a":{"command":"x","env":{"KEY":1}}}""")]
    [InlineData("""{"a":{"args":[]}}""")]
    [InlineData("""{"a":"x"}""")]
    public void What_Codex_cannot_have_is_refused(string chosen)
    {
        var refusal = Assert.Throws<BackendException>(() => Of(chosen)).Failure;

        Assert.Equal(("bad_request", "mcp_config", false), (refusal.Code, refusal.Parameter, refusal.Retryable));
    }

    [Fact]
    public void The_machines_own_are_found_however_they_are_written()
    {
        var project = Path.Combine(_bench.Folder, "project");
        Directory.CreateDirectory(Path.Combine(project, ".codex"));
        Directory.CreateDirectory(Path.Combine(project, "below"));
        File.WriteAllText(
            Path.Combine(_bench.Folder, "config.toml"),
            """"
            mcp_servers.dotted.command = "x"
            mcp_servers.inline = { url = "http://tree.example" }
            "mcp\u005fservers".escaped = { command = "x" }
            note = """
            [mcp_servers.none]
            """
            [mcp_servers."quoted.name"]
            command = "x"
            [ mcp_servers . spaced ]
            command = "x"
            [mcp_servers.spaced.env]
            A = "1"
            """"
        );
        File.WriteAllText(
            Path.Combine(project, ".codex", "config.toml"),
            "[mcp_servers]\nwithin = { command = \"x\" }"
        );

        var found = CodexConfiguration.Servers(_bench.Folder, Path.Combine(project, "below"));

        Assert.Equal(
            ["dotted", "escaped", "inline", "quoted.name", "spaced", "within"],
            found.Select(server => server.Name).Order(StringComparer.Ordinal)
        );
        Assert.Equal("inline", Assert.Single(found, server => server.IsHttp).Name);
    }

    [Fact]
    public void A_configuration_that_cannot_be_read_is_a_failure()
    {
        File.WriteAllText(Path.Combine(_bench.Folder, "config.toml"), "mcp_servers = {");

        var failure = Assert
            .Throws<BackendException>(() => CodexConfiguration.Servers(_bench.Folder, _bench.Folder))
            .Failure;

        Assert.Contains("config.toml is no TOML", failure.Message, StringComparison.Ordinal);
    }

    private static CodexServers Of(string chosen, params OwnServer[] own) =>
        new(
            Encoding.UTF8.GetBytes($$"""{"mcpServers":{{chosen}}}"""),
            own,
            variable => variable == "GIVEN" ? "value" : null
        );

    private static Dictionary<string, TomlTable> Table(CodexServers servers)
    {
        var all = (TomlTable)TomlSerializer.Deserialize(servers.Setting!, TomlTables.Default.TomlTable)!["mcp_servers"];
        return all.ToDictionary(server => server.Key, server => (TomlTable)server.Value, StringComparer.Ordinal);
    }
}
