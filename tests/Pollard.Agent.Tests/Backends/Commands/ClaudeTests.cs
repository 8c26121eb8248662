using System.Text.Json;
using Pollard.Agent.Backends;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Tests.Backends.Commands;

/// <summary>Claude Code as a script that says what the real one said, in its own lines.</summary>
public sealed class ClaudeTests : IDisposable
{
    private const string Session = "11111111-1111-4111-8111-111111111111";

    private const string Init =
        $$"""{"type":"system","subtype":"init","session_id":"{{Session}}","tools":[],"model":"claude-opus-4-8"}""";

    private const string Requesting = """{"type":"system","subtype":"status","status":"requesting"}""";
    private const string Start =
        """{"type":"stream_event","parent_tool_use_id":null,"event":{"type":"message_start"}}""";

    private readonly CommandBench _bench = new();
    private readonly RecordingOutput _output = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string[] Arguments => File.ReadAllLines(Path.Combine(_bench.Folder, "arguments"));

    private string Input => JsonElement.Parse(Seen("input")).GetProperty("message").GetProperty("content").GetString()!;

    public void Dispose() => _bench.Dispose();

    [Fact]
    public async Task Without_tools_text_streams_as_the_answer_and_the_end_has_usage_cost_and_session()
    {
        var claude = Claude(
            Init,
            Requesting,
            Start,
            Delta("thinking_delta", "thinking", "hm"),
            Delta("text_delta", "text", "hello "),
            Delta("text_delta", "text", "you"),
            Message("""{"type":"text","text":"hello you"}"""),
            Result("hello you", "\"num_turns\":1")
        );

        var result = await claude.RunAsync(Work.Chat(), _output, Token);

        Assert.Equal(
            ["hello ", "you"],
            _output.Deltas.Where(delta => delta.Kind == DeltaKind.Content).Select(delta => delta.Text)
        );
        Assert.Equal("hm", _output.Reasoning);
        Assert.Equal(["session", "waiting", "thinking", "text"], Phases());
        Assert.Equal(Session, Words()[0].GetProperty("message").GetString());
        var finish = result.Finish!;
        Assert.Equal(("claude-opus-4-8", "stop"), (finish.Model, finish.FinishReasons![0]));
        var usage = finish.Usage!.Value;
        Assert.Equal(16, usage.GetProperty("prompt_tokens").GetInt32());
        Assert.Equal(21, usage.GetProperty("total_tokens").GetInt32());
        Assert.Equal(4, usage.GetProperty("prompt_tokens_details").GetProperty("cached_tokens").GetInt32());
        Assert.Equal(0.25, usage.GetProperty("cost_usd").GetDouble());
        Assert.Equal(Session, finish.Extra!.Value.GetProperty("command").GetProperty("session").GetString());
        Assert.Empty(_bench.LeftOver);
    }

    [Fact]
    public async Task With_tools_only_the_last_text_is_the_answer()
    {
        var claude = Claude(
            new ClaudeCodeOptions { Tools = ["Read", "Bash(git *)"] },
            Init,
            Start,
            Delta("text_delta", "text", "let me look"),
            Message("""{"type":"text","text":"let me look"}"""),
            Message("""{"type":"tool_use","name":"Read","input":{}}"""),
            Start,
            Delta("text_delta", "text", "it says so"),
            Message("""{"type":"text","text":"it says so"}"""),
            Result("it says so")
        );

        await claude.RunAsync(Work.Chat(), _output, Token);

        Assert.Equal("it says so", _output.Content);
        Assert.Equal("let me look\n", _output.Reasoning);
        Assert.Contains(Words(), word => word.GetProperty("phase").GetString() == "tool" && Says(word, "Read"));
        Assert.Equal("Read,Bash", After("--tools"));
        Assert.Equal("Read,Bash(git *)", After("--allowedTools"));
    }

