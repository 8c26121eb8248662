using System.Text.Json;
using Pollard.EndToEnd.Support;
using Pollard.Simulators;

namespace Pollard.EndToEnd;

/// <summary>What holds for each real program of npm as a backend, whose service is the simulator.</summary>
public abstract class ProgramTests
{
    private protected const string Opening = "[simulator]";

    private protected static SimulatorOptions AnyModel { get; } =
        new() { Models = [new SimulatedModel("*")], Tokens = 12 };

    private protected static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>What clients ask for.</summary>
    private protected abstract string Model { get; }

    /// <summary>Where the program asks its service for an answer.</summary>
    private protected abstract string AnswerPath { get; }

    /// <summary>What a task says of itself while its answer has begun and does not go on.</summary>
    private protected abstract (string Phase, string Message) Stalled { get; }

    /// <summary>How a task begins to say that the service answered 500 once.</summary>
    private protected abstract string UpstreamFailed { get; }

    /// <summary>The name by which the model calls the tool <c>plant</c> of the server <c>tree</c>.</summary>
    private protected abstract string PlantTool { get; }

    private protected static SimulatorOptions Stalling =>
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

        var id = await agent.SubmitAsync(Model, "hello");
        var result = await agent.UntilCompletedAsync(id);

        Assert.StartsWith(Opening, ContentOf(result), StringComparison.Ordinal);
        Assert.Contains(
            await agent.PhasesAsync(id),
            seen => seen.Phase == "waiting" && seen.Message.StartsWith(UpstreamFailed, StringComparison.Ordinal)
        );
    }

    [Fact]
    public async Task A_cancelled_task_leaves_no_process_and_no_file()
    {
        await using var service = await ServiceAsync(Stalling);
        await using var agent = await StartAsync(service);
        var id = await StalledAsync(agent, service);
        Assert.NotEmpty(CommandAgent.ProcessesOf(id));

        using var cancelled = await agent.Gateway.Http.DeleteAsync($"/v1/tasks/{id}", Token);

        await agent.UntilGoneAsync(id);
        var task = await agent.Gateway.GetAsync($"/v1/tasks/{id}");
        Assert.Equal("cancelled", task.GetProperty("state").GetString());
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
        var id = await StalledAsync(agent, service);
        var session = (await agent.PhasesAsync(id)).First(seen => seen.Phase == "session").Message;

        await agent.KillAsync();
        Assert.NotEmpty(CommandAgent.ProcessesOf(id)); // Orphans, which nobody but the next agent will end.
        agent.StartAgain();
        var result = await agent.UntilCompletedAsync(id);

        Assert.StartsWith(Opening, ContentOf(result), StringComparison.Ordinal);
        Assert.Equal(session, result.GetProperty("command").GetProperty("session").GetString());
        var resumed = service.Requests.Last(request => request.Path == AnswerPath).Body;
        Assert.Contains("remember the word willow", resumed, StringComparison.Ordinal);
        Assert.Contains("You were interrupted.", resumed, StringComparison.Ordinal);
        Assert.Empty(CommandAgent.ProcessesOf(id));
        Assert.Empty(agent.LeftOver);
    }

    [Fact]
    public async Task After_kill_of_the_gateway_the_task_ends_once()
    {
        await using var service = await ServiceAsync(AnyModel with { Tokens = 40, TokensPerSecond = 8 });
        await using var agent = await StartAsync(service);
        var id = await StalledAsync(agent, service);
        Assert.NotEmpty(CommandAgent.ProcessesOf(id));

        await agent.Gateway.KillAndRestartAsync();
        var result = await agent.UntilCompletedAsync(id);

        Assert.StartsWith(Opening, ContentOf(result), StringComparison.Ordinal);
        await CrashTests.CheckEventsAsync(agent.Gateway, id, ContentOf(result));
        var events = await agent.Gateway.Http.GetStringAsync($"/v1/tasks/{id}/events?after=-1", Token);
        Assert.Equal(2, events.Split("\"completed\"").Length);
        await agent.UntilGoneAsync(id);
        await agent.Gateway.Process.UntilAsync(_ => Task.FromResult(!agent.LeftOver.Any()), "nothing is left");
    }

    [Fact]
    public async Task A_server_of_the_owners_file_is_called_with_its_secret_and_ends_with_its_task()
    {
        await using var service = await ServiceAsync(AnyModel);
        await using var agent = await StartAsync(service);

        var id = await agent.SubmitAsync(
            Model,
            $"use {PlantTool}",
            asks: """
            "mcp_config":{"mcpServers":{"tree":{"command":"/bin/false"}}},
            """
        );
        var result = await agent.UntilCompletedAsync(id);

        Assert.StartsWith(Opening, ContentOf(result), StringComparison.Ordinal);
        Assert.Contains(await agent.PhasesAsync(id), seen => seen.Phase == "tool");
        var answered = service.Requests.Last(request => request.Path == AnswerPath).Body;
        Assert.Contains("planted with sesame", answered, StringComparison.Ordinal);
        Assert.Empty(CommandAgent.ProcessesOf(id));
    }

    private protected abstract Task<RunningSimulator> ServiceAsync(SimulatorOptions options);

    private protected abstract Task<CommandAgent> StartAsync(RunningSimulator service, params string[] arguments);

    /// <summary>What the program itself keeps of conversations.</summary>
    private protected abstract IEnumerable<string> Transcripts(CommandAgent agent);

    private protected static string ContentOf(JsonElement answer) =>
        answer.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString()!;

    private protected static IEnumerable<string> FilesBelow(string folder) =>
        Directory.Exists(folder) ? Directory.EnumerateFiles(folder, "*.jsonl", SearchOption.AllDirectories) : [];

    private async Task<string> StalledAsync(CommandAgent agent, RunningSimulator service)
    {
        var id = await agent.SubmitAsync(Model, "remember the word willow");
        await service.UntilAsync(seen => seen.Active == 1, Token);
        await agent.UntilPhaseAsync(id, Stalled.Phase, Stalled.Message);
        return id;
    }
}
