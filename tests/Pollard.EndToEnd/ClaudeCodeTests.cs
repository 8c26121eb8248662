using System.Text.Json;
using Pollard.EndToEnd.Support;
using Pollard.Simulators;

namespace Pollard.EndToEnd;

/// <summary>The real Claude Code of npm as a backend, whose service is the simulator.</summary>
public sealed class ClaudeCodeTests : ProgramTests
{
    private protected override string Model => "claude";

    private protected override string AnswerPath => "/v1/messages";

    private protected override (string Phase, string Message) Stalled => ("text", "");

    private protected override string UpstreamFailed => "the upstream failed (500): retry 1 of 10";

    private protected override string PlantTool => "mcp__tree__plant";

    [Fact]
    public async Task A_turn_a_tool_and_a_schema()
    {
        await using var service = await ServiceAsync(AnyModel);
        await using var agent = await StartAsync(service, "--claude-tools", "Read");
        var secret = Path.Combine(agent.Gateway.Data, "secret");
        await File.WriteAllTextAsync(secret, "sesame", Token);

        var turn = await ChatAsync(agent, $"/cost of @{secret}", "\"reasoning_effort\":\"low\"");
        var tool = await agent.SubmitAsync("claude", "use Read");
        var used = await agent.UntilCompletedAsync(tool);
        var schema = await ChatAsync(agent, "use StructuredOutput", Tree);

        Assert.StartsWith(Opening, ContentOf(turn), StringComparison.Ordinal);
        Assert.True(turn.GetProperty("usage").GetProperty("completion_tokens").GetInt32() > 0);
        Assert.True(turn.GetProperty("usage").GetProperty("cost_usd").GetDouble() > 0);
        Assert.DoesNotContain(service.Requests, request => request.Body.Contains("sesame", StringComparison.Ordinal));
        Assert.StartsWith(Opening, ContentOf(used), StringComparison.Ordinal);
        Assert.Contains(("tool", "Read"), await agent.PhasesAsync(tool));
        Assert.Contains(service.Requests, request => request.Body.Contains("tool_result", StringComparison.Ordinal));
        Assert.Equal(JsonValueKind.Number, JsonElement.Parse(ContentOf(schema)).GetProperty("height").ValueKind);
        Assert.Empty(agent.LeftOver);
        Assert.Empty(Transcripts(agent));
    }

    [Theory]
    [InlineData("must_not_contain_string_in_reasoning", "completed")]
    [InlineData("must_contain_in_reasoning", "failed")]
    public async Task It_checks_the_answer_of_another_model(string criterion, string state)
    {
        await using var service = await ServiceAsync(AnyModel);
        await using var agent = await StartAsync(service, "--command", "echo=/bin/cat");
        await agent.Gateway.UntilModelAsync("echo");

        var submitted = await agent.Gateway.PostAsync(
            "/v1/tasks/submit",
            $$"""
            {"llm_config":{"model":"echo","messages":[{"role":"user","content":"the willow grows"}],
              "retry_config":{"max_attempts":2,"initial_delay":0},
              "validation":[{"type":"agent_task","params":{"validation_model":"claude",
                "task_prompt":"Judge with StructuredOutput: {TEXT_TO_VALIDATE}",
                "success_criteria":{"{{criterion}}":"wrong"} } }]} }
            """
        );
        var id = submitted.GetProperty("task_id").GetString()!;
        var ended = await agent.Gateway.GetAsync($"/v1/tasks/{id}/wait?timeout=60"); // As this door tells it.
        var task = await agent.Gateway.GetAsync($"/v1/tasks/{id}");

        Assert.Equal(state, ended.GetProperty("status").GetString());
        Assert.True(task.GetProperty("state").GetString() == state, task.ToString());
        Assert.Equal(state == "failed" ? 2 : 1, task.GetProperty("validation_attempts").GetInt32());
        Assert.Contains(
            service.Requests,
            asked => asked.Body.Contains("Judge with StructuredOutput: the willow grows", StringComparison.Ordinal)
        );
        if (state == "failed")
        {
            var error = task.GetProperty("error");
            Assert.Equal("urn:pollard:error:validation_failed", error.GetProperty("type").GetString());
        }

        Assert.Empty(agent.LeftOver);
    }

    [Fact]
    public async Task A_process_that_waited_takes_the_task_and_after_kill_its_conversation_goes_on()
    {
        await using var service = await ServiceAsync(Stalling);
        await using var agent = await StartAsync(service, "--claude-warm", "1");
        await agent.Gateway.Process.UntilAsync(
            _ => Task.FromResult(CommandAgent.ProcessesOf("spare").Count > 0),
            "a process waits for work"
        );
        var id = await agent.SubmitAsync("claude", "/cost of the word willow");
        await agent.UntilPhaseAsync(id, "text");
        var session = (await agent.PhasesAsync(id)).First(seen => seen.Phase == "session").Message;
        Assert.Empty(CommandAgent.ProcessesOf(id)); // What runs was started for no task in particular.

        await agent.KillAsync();
        agent.StartAgain();
        var result = await agent.UntilCompletedAsync(id);
        var schema = await ChatAsync(agent, "use StructuredOutput", Tree);

        Assert.Equal(session, result.GetProperty("command").GetProperty("session").GetString());
        Assert.Contains(service.Requests, request => request.Body.Contains("You were interrupted.", Ordinal));
        Assert.Contains(service.Requests, request => request.Body.Contains("/cost of the word willow", Ordinal));
        Assert.Equal(JsonValueKind.Number, JsonElement.Parse(ContentOf(schema)).GetProperty("height").ValueKind);
        await agent.StopAsync();
        Assert.Empty(CommandAgent.ProcessesOf("spare"));
        Assert.Empty(agent.LeftOver);
        Assert.Empty(Transcripts(agent));
    }

    private const StringComparison Ordinal = StringComparison.Ordinal;

    private const string Tree = """
        "response_format":{"type":"json_schema","json_schema":{"name":"tree","schema":
        {"type":"object","properties":{"height":{"type":"integer"}},"required":["height"]}}}
        """;

    private protected override Task<RunningSimulator> ServiceAsync(SimulatorOptions options) =>
        AnthropicSimulator.StartAsync("http://127.0.0.1:0", options, Token);

    private protected override Task<CommandAgent> StartAsync(RunningSimulator service, params string[] arguments) =>
        CommandAgent.StartAsync(
            "claude",
            [$"ANTHROPIC_BASE_URL={service.Url}"],
            ["--claude", Path.Combine(CommandAgent.Programs, "claude"), .. arguments]
        );

    private protected override IEnumerable<string> Transcripts(CommandAgent agent) =>
        FilesBelow(Path.Combine(agent.Home, ".claude", "projects"));

    private static async Task<JsonElement> ChatAsync(CommandAgent agent, string text, string members)
    {
        var answer = await agent.Gateway.PostAsync(
            "/v1/chat/completions",
            $$"""{"model":"claude","messages":[{"role":"user","content":"{{text}}"}],{{members}}}"""
        );
        Assert.True(answer.TryGetProperty("choices", out _), answer.ToString());
        return answer;
    }
}