    [Fact]
    public async Task The_prompt_is_its_input_the_system_a_file_and_nothing_of_the_machine_comes_along()
    {
        var claude = Claude(Init, Result("yes"));
        const string Conversation = """
            {"messages":[{"role":"system","content":"You are Bob."},{"role":"user","content":"/cost @/etc/passwd"}],
             "reasoning_effort":"high","temperature":0.5}
            """;

        await claude.RunAsync(Work.Of("chat", Conversation, "claude/opus"), _output, Token);

        Assert.Equal(" /cost @/etc/passwd", Input); // Else the slash made it a command to the program.
        Assert.Equal("You are Bob.", Seen("system"));
        Assert.Equal("""{"mcpServers":{}}""", Seen("mcp"));
        Assert.Equal("600", Seen("mcp-mode").Trim());
        Assert.Contains("--strict-mcp-config", Arguments);
        Assert.Equal(("", "opus", "high"), (After("--tools"), After("--model"), After("--effort")));
        Assert.Contains("CLAUDE_CODE_DISABLE_ATTACHMENTS=1", Seen("env").Split('\n'));
        Assert.DoesNotContain(Arguments, argument => argument.Contains("Bob", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_schema_is_met_by_what_the_tool_says_was_structured()
    {
        var claude = Claude(
            Init,
            Start,
            Delta("text_delta", "text", "thinking aloud"),
            Result("whatever", "\"structured_output\":{\"n\": 3}")
        );

        await claude.RunAsync(Work.Chat(Format), _output, Token);

        Assert.Equal("""{"n": 3}""", _output.Content);
        Assert.Equal("""{"type":"object"}""", After("--json-schema"));
    }

    [Fact]
    public async Task A_schema_that_the_model_never_met_is_a_failure_though_the_tool_says_success()
    {
        var claude = Claude(Init, Result("I would rather not", "\"structured_output\":null"));

        var failure = (await claude.RunAsync(Work.Chat(Format), _output, Token)).Failure!;

        Assert.Equal(("bad_answer", true), (failure.Code, failure.Retryable));
        Assert.Equal("", _output.Content);
    }

    [Theory]
    [InlineData("\"api_error_status\":429", "rate_limited", true)]
    [InlineData("\"api_error_status\":401", "backend_refused", true)]
    [InlineData("\"api_error_status\":400", "bad_request", false)]
    [InlineData("\"api_error_status\":null", "command_failed", true)]
    public async Task An_error_that_calls_itself_a_success_is_a_failure(string status, string code, bool retryable)
    {
        var claude = Claude(
            Init,
            """{"type":"system","subtype":"api_retry","attempt":2,"max_retries":10,"error_status":529}""",
            Result("API Error: overloaded", status, isError: true)
        );

        var failure = (await claude.RunAsync(Work.Chat(), _output, Token)).Failure!;

        Assert.Equal((code, retryable), (failure.Code, failure.Retryable));
        Assert.Equal("claude: API Error: overloaded", failure.Message);
        Assert.Contains(Words(), word => Says(word, "the upstream failed (529): retry 2 of 10"));
    }

    [Fact]
    public async Task An_answer_begun_anew_fails_for_what_went_out_cannot_be_taken_back()
    {
        var claude = Claude(
            Init,
            Start,
            Delta("text_delta", "text", "half an"),
            Start,
            Delta("text_delta", "text", "a whole answer"),
            Result("a whole answer")
        );

        var failure = (await claude.RunAsync(Work.Chat(), _output, Token)).Failure!;

        Assert.True(failure.Retryable);
        Assert.Equal("half an", _output.Content);
    }

    [Fact]
    public async Task Sub_agents_say_nothing_in_its_name()
    {
        var claude = Claude(
            Init,
            """{"type":"stream_event","parent_tool_use_id":"t1","event":{"type":"content_block_delta","delta":{"type":"text_delta","text":"inner"}}}""",
            "no json at all",
            Result("outer")
        );

        await claude.RunAsync(Work.Chat(), _output, Token);

        Assert.Equal("outer", _output.Content);
    }

    [Fact]
    public async Task A_death_without_a_result_is_a_failure_and_the_next_try_goes_on_with_the_conversation()
    {
        var failing = Claude(Init, "exit");
        var failure = (await failing.RunAsync(Work.Chat(), _output, Token)).Failure!;
        Assert.Equal("claude exited with code 9: killed", failure.Message);
        Assert.NotEmpty(_bench.LeftOver);

        var result = await Claude(Init, Result("at last")).RunAsync(Work.Chat(), _output, Token);

        Assert.Equal("at last", _output.Content);
        Assert.NotNull(result.Finish);
        Assert.Equal(Session, After("--resume"));
        Assert.StartsWith("You were interrupted.", Input, StringComparison.Ordinal);
        Assert.Empty(_bench.LeftOver);
    }

    [Fact]
    public async Task Another_task_never_goes_on_with_a_conversation_that_is_not_its_own()
    {
        await Claude(Init, "exit").RunAsync(Work.Chat(), _output, Token);
        var other = Work.Chat();

        await Claude(Init, Result("yes"))
            .RunAsync(other with { Offer = other.Offer with { Task = "task_2" } }, _output, Token);

        Assert.DoesNotContain("--resume", Arguments);
        Assert.Equal("Tell me of willows", Input);
    }

    [Fact]
    public async Task A_conversation_that_is_gone_is_begun_anew()
    {
        await Claude(Init, "exit").RunAsync(Work.Chat(), _output, Token);
        var claude = Claude(
            new ClaudeCodeOptions(),
            "case \"$*\" in *--resume*) echo '{\"type\":\"result\",\"is_error\":true,\"errors\":[\"No conversation found\"]}'; exit 1;; esac",
            Init,
            Result("afresh")
        );

        var result = await claude.RunAsync(Work.Chat(), _output, Token);

        Assert.NotNull(result.Finish);
        Assert.Equal("afresh", _output.Content);
        Assert.Equal("Tell me of willows", Input);
        Assert.Empty(_bench.LeftOver);
    }

    [Theory]
    [InlineData("""{"mcpServers":{"evil":{"command":"rm","args":["-rf","/"]}}}""")]
    [InlineData("""{"mcpServers":{"files":{},"evil":{}}}""")]
    [InlineData("\"files\"")]
    public async Task Servers_that_the_owner_did_not_list_are_refused(string config)
    {
        var claude = Claude(new ClaudeCodeOptions { Servers = Servers() }, Init, Result("yes"));

        var failure = (await claude.RunAsync(Work.Chat($"\"mcp_config\":{config}"), _output, Token)).Failure!;

        Assert.Equal(("bad_request", "mcp_config", false), (failure.Code, failure.Parameter, failure.Retryable));
        Assert.False(File.Exists(Path.Combine(_bench.Folder, "arguments")));
    }

    [Fact]
    public async Task Servers_that_a_client_names_are_the_owners_whatever_the_client_says_of_them()
    {
        var claude = Claude(new ClaudeCodeOptions { Servers = Servers() }, Init, Result("yes"));
        const string Config = """{"mcpServers":{"files":{"command":"rm","args":["-rf","/"]}}}""";

        await claude.RunAsync(Work.Chat($"\"mcp_config\":{Config}"), _output, Token);

        Assert.Equal(
            """{"mcpServers":{"files":{"command":"serve","args":["--here"],"env":{"KEY":"k"}}}}""",
            Seen("mcp")
        );
        Assert.Equal("mcp__files", After("--allowedTools"));
    }

    [Fact]
    public async Task It_offers_its_models_with_what_it_can()
    {
        var offered = await Claude(new ClaudeCodeOptions { Models = ["opus"] }, Init).DiscoverAsync(Token);

        Assert.Equal(["claude", "claude/opus"], offered.Select(model => model.Name));
        Assert.All(offered, model => Assert.Contains("mcp", model.Capabilities!));
        Assert.All(offered, model => Assert.Equal("claude-code", model.Engine));
    }

    private const string Format =
        "\"response_format\":" + """{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"object"}}}""";

    private static string Delta(string type, string member, string text) =>
        """{"type":"stream_event","parent_tool_use_id":null,"event":{"type":"content_block_delta","index":0,"delta":"""
        + $$"""{"type":"{{type}}","{{member}}":"{{text}}"}"""
        + "}}";

    private static string Message(string block) =>
        """{"type":"assistant","parent_tool_use_id":null,"message":{"role":"assistant","content":[""" + block + "]}}";

    private static string Result(string text, string members = "\"num_turns\":1", bool isError = false) =>
        $$"""{"type":"result","subtype":"success","is_error":{{(isError ? "true" : "false")}},"result":"{{text}}",{{members}},"""
        + "\"stop_reason\":\"end_turn\",\"total_cost_usd\":0.25,"
        + "\"usage\":"
        + """{"input_tokens":10,"cache_creation_input_tokens":2,"cache_read_input_tokens":4,"output_tokens":5}"""
        + "}";

    private CommandBackend Claude(params string[] lines) => Claude(new ClaudeCodeOptions(), lines);

    /// <summary>A script that keeps how it was called, does the first lines that are no JSON, and says the others.</summary>
    private CommandBackend Claude(ClaudeCodeOptions options, params string[] lines)
    {
        var spoken = string.Join(
            '\n',
            lines.Where(line => line is not "exit" && !line.StartsWith("case", StringComparison.Ordinal))
        );
        var first = lines.FirstOrDefault(line => line.StartsWith("case", StringComparison.Ordinal)) ?? ":";
        var last = lines.Contains("exit") ? "echo killed >&2; exit 9" : ":";
        var script = $$"""
            cd {{_bench.Folder}}
            cat > input
            printf '%s\n' "$@" > arguments
            env > env
            while [ $# -gt 0 ]; do
              [ "$1" = --mcp-config ] && cat "$2" > mcp && stat -c %a "$2" > mcp-mode
              [ "$1" = --system-prompt-file ] && cat "$2" > system
              shift
            done
            """;
        script = script.Replace("cat > input\n", $"cat > input\n{first}\n", StringComparison.Ordinal);
        var program = _bench.Script($"{script}\ncat <<'LINES'\n{spoken}\nLINES\n{last}", "claude");
        return _bench.Backend(options with { Program = program }, _runs ??= _bench.Runs());
    }

    private CommandRuns? _runs;

    private McpServers Servers()
    {
        var path = Path.Combine(_bench.Folder, "servers.json");
        File.WriteAllText(
            path,
            """{"mcpServers":{"files":{"command":"serve","args":["--here"],"env":{"KEY":"k"}},"web":{"url":"http://x"}}}"""
        );
        return McpServers.Read(path);
    }

    private string? After(string option)
    {
        var at = Array.IndexOf(Arguments, option);
        return at < 0 ? null : Arguments[at + 1];
    }

    private List<JsonElement> Words() =>
        [
            .. _output
                .Deltas.Where(delta => delta.Kind == DeltaKind.Progress)
                .Select(delta => JsonElement.Parse(delta.Text)),
        ];

    private IEnumerable<string> Phases() => Words().Select(word => word.GetProperty("phase").GetString()!);

    /// <summary>What the script has kept of how it was called.</summary>
    private string Seen(string name) => File.ReadAllText(Path.Combine(_bench.Folder, name));

    private static bool Says(JsonElement word, string message) =>
        word.TryGetProperty("message", out var said) && said.GetString() == message;
}
