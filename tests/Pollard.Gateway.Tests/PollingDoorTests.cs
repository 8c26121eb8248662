using System.Text.Json;
using System.Text.RegularExpressions;
using Pollard.Protocol.HostLink;
using static Pollard.Gateway.Tests.TestGateway;

namespace Pollard.Gateway.Tests;

/// <summary>The Claude proxy's contract: bodies, status codes and words as its clients know them.</summary>
public sealed partial class PollingDoorTests
{
    private const string Chat =
        """{"model":"max/text-general","messages":[{"role":"user","content":"hi"}],"polling_mode":true}""";

    [Fact]
    public async Task A_call_is_handed_in_followed_and_read()
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("claude");

        var receipt = await JsonOf(gateway.PostAsync("/v1/chat/completions", Chat));
        var id = receipt.GetProperty("task_id").GetString()!;
        Assert.Matches(Uuid4, id);
        Assert.Equal("pending", receipt.GetProperty("status").GetString());
        Assert.Equal("Task submitted for background execution", receipt.GetProperty("message").GetString());
        Assert.Equal($"/v1/polling/status/{id}", receipt.GetProperty("polling_url").GetString());

        var attempt = await host.TakeAsync();
        attempt.Send(DeltaKind.Progress, """{"phase":"tool","message":"Bash"}""");
        var tool = await gateway.JsonOnceAsync(
            $"/v1/polling/status/{id}",
            static read => read.GetProperty("progress").GetProperty("stage").GetString() == "tool_execution"
        );
        Assert.Equal("running", tool.GetProperty("status").GetString());
        Assert.Equal("tool_execution", tool.GetProperty("progress").GetProperty("stage").GetString());
        Assert.Equal("Bash", tool.GetProperty("progress").GetProperty("tool_calls")[0].GetString());
        Assert.Equal(JsonValueKind.Number, tool.GetProperty("started_at").ValueKind);
        Assert.Equal(JsonValueKind.Null, tool.GetProperty("completed_at").ValueKind);
        Assert.False(tool.TryGetProperty("result", out _));
        var active = await JsonOf(gateway.GetAsync("/v1/polling/active"));
        Assert.Equal(1, active.GetProperty("count").GetInt32());
        Assert.Equal(id, active.GetProperty("active_tasks")[0].GetProperty("task_id").GetString());
        Assert.Equal("max/text-general", active.GetProperty("active_tasks")[0].GetProperty("model").GetString());

