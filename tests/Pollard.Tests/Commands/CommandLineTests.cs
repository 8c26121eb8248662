using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Pollard.Tests.Support;

namespace Pollard.Tests.Commands;

public sealed class CommandLineTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Help_is_asked_for_in_both_ways()
    {
        using var first = new TestShell();
        using var second = new TestShell();

        Assert.Equal(ExitCode.Ok, await first.RunAsync("help", "tasks"));
        Assert.Equal(ExitCode.Ok, await second.RunAsync("tasks", "--help"));

        Assert.Equal(first.Out, second.Out);
        Assert.Contains("Why a task waits", first.Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("taks")]
    [InlineData("tasks", "show")]
    [InlineData("tasks", "list", "--limit", "0")]
    [InlineData("tasks", "list", "--gateway", "nowhere")]
    [InlineData("ask")]
    public async Task A_wrong_call_ends_with_2_and_prints_no_result(params string[] arguments)
    {
        using var shell = new TestShell();

        Assert.Equal(ExitCode.Usage, await shell.RunAsync(arguments));
        Assert.NotEmpty(shell.Error);
        Assert.Empty(shell.Out);
    }

    [Fact]
    public async Task A_gateway_that_is_not_there_ends_with_3_and_says_how_to_start_one()
    {
        using var shell = new TestShell();
        shell.Variables["POLLARD_GATEWAY"] = await FreeAddressAsync();

        var exitCode = await shell.RunAsync("tasks", "list");

        Assert.Equal(ExitCode.Unreachable, exitCode);
        Assert.Contains("pollard up", shell.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_refusal_ends_with_1_and_the_gateways_own_words()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.On("GET /v1/tasks/t9", Documents.Problem("not_found", "There is no task t9.", 404), 404);
        using var shell = new TestShell();

        var exitCode = await shell.RunAsync(gateway, "tasks", "show", "t9");

        Assert.Equal(ExitCode.Failed, exitCode);
        Assert.Equal("pollard: There is no task t9.\n", shell.Error);
    }

    [Theory]
    [InlineData("completed", ExitCode.Ok)]
    [InlineData("failed", ExitCode.TaskNotCompleted)]
    [InlineData("timeout", ExitCode.TaskNotCompleted)]
    [InlineData("cancelled", ExitCode.TaskNotCompleted)]
    [InlineData("running", ExitCode.TaskNotCompleted)]
    public async Task Waiting_says_by_its_exit_code_how_the_task_ended(string state, int expected)
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.On("GET /v1/tasks/t1", Documents.Task("t1", state));
        gateway.On("GET /v1/tasks/t1/wait", Documents.Task("t1", state, Documents.Result("Yes.")));
        using var shell = new TestShell();

        var exitCode = await shell.RunAsync(gateway, "tasks", "wait", "t1", "--timeout", "0");

        Assert.Equal(expected, exitCode);
        Assert.Equal(state == "completed" ? "Yes.\n" : "", shell.Out);
    }

    [Fact]
    public async Task Lists_in_a_pipe_are_never_wrapped_and_have_no_colours()
    {
        var id = new string('t', 300);
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.On("GET /v1/tasks", $$"""{"tasks":[{{Documents.Task(id, "failed")}}]}""");
        using var shell = new TestShell();

        await shell.RunAsync(gateway, "tasks", "list");

        var lines = shell.Out.TrimEnd('\n').Split('\n');
        Assert.Equal(2, lines.Length);
        Assert.StartsWith(id + "  failed", lines[1], StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', shell.Out);
    }

    [Theory]
    [InlineData(true, null, true)]
    [InlineData(true, "NO_COLOR=1", false)]
    [InlineData(false, null, false)]
    [InlineData(false, "FORCE_COLOR=1", true)]
    [InlineData(false, "CLICOLOR_FORCE=1", true)]
    [InlineData(false, "FORCE_COLOR=0", false)]
    [InlineData(false, "FORCE_COLOR=1,NO_COLOR=1", false)]
    public async Task Colours_are_for_terminals_and_for_those_who_ask(bool isTerminal, string? variables, bool expected)
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.On("GET /v1/tasks", $$"""{"tasks":[{{Documents.Task("t1", "failed")}}]}""");
        using var shell = new TestShell { IsTerminal = isTerminal };
        foreach (var variable in variables?.Split(',') ?? [])
        {
            shell.Variables[variable.Split('=')[0]] = variable.Split('=')[1];
        }

        await shell.RunAsync(gateway, "tasks", "list");

        Assert.Equal(expected, shell.Out.Contains('\u001b', StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("GET /v1/tasks/t1", """{TASK}""", "tasks", "show", "t1")]
    [InlineData("GET /v1/tasks", """{"tasks":[{TASK}]}""", "tasks", "list")]
    [InlineData("DELETE /v1/tasks/t1", """{TASK}""", "tasks", "cancel", "t1")]
    [InlineData("POST /v1/tasks/t1/retry", """{TASK}""", "tasks", "retry", "t1")]
    [InlineData(
        "GET /v1/tasks/t1/why",
        """{"state":"pending","summary":"It's \u00fcber.","hosts":[]}""",
        "tasks",
        "why",
        "t1"
    )]
    [InlineData("GET /v1/models", """{"data":[{"id":"m"}]}""", "models")]
    [InlineData("GET /v1/hosts", """{"hosts":[],"total":0}""", "hosts", "list")]
    [InlineData("POST /v1/hosts/h1/drain", "{}", "hosts", "drain", "h1")]
    [InlineData("POST /v1/hosts/h1/resume", "{}", "hosts", "resume", "h1")]
    [InlineData("POST /v1/hosts/h1/release", "{}", "hosts", "release", "h1")]
    [InlineData("POST /v1/hosts/h1/revoke", "{}", "hosts", "revoke", "h1")]
    [InlineData("GET /v1/keys", """{"keys":[]}""", "key", "list")]
    [InlineData("DELETE /v1/keys/k1", "{}", "key", "revoke", "k1")]
    [InlineData("DELETE /v1/tokens/j1", "{}", "token", "revoke", "j1")]
    [InlineData("GET /v1/tokens", """{"tokens":[]}""", "token", "list")]
    public async Task Json_is_one_line_that_parses(string call, string answer, params string[] arguments)
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.On(
            "GET /v1/hosts",
            """{"hosts":[{"id":"h1","name":"attic","state":"online","role":"worker","slots":1,"running":0,"enrolled_at":"2026-01-02T03:04:05.678Z","models":[]}]}"""
        );
        gateway.On(call, answer.Replace("{TASK}", Documents.Task("t1", "completed"), StringComparison.Ordinal));
        using var shell = new TestShell();

        var exitCode = await shell.RunAsync(gateway, [.. arguments, "--json"]);

        Assert.Equal(ExitCode.Ok, exitCode);
        Assert.Equal("", shell.Error);
        var line = Assert.Single(shell.Out.TrimEnd('\n').Split('\n'));
        using var json = JsonDocument.Parse(line);
        Assert.DoesNotContain("\\u00", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_export_goes_on_page_by_page_with_the_same_filter()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        using var shell = new TestShell();
        var printedBefore = new List<string>();
        gateway.On(
            "GET /v1/tasks",
            http =>
            {
                printedBefore.Add(shell.Out);
                return http.Response.WriteAsync(
                    http.Request.Query["before"].ToString() switch
                    {
                        "" =>
                            $$"""{"tasks":[{{Documents.Task("t3", "failed")}},{{Documents.Task("t2", "failed")}}],"next":"t2"}""",
                        _ => $$"""{"tasks":[{{Documents.Task("t1", "failed")}}]}""",
                    },
                    Token
                );
            }
        );

        var exitCode = await shell.RunAsync(
            gateway,
            "tasks",
            "export",
            "--state",
            "failed",
            "--label",
            "gpu",
            "--label",
            "a=b"
        );

        Assert.Equal(ExitCode.Ok, exitCode);
        var lines = shell.Out.TrimEnd('\n').Split('\n');
        Assert.Equal(
            ["t3", "t2", "t1"],
            lines.Select(line => JsonDocument.Parse(line).RootElement.GetProperty("id").GetString())
        );
        Assert.All(
            gateway.Calls,
            call => Assert.StartsWith("?state=failed&label=gpu&label=a%3Db", call.Query, StringComparison.Ordinal)
        );
        Assert.Equal(string.Join('\n', lines[..2]) + "\n", printedBefore[1]);
    }

    [Fact]
    public async Task An_export_that_breaks_off_fails_and_says_how_to_go_on()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.On(
            "GET /v1/tasks",
            http =>
            {
                http.Response.StatusCode = http.Request.Query.ContainsKey("before") ? 503 : 200;
                return http.Response.WriteAsync(
                    $$"""{"tasks":[{{Documents.Task("t2", "failed")}}],"next":"t2"}""",
                    Token
                );
            }
        );
        using var shell = new TestShell();

        var exitCode = await shell.RunAsync(gateway, "tasks", "export");

        Assert.NotEqual(ExitCode.Ok, exitCode);
        Assert.Contains("--before t2", shell.Error, StringComparison.Ordinal);
        Assert.Single(shell.Out.TrimEnd('\n').Split('\n'));
    }

    [Theory]
    [InlineData(",\"position\":1,\"estimate\":89.6", "about 90 s more")]
    [InlineData(",\"position\":1", null)]
    public async Task Why_a_task_waits_is_printed_with_how_long_it_will_where_that_is_known(string more, string? words)
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.On(
            "GET /v1/tasks/t1/why",
            $$"""{"state":"pending","summary":"every host is busy","hosts":[]{{more}}}"""
        );
        using var shell = new TestShell();

        var exitCode = await shell.RunAsync(gateway, "tasks", "why", "t1");

        Assert.Equal(ExitCode.Ok, exitCode);
        Assert.StartsWith("every host is busy\n", shell.Out, StringComparison.Ordinal);
        Assert.Equal(words is not null, shell.Out.Contains(words ?? "more", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_host_may_be_named_by_its_name()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.On(
            "GET /v1/hosts",
            """{"hosts":[{"id":"h1","name":"attic","state":"online","role":"worker","slots":1,"running":0,"enrolled_at":"2026-01-02T03:04:05.678Z","models":[]}]}"""
        );
        gateway.On("POST /v1/hosts/h1/drain", "{}");
        using var shell = new TestShell();

        var exitCode = await shell.RunAsync(gateway, "hosts", "drain", "attic");

        Assert.Equal(ExitCode.Ok, exitCode);
        Assert.Equal("POST /v1/hosts/h1/drain", gateway.Calls[^1].Name);
    }

    [Fact]
    public async Task A_new_key_is_all_that_is_printed()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.On(
            "POST /v1/keys",
            """{"id":"k1","name":"ci","role":"client","key":"pk_secret","created_at":"2026-01-02T03:04:05.678Z"}"""
        );
        using var shell = new TestShell();

        await shell.RunAsync(gateway, "key", "create", "ci", "--requests-per-minute", "60", "--expires-in", "7d");

        Assert.Equal("pk_secret\n", shell.Out);
        Assert.Equal("""{"name":"ci","requests_per_minute":60,"expires_in":604800}""", gateway.Calls[0].Body);
    }

    [Fact]
    public async Task The_doctor_fails_when_something_that_was_asked_for_is_missing()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.On("GET /v1/tasks", """{"tasks":[]}""");
        using var shell = new TestShell();

        var exitCode = await shell.RunAsync(
            gateway,
            ["doctor", "--json", "--ollama", await FreeAddressAsync(), "--data", Path.GetTempPath()]
        );

        Assert.Equal(ExitCode.Failed, exitCode);
        using var json = JsonDocument.Parse(shell.Out);
        var failed = json
            .RootElement.EnumerateArray()
            .Single(check => check.GetProperty("state").GetString() == "fail");
        Assert.Equal("ollama", failed.GetProperty("name").GetString());
        Assert.Equal("Start it: ollama serve", failed.GetProperty("advice").GetString());
    }

    [Theory]
    [InlineData(true, "warn", "ok")]
    [InlineData(false, "fail", "fail")]
    public async Task The_doctor_says_which_carrier_gets_through(bool turnGetsThrough, string http2, string turn)
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.On("GET /v1/tasks", """{"tasks":[]}""");
        gateway.On(
            "GET /host/v1", // Nobody answers at port 1.
            """{"protocol_min":1,"protocol_max":1,"http2_port":1,"carriers":["h2","turn"]}"""
        );
        gateway.On(
            "POST /host/v1/turn",
            http =>
            {
                http.Response.StatusCode = 401;
                http.Response.ContentType = turnGetsThrough ? "application/problem+json" : "text/html";
                return http.Response.WriteAsync(Documents.Problem("host_unauthorized", "not signed", 401), Token);
            }
        );
        using var shell = new TestShell();

        await shell.RunAsync(gateway, "doctor", "--json", "--data", Path.GetTempPath());

        using var json = JsonDocument.Parse(shell.Out);
        var states = json
            .RootElement.EnumerateArray()
            .ToDictionary(
                check => check.GetProperty("name").GetString()!,
                check => check.GetProperty("state").GetString()
            );
        Assert.Equal((http2, turn), (states["link h2"], states["link turn"]));
        Assert.Equal(http2, states["link ws"]); // Nobody answers there either.
    }

    [Fact]
    public async Task An_interrupted_call_ends_with_130()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        using var interruption = CancellationTokenSource.CreateLinkedTokenSource(Token);
        gateway.On("GET /v1/tasks", _ => interruption.CancelAsync());
        using var shell = new TestShell();
        shell.Variables["POLLARD_GATEWAY"] = gateway.Url.ToString();

        Assert.Equal(ExitCode.Interrupted, await shell.RunUntilAsync(interruption.Token, "tasks", "list"));
    }

    // An address where nobody answers: it was somebody's a moment ago.
    private static async Task<string> FreeAddressAsync()
    {
        await using var gone = await ScriptedGateway.StartAsync();
        return gone.Url.ToString();
    }
}
