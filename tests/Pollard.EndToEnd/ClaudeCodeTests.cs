using System.Text.Json;
using Pollard.EndToEnd.Support;
using Pollard.Simulators;

namespace Pollard.EndToEnd;

/// <summary>The real Claude Code of npm as a backend, whose service is the simulator.</summary>
public sealed class ClaudeCodeTests
{
    private const string Opening = "[simulator]";

    private static readonly SimulatorOptions AnyModel = new() { Models = [new SimulatedModel("*")], Tokens = 12 };

    private static CancellationToken Token => TestContext.Current.CancellationToken;

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

    [Fact]
    public async Task An_upstream_that_fails_is_waited_for_and_said()
    {
        await using var service = await ServiceAsync(
            AnyModel with
            {
                Faults = [new(FaultKind.ServerError) { Every = 1, Times = 1 }],
            }
        );
        await using var agent = await StartAsync(service);

        var id = await agent.SubmitAsync("claude", "hello");
        var result = await agent.UntilCompletedAsync(id);

        Assert.StartsWith(Opening, ContentOf(result), StringComparison.Ordinal);
        Assert.Contains(("waiting", "the upstream failed (500): retry 1 of 10"), await agent.PhasesAsync(id));
    }

    [Fact]
    public async Task A_cancelled_task_leaves_no_process_and_no_file()
    {
        await using var service = await ServiceAsync(Stalling);
        await using var agent = await StartAsync(service);
        var id = await agent.SubmitAsync("claude", "hello");
        await agent.UntilPhaseAsync(id, "text");
        Assert.NotEmpty(CommandAgent.ProcessesOf(id));

        using var cancelled = await agent.Gateway.Http.DeleteAsync($"/v1/tasks/{id}", Token);

        await agent.UntilGoneAsync(id);
        await agent.Gateway.Process.UntilAsync(
            _ => Task.FromResult(!agent.LeftOver.Any() && !Transcripts(agent).Any()),
            "nothing is left"
        );
    }

    [Fact]
    public async Task After_kill_of_the_agent_the_conversation_goes_on()
    {
        await using var service = await ServiceAsync(Stalling);
        await using var agent = await StartAsync(service);
        var id = await agent.SubmitAsync("claude", "remember the word willow");
        await agent.UntilPhaseAsync(id, "text");
        var session = (await agent.PhasesAsync(id)).First(seen => seen.Phase == "session").Message;

        await agent.KillAsync();
        Assert.NotEmpty(CommandAgent.ProcessesOf(id)); // Orphans, which nobody but the next agent will end.
        agent.StartAgain();
        var result = await agent.UntilCompletedAsync(id);

        Assert.StartsWith(Opening, ContentOf(result), StringComparison.Ordinal);
        Assert.Equal(session, result.GetProperty("command").GetProperty("session").GetString());
        var resumed = service.Requests.Last(request => request.Path == "/v1/messages").Body;
        Assert.Contains("remember the word willow", resumed, StringComparison.Ordinal);
        Assert.Contains("You were interrupted.", resumed, StringComparison.Ordinal);
        Assert.Empty(CommandAgent.ProcessesOf(id));
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

    private static SimulatorOptions Stalling =>
        AnyModel with
        {
            Faults =
            [
                new(FaultKind.Stall)
                {
                    Every = 1,
                    Times = 1,
                    AfterTokens = 3,
                },
            ],
        };

    private static Task<RunningSimulator> ServiceAsync(SimulatorOptions options) =>
        AnthropicSimulator.StartAsync("http://127.0.0.1:0", options, Token);

    private static Task<CommandAgent> StartAsync(RunningSimulator service, params string[] arguments) =>
        CommandAgent.StartAsync(
            "claude",
            [$"ANTHROPIC_BASE_URL={service.Url}"],
            ["--claude", Path.Combine(CommandAgent.Programs, "claude"), .. arguments]
        );

    private static IEnumerable<string> Transcripts(CommandAgent agent)
    {
        var projects = Path.Combine(agent.Home, ".claude", "projects");
        return Directory.Exists(projects)
            ? Directory.EnumerateFiles(projects, "*.jsonl", SearchOption.AllDirectories)
            : [];
    }

    private static string ContentOf(JsonElement answer) =>
        answer.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString()!;

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