        attempt.Say("4").Finish();
        var done = await UntilAsync(gateway, id, "completed");
        Assert.Equal(
            "4",
            done.GetProperty("result")
                .GetProperty("choices")[0]
                .GetProperty("message")
                .GetProperty("content")
                .GetString()
        );
        Assert.Equal(0, (await JsonOf(gateway.GetAsync("/v1/polling/active"))).GetProperty("count").GetInt32());
    }

    [Fact]
    public async Task Who_waits_gets_the_answer_by_the_name_of_the_model_that_was_asked()
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("claude");

        var sent = gateway.PostAsync("/v1/chat/completions", Chat.Replace("true", "false", StringComparison.Ordinal));
        (await host.TakeAsync()).Say("4").Finish();

        var answer = await JsonOf(sent);
        Assert.Matches("^claude-[0-9a-f]{8}$", answer.GetProperty("id").GetString()!);
        Assert.Equal("max/text-general", answer.GetProperty("model").GetString());
        Assert.Equal("chat.completion", answer.GetProperty("object").GetString());
        Assert.Equal(5, answer.GetProperty("usage").GetProperty("total_tokens").GetInt32());
    }

    [Fact]
    public async Task Impatience_is_a_408_with_the_id_and_the_task_goes_on()
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("claude");

        var sent = gateway.PostAsync(
            "/v1/chat/completions",
            """{"model":"max/x","messages":[{"role":"user","content":"hi"}],"polling_mode":false,"timeout":0.2}"""
        );
        var attempt = await host.TakeAsync();
        var late = await JsonOf(sent, 408);
        attempt.Say("late").Finish();

        Assert.Equal("Request timeout", late.GetProperty("error").GetString());
        Assert.Equal(0.2, late.GetProperty("timeout").GetDouble());
        var id = late.GetProperty("task_id").GetString()!;
        Assert.Contains($"/v1/polling/status/{id}", late.GetProperty("message").GetString(), StringComparison.Ordinal);
        await UntilAsync(gateway, id, "completed");
    }

    [Fact]
    public async Task A_cancelled_call_is_over_for_good_and_said_to_be_gone_the_second_time()
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("claude");
        var id = await SubmitAsync(gateway);
        var attempt = await host.TakeAsync();

        var cancelled = await JsonOf(gateway.PostAsync($"/v1/polling/cancel/{id}", ""));
        Assert.Equal($"Task {id} cancelled", cancelled.GetProperty("message").GetString());
        await host.CancelledAsync();

        var status = await StatusAsync(gateway, id);
        Assert.Equal("cancelled", status.GetProperty("status").GetString());
        Assert.False(status.TryGetProperty("error", out _));
        var again = await JsonOf(gateway.PostAsync($"/v1/polling/cancel/{id}", ""), 404);
        Assert.Equal($"Task {id} not found or already completed", again.GetProperty("detail").GetString());
        Assert.NotNull(attempt);
    }

    [Fact]
    public async Task A_call_cancelled_while_it_waits_is_never_run_and_no_longer_active()
    {
        await using var gateway = await StartAsync();
        var other = gateway.Connect("claude");
        other.Leave();
        var id = await SubmitAsync(gateway);

        await JsonOf(gateway.PostAsync($"/v1/polling/cancel/{id}", ""));

        Assert.Equal("cancelled", (await StatusAsync(gateway, id)).GetProperty("status").GetString());
        Assert.Equal(0, (await JsonOf(gateway.GetAsync("/v1/polling/active"))).GetProperty("count").GetInt32());
        var back = gateway.Connect("claude");
        var next = await SubmitAsync(gateway);
        Assert.Equal(next, await NameAsync(gateway, (await back.TakeAsync()).TaskId));
    }

    [Fact]
    public async Task A_failure_has_its_words_and_is_no_completed_null()
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("claude");

        var sent = gateway.PostAsync("/v1/chat/completions", Chat.Replace("true", "false", StringComparison.Ordinal));
        var id = await NameAsync(gateway, await FailAsync(host));

        var failed = await JsonOf(sent, 500);
        Assert.Equal($"Task {id} failed: claude exited with code 3", failed.GetProperty("detail").GetString());
        var status = await StatusAsync(gateway, id);
        Assert.Equal("failed", status.GetProperty("status").GetString());
        Assert.Equal("claude exited with code 3", status.GetProperty("error").GetString());
    }

    [Theory]
    [InlineData(
        """{"model":"max/x","messages":[{"role":"system","content":"s"}],"polling_mode":true}""",
        400,
        "No user message provided"
    )]
    [InlineData(
        """{"model":"max/x","messages":[{"role":"user","content":"x"}],"polling_mode":true,"stream":true}""",
        400,
        "stream"
    )]
    [InlineData(
        """{"model":"max/x","messages":[{"role":"user","content":"x"}],"polling_mode":true,"timeout":-1}""",
        400,
        "timeout"
    )]
    [InlineData(
        """{"model":"max/x","messages":[{"role":"user","content":"x"}],"polling_mode":true,"api_base":"http://evil"}""",
        400,
        "api_base"
    )]
    [InlineData(
        """{"model":"max/x","messages":[{"role":"user","content":"x"}],"polling_mode":true,"api_key":"k"}""",
        400,
        "api_key"
    )]
    [InlineData(
        """{"model":"max/x","messages":[{"role":"user","content":"x"}],"polling_mode":true,"validation":["nope"]}""",
        400,
        "nope"
    )]
    [InlineData("""{"model":"nobody","messages":[{"role":"user","content":"x"}],"polling_mode":true}""", 404, "nobody")]
    public async Task What_is_wrong_is_said_as_a_detail(string body, int status, string word)
    {
        await using var gateway = await StartAsync();
        gateway.Connect("claude");

        var error = await JsonOf(gateway.PostAsync("/v1/chat/completions", body), status);

        Assert.Contains(word, error.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_task_is_a_404_with_its_id()
    {
        await using var gateway = await StartAsync();

        var error = await JsonOf(gateway.GetAsync("/v1/polling/status/1b4e28ba-2fa1-41d2-883f-0016d3cca427"), 404);

        Assert.Equal("Task 1b4e28ba-2fa1-41d2-883f-0016d3cca427 not found", error.GetProperty("detail").GetString());
    }

    [Fact]
    public async Task On_its_own_port_it_is_the_proxy_also_without_a_mode()
    {
        await using var gateway = await StartAsync(options => options with { ClaudeProxyUrl = "http://127.0.0.1:0" });
        var host = gateway.Connect("claude");
        using var client = gateway.NewClient(null);
        using var own = new HttpClient(new SocketsHttpHandler()) { BaseAddress = gateway.Server.ClaudeProxyAddress };

        var health = await JsonOf(own.GetAsync("/health", Token));
        var sent = PostAsync(
            own,
            "/v1/chat/completions",
            """{"model":"max/x","messages":[{"role":"user","content":"x"}]}"""
        );
        (await host.TakeAsync()).Say("y").Finish();
        var broken = await JsonOf(PostAsync(own, "/v1/chat/completions", "{"), 400);

        Assert.Equal("healthy", health.GetProperty("status").GetString());
        Assert.True(health.GetProperty("polling_support").GetBoolean());
        Assert.StartsWith("claude-", (await JsonOf(sent)).GetProperty("id").GetString(), StringComparison.Ordinal);
        Assert.Equal(JsonValueKind.String, broken.GetProperty("detail").ValueKind);
        Assert.Equal(404, (int)(await client.GetAsync("/health", Token)).StatusCode);
    }

    private static async Task<string> SubmitAsync(TestGateway gateway, string prompt = "hi")
    {
        var receipt = await JsonOf(
            gateway.PostAsync("/v1/chat/completions", Chat.Replace("\"hi\"", $"\"{prompt}\"", StringComparison.Ordinal))
        );
        return receipt.GetProperty("task_id").GetString()!;
    }

    private static Task<JsonElement> StatusAsync(TestGateway gateway, string id) =>
        JsonOf(gateway.GetAsync($"/v1/polling/status/{id}"));

    private static async Task<JsonElement> UntilAsync(TestGateway gateway, string id, string state)
    {
        await JsonOf(gateway.GetAsync($"/v1/tasks/{id}/wait?timeout=30"));
        var status = await StatusAsync(gateway, id);
        Assert.Equal(state, status.GetProperty("status").GetString());
        return status;
    }

    private static async Task<string> NameAsync(TestGateway gateway, string taskId) =>
        (await JsonOf(gateway.GetAsync($"/v1/tasks/{taskId}"))).GetProperty("name").GetString()!;

    private static async Task<string> FailAsync(FakeHost host)
    {
        var attempt = await host.TakeAsync();
        attempt.Fail("command_failed", "claude exited with code 3");
        return attempt.TaskId;
    }

    [GeneratedRegex(
        "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$",
        RegexOptions.NonBacktracking
    )]
    private static partial Regex Uuid4 { get; }
}
