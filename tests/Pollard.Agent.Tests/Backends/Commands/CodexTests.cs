using System.Text.Json;
using Pollard.Agent.Backends;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Tests.Backends.Commands;

/// <summary>Codex as a script that says what the real one said, in its own lines.</summary>
public sealed class CodexTests : IDisposable
{
    private const string Session = "01a210e9-4484-73a3-8cdd-75c198011d03";
    private const string Started = $$"""{"type":"thread.started","thread_id":"{{Session}}"}""";

    private const string Warning = """
        {"type":"item.completed","item":{"id":"item_0","type":"error","message":"Model metadata not found."}}
        """;

    private const string Completed = """
        {"type":"turn.completed","usage":{"input_tokens":30,"cached_input_tokens":10,"output_tokens":5,"reasoning_output_tokens":2}}
        """;

    private const string Format =
        "\"response_format\":" + """{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"object"}}}""";

    private readonly CommandBench _bench = new();
    private readonly RecordingOutput _output = new();
    private CommandRuns? _runs;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string[] Arguments => Seen("arguments").TrimEnd('\n').Split('\n');

    public void Dispose() => _bench.Dispose();

    [Fact]
    public async Task Its_last_message_is_the_answer_and_what_came_before_is_reasoning()
    {
        var codex = Codex(
            Started,
            Warning,
            """{"type":"turn.started"}""",
            Item("reasoning", "\"text\":\"hm\""),
            Item("agent_message", "\"text\":\"let me look\""),
            """{"type":"item.started","item":{"type":"command_execution","command":"ls"}}""",
            Item("agent_message", "\"text\":\"here it is\""),
            Completed
        );

        var finish = (await codex.RunAsync(Work.Chat(), _output, Token)).Finish!;

        Assert.Equal(("here it is", "hm\nlet me look\n"), (_output.Content, _output.Reasoning));
        var words = _output
            .Deltas.Where(delta => delta.Kind == DeltaKind.Progress)
            .Select(delta => JsonElement.Parse(delta.Text));
        Assert.Equal(
            ["session", "waiting", "thinking", "text", "tool", "text"],
            words.Select(word => word.GetProperty("phase").GetString())
        );
        Assert.Equal(35, finish.Usage!.Value.GetProperty("total_tokens").GetInt32());
        Assert.Equal(Session, finish.Extra!.Value.GetProperty("command").GetProperty("session").GetString());
        Assert.Empty(_bench.LeftOver);
    }

    [Fact]
    public async Task It_only_answers_and_none_of_the_machines_servers_comes_along()
    {
        Directory.CreateDirectory(Path.Combine(_bench.Folder, "home"));
        await File.WriteAllTextAsync(
            Path.Combine(_bench.Folder, "home", "config.toml"),
            "model = \"m\"\n[mcp_servers.own]\ncommand = \"x\"\n[mcp_servers.own.env]\nA = \"1\"\n[mcp_servers.\"the other\"]\n",
            Token
        );
        Environment.SetEnvironmentVariable("CODEX_HOME", Path.Combine(_bench.Folder, "home"));
        var codex = Codex(new CodexOptions { Environment = ["CODEX_HOME"] }, Started, Message("yes"), Completed);

        await codex.RunAsync(Work.Of("chat", Conversation, "codex/fast"), _output, Token);

        Assert.Equal("Be brief.\n\nhello", Seen("input"));
        string[] expected =
        [
            "sandbox_mode=\"read-only\"",
            "shell_tool",
            "features.view_image=false",
            "features.apps=false",
            "features.plugins=false",
            """mcp_servers={"own"={"command"="false","enabled"=false},"the other"={"command"="false","enabled"=false}}""",
            "fast",
        ];
        Assert.Subset(Arguments.ToHashSet(StringComparer.Ordinal), expected.ToHashSet(StringComparer.Ordinal));
        Assert.Equal("-", Arguments[^1]);
    }

