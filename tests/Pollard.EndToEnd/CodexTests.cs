using System.Text.Json;
using Pollard.EndToEnd.Support;
using Pollard.Simulators;

namespace Pollard.EndToEnd;

/// <summary>The real Codex of npm as a backend, whose service is the simulator.</summary>
public sealed class CodexTests : ProgramTests
{
    private protected override string Model => "codex";

    private protected override string AnswerPath => "/v1/responses";

    private protected override (string Phase, string Message) Stalled => ("waiting", "for the model");

    private protected override string UpstreamFailed => "the upstream failed: Reconnecting... 1/2";

    private protected override string PlantTool => "plant";

    [Fact]
    public async Task A_turn_and_a_schema_without_a_shell_or_the_machines_own_servers()
    {
        await using var service = await ServiceAsync(AnyModel);
        await using var agent = await StartAsync(service);

        var turn = await agent.UntilCompletedAsync(await agent.SubmitAsync("codex", "use exec_command"));
        var shaped = await agent.Gateway.PostAsync(
            "/v1/chat/completions",
            """
            {"model":"codex","messages":[{"role":"user","content":"hello"}],
             "response_format":{"type":"json_schema","json_schema":{"name":"tree","schema":
             {"type":"object","properties":{"height":{"type":"integer"}},"required":["height"],"additionalProperties":false}}}}
            """
        );

        Assert.StartsWith(Opening, ContentOf(turn), StringComparison.Ordinal);
        Assert.True(turn.GetProperty("usage").GetProperty("completion_tokens").GetInt32() > 0);
        Assert.Equal(JsonValueKind.Number, JsonElement.Parse(ContentOf(shaped)).GetProperty("height").ValueKind);
        Assert.All(
            service.Requests.Where(request => request.Path == "/v1/responses"),
            request => Assert.DoesNotContain("\"name\":\"exec_command\"", request.Body, StringComparison.Ordinal)
        );
        Assert.False(File.Exists(Path.Combine(agent.Home, "leaked")));
        Assert.Empty(agent.LeftOver);
        Assert.Empty(Transcripts(agent));
    }

    [Fact]
    public async Task An_upstream_that_goes_on_failing_fails_the_task_in_its_words()
    {
        await using var service = await ServiceAsync(
            AnyModel with
            {
                Faults = [new(FaultKind.ServerError) { Every = 1 }],
            }
        );
        await using var agent = await StartAsync(service);

        var id = await agent.SubmitAsync("codex", "hello", "\"max_attempts\":2,");
        var task = await agent.Gateway.GetAsync($"/v1/tasks/{id}/wait?timeout=60");

        Assert.True(task.GetProperty("state").GetString() == "failed", task.ToString());
        var error = task.GetProperty("error");
        Assert.Equal("urn:pollard:error:command_failed", error.GetProperty("type").GetString());
        Assert.StartsWith("codex: We", error.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Equal(2, task.GetProperty("attempt").GetInt32());
        Assert.Contains(
            await agent.PhasesAsync(id),
            seen => seen.Phase == "waiting" && seen.Message.StartsWith(UpstreamFailed, StringComparison.Ordinal)
        );
        Assert.Empty(CommandAgent.ProcessesOf(id));
    }

    private protected override Task<RunningSimulator> ServiceAsync(SimulatorOptions options) =>
        OpenAiSimulator.StartAsync("http://127.0.0.1:0", options, Token);

    private protected override Task<CommandAgent> StartAsync(RunningSimulator service, params string[] arguments) =>
        CommandAgent.StartAsync(
            "codex",
            [],
            home =>
                File.WriteAllText(
                    Path.Combine(home, "codex", "config.toml"),
                    $$"""
                    model = "simulated"
                    model_provider = "simulator"
                    [model_providers.simulator]
                    name = "simulator"
                    base_url = "{{service.Url}}v1"
                    wire_api = "responses"
                    env_key = "SIMULATED_KEY"
                    request_max_retries = 0
                    stream_max_retries = 2
                    [mcp_servers.own]
                    command = "/bin/sh"
                    args = ["-c", "touch {{home}}/leaked; cat > /dev/null"]
                    [mcp_servers]
                    inline = { command = "/bin/sh", args = ["-c", "touch {{home}}/leaked; cat > /dev/null"] }
                    """
                ),
            ["--codex", Path.Combine(CommandAgent.Programs, "codex"), .. arguments]
        );

    private protected override IEnumerable<string> Transcripts(CommandAgent agent) =>
        FilesBelow(Path.Combine(agent.Home, "codex", "sessions"));
}
