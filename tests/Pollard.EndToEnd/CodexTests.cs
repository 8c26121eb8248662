using System.Text.Json;
using Pollard.EndToEnd.Support;
using Pollard.Simulators;

namespace Pollard.EndToEnd;

/// <summary>The real Codex of npm as a backend, whose service is the simulator.</summary>
public sealed class CodexTests
{
    private const string Opening = "[simulator]";

    private static readonly SimulatorOptions AnyModel = new() { Models = [new SimulatedModel("*")], Tokens = 12 };

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_turn_and_a_schema_without_a_shell_or_the_machines_own_servers()
    {
        await using var service = await OpenAiSimulator.StartAsync("http://127.0.0.1:0", AnyModel, Token);
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
    public async Task After_kill_of_the_agent_the_conversation_goes_on()
    {
        await using var service = await OpenAiSimulator.StartAsync(
            "http://127.0.0.1:0",
            AnyModel with
            {
                Faults = [new(FaultKind.Stall) { Every = 1, Times = 1 }],
            },
            Token
        );
        await using var agent = await StartAsync(service);
        var id = await agent.SubmitAsync("codex", "remember the word willow");
        await service.UntilAsync(seen => seen.Active == 1, Token);
        await agent.UntilPhaseAsync(id, "waiting", "for the model");
        var session = (await agent.PhasesAsync(id)).First(seen => seen.Phase == "session").Message;

        await agent.KillAsync();
        agent.StartAgain();
        var result = await agent.UntilCompletedAsync(id);

        Assert.StartsWith(Opening, ContentOf(result), StringComparison.Ordinal);
        Assert.Equal(session, result.GetProperty("command").GetProperty("session").GetString());
        var resumed = service.Requests.Last(request => request.Path == "/v1/responses").Body;
        Assert.Contains("remember the word willow", resumed, StringComparison.Ordinal);
        Assert.Contains("You were interrupted.", resumed, StringComparison.Ordinal);
        Assert.Empty(CommandAgent.ProcessesOf(id));
    }

    private static async Task<CommandAgent> StartAsync(RunningSimulator service) =>
        await CommandAgent.StartAsync(
            "codex",
            [],
            home =>
                File.WriteAllText(
                    Path.Combine(home, "codex", "config.toml"),
                    $"""
                    model = "simulated"
                    model_provider = "simulator"
                    [model_providers.simulator]
                    name = "simulator"
                    base_url = "{service.Url}v1"
                    wire_api = "responses"
                    env_key = "SIMULATED_KEY"
                    [mcp_servers.own]
                    command = "/bin/sh"
                    args = ["-c", "touch {home}/leaked; cat > /dev/null"]
                    """
                ),
            "--codex",
            Path.Combine(CommandAgent.Programs, "codex")
        );

    private static IEnumerable<string> Transcripts(CommandAgent agent)
    {
        var sessions = Path.Combine(agent.Home, "codex", "sessions");
        return Directory.Exists(sessions)
            ? Directory.EnumerateFiles(sessions, "*.jsonl", SearchOption.AllDirectories)
            : [];
    }

    private static string ContentOf(JsonElement answer) =>
        answer.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString()!;
}