    [Fact]
    public async Task The_owner_may_let_it_run_commands()
    {
        var codex = Codex(new CodexOptions { Sandbox = "workspace-write" }, Started, Message("yes"), Completed);

        await codex.RunAsync(Work.Chat(), _output, Token);

        Assert.Contains("sandbox_mode=\"workspace-write\"", Arguments);
        Assert.DoesNotContain("shell_tool", Arguments);
        Assert.DoesNotContain("features.view_image=false", Arguments);
    }

    [Theory]
    [InlineData("{\\\"n\\\":1}", true)]
    [InlineData("no json", false)]
    public async Task A_schema_goes_along_and_an_answer_that_is_no_JSON_is_a_failure(string answer, bool isGood)
    {
        var codex = Codex(Started, Message(answer), Completed);

        var result = await codex.RunAsync(Work.Chat(Format), _output, Token);

        Assert.Equal("""{"type":"object"}""", Seen("schema"));
        Assert.Equal(isGood, result.Finish is not null);
        Assert.Equal(isGood ? null : "bad_answer", result.Failure?.Code);
    }

    [Fact]
    public async Task A_turn_that_failed_is_gone_on_with_by_the_next_try()
    {
        var failing = Codex(
            Started,
            """{"type":"error","message":"Reconnecting... 1/5"}""",
            """{"type":"turn.failed","error":{"message":"stream disconnected"}}"""
        );
        var failure = (await failing.RunAsync(Work.Chat(), _output, Token)).Failure!;
        Assert.Equal(("codex: stream disconnected", true), (failure.Message, failure.Retryable));
        Assert.Contains("Reconnecting... 1/5", _output.Text(DeltaKind.Progress), StringComparison.Ordinal);

        await Codex(Started, Message("at last"), Completed).RunAsync(Work.Chat(), _output, Token);

        Assert.Equal("at last", _output.Content);
        Assert.Equal(["resume", Session, "-"], Arguments[^3..]);
        Assert.StartsWith("You were interrupted.", Seen("input"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tree", true)]
    [InlineData("other", false)]
    public async Task Clients_may_name_servers_of_the_owners_file(string name, bool isAllowed)
    {
        var file = Path.Combine(_bench.Folder, "mcp.json");
        await File.WriteAllTextAsync(file, """{"mcpServers":{"tree":{"command":"/bin/tree"}}}""", Token);
        var codex = Codex(new CodexOptions { Servers = McpServers.Read(file) }, Started, Message("yes"), Completed);

        var result = await codex.RunAsync(
            Work.Chat($"\"mcp_config\":{{\"mcpServers\":{{\"{name}\":{{\"command\":\"/bin/rm\"}}}}}}"),
            _output,
            Token
        );

        Assert.Equal(isAllowed ? null : "mcp_config", result.Failure?.Parameter);
        if (isAllowed)
        {
            var setting = Assert.Single(
                Arguments,
                argument => argument.StartsWith("mcp_servers=", StringComparison.Ordinal)
            );
            Assert.Contains("\"command\"=\"/bin/tree\"", setting, StringComparison.Ordinal);
        }
    }

    private const string Conversation =
        """{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"hello"}]}""";

    private static string Item(string type, string members) =>
        $$"""{"type":"item.completed","item":{"id":"i","type":"{{type}}",{{members}}}""" + "}";

    private static string Message(string text) => Item("agent_message", $"\"text\":\"{text}\"");

    private CommandBackend Codex(params string[] lines) => Codex(new CodexOptions(), lines);

    private CommandBackend Codex(CodexOptions options, params string[] lines)
    {
        var said = string.Join('\n', lines.Select(line => line.Trim()));
        var program = _bench.Script(
            $$"""
            cd {{_bench.Folder}}
            cat > input
            printf '%s\n' "$@" > arguments
            while [ $# -gt 0 ]; do
              [ "$1" = --output-schema ] && cat "$2" > schema
              shift
            done
            cat <<'LINES'
            {{said}}
            LINES
            """,
            "codex"
        );
        return _bench.Backend(options with { Program = program }, _runs ??= _bench.Runs());
    }

    private string Seen(string name) => File.ReadAllText(Path.Combine(_bench.Folder, name));
}
