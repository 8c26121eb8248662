using Pollard.Agent.Tests.Link;

namespace Pollard.Agent.Tests.TaskServers;

/// <summary>An agent that is stopped, or gone at once, and the next one in its place: nothing that was fetched is lost.</summary>
public sealed class StoppingTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("pollard-").FullName;

    public void Dispose()
    {
        if (!OperatingSystem.IsWindows())
        {
            foreach (var folder in Directory.GetDirectories(_folder, "*", SearchOption.AllDirectories))
            {
                File.SetUnixFileMode(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            }
        }

        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task A_stop_finishes_and_delivers_what_runs_and_leaves_what_waits_to_the_next_agent()
    {
        var backend = new ConductedBackend();
        await using var server = await TaskServer.StartAsync(new TaskServer { AlwaysGives = true });
        var agent = StartAgent(server, backend);
        var (first, second) = (await backend.NextAsync(), await backend.NextAsync());
        await agent.UntilAsync(status => status.Tasks!.Process.Depth == 2);

        await agent.BeginStopAsync();
        await agent.UntilAsync(status => status.State == "stopping");
        first.Finish();
        second.Finish();
        var exit = await agent.Exit;

        Assert.Equal(AgentEnd.Stopped, exit.End);
        Assert.Equal(2, server.Results().Count);
        Assert.Equal((2, 0), (TaskAgent.Journal(_folder, ".task").Count, TaskAgent.Journal(_folder, ".result").Count));

        server.AlwaysGives = false; // Or the next agent's own tasks could be delivered first.
        await using var next = StartAgent(server, new ReadyBackend());
        string?[] brought =
        [
            (await server.ResultAsync()).GetProperty("taskId").GetString(),
            (await server.ResultAsync()).GetProperty("taskId").GetString(),
        ];
        Assert.Equal(["t3", "t4"], brought.Order());
        await next.StopAsync();
    }

    [Fact]
    public async Task What_was_not_begun_is_given_back_where_the_server_takes_it()
    {
        var backend = new ConductedBackend();
        await using var server = await TaskServer.StartAsync(new TaskServer { AlwaysGives = true, TakesBack = true });
        var agent = StartAgent(server, backend);
        var (first, second) = (await backend.NextAsync(), await backend.NextAsync());
        await agent.UntilAsync(status => status.Tasks!.Process.Depth == 2);

        await agent.BeginStopAsync();
        await agent.UntilAsync(status => status.State == "stopping");
        first.Finish();
        second.Finish();
        await agent.Exit;

        Assert.Equal(["t3", "t4"], server.TakenBack.Order());
        Assert.Equal(2, server.Results().Count);
        Assert.Empty(TaskAgent.Journal(_folder, ".task"));
    }

    [Fact]
    public async Task What_is_not_done_by_the_deadline_of_a_stop_is_run_again_by_the_next_agent()
    {
        var backend = new ConductedBackend();
        await using var server = await TaskServer.StartAsync();
        server.Put("t1");
        var agent = StartAgent(server, backend, options => options with { DrainWithin = TimeSpan.Zero });
        var run = await backend.NextAsync();

        await agent.StopAsync();
        await using var next = StartAgent(server, new ReadyBackend("again"));
        var result = await server.ResultAsync();

        Assert.True(run.Stopping.IsCancellationRequested);
        Assert.Equal("again", result.GetProperty("result").GetString());
        await next.StopAsync();
        Assert.Empty(server.Results()); // The stopped run was no result.
    }

    [Fact]
    public async Task A_task_in_an_answer_that_comes_while_the_agent_stops_is_kept()
    {
        var held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var server = await TaskServer.StartAsync();
        server.Put("t1");
        server.HoldFetch = () => held.Task;
        var agent = StartAgent(server, new ReadyBackend());
        await server.CalledAsync("get-task");

        await agent.BeginStopAsync();
        await agent.UntilAsync(status => status.State == "stopping");
        held.SetResult();
        await agent.Exit;

        Assert.Single(TaskAgent.Journal(_folder, ".task"));
    }

    [Fact]
    public async Task A_result_that_could_not_be_delivered_is_brought_by_the_next_agent_and_not_made_again()
    {
        await using var server = await TaskServer.StartAsync();
        server.Put("t1");
        server.Deliveries.Enqueue(TaskServer.Say(500, ""));
        var agent = StartAgent(
            server,
            new ReadyBackend("the first answer"),
            options => options with { DrainWithin = TimeSpan.Zero }
        );
        await server.CalledAsync("complete-task");
        await agent.StopAsync();

        var backend = new ReadyBackend("another answer");
        await using var next = StartAgent(server, backend);
        var result = await server.ResultAsync();
        await next.StopAsync();

        Assert.Equal(("the first answer", 0), (result.GetProperty("result").GetString(), backend.Runs));
        Assert.Empty(TaskAgent.Journal(_folder, ".result"));
    }

    [Fact]
    public async Task A_large_result_lies_in_a_file_until_it_is_taken()
    {
        var text = new string('x', 1_000_000);
        await using var server = await TaskServer.StartAsync();
        server.Put("t1");
        server.Deliveries.Enqueue(TaskServer.CutAsync);
        await using var agent = StartAgent(server, new ReadyBackend(text));

        var result = await server.ResultAsync();
        await agent.UntilAsync(status => status.Tasks is { Delivered: 1, Deliver.Depth: 0 });

        Assert.Equal(text, result.GetProperty("result").GetString());
        Assert.Empty(TaskAgent.Journal(_folder, ".result"));
        await agent.StopAsync();
    }

    [Fact]
    public async Task Two_agents_do_not_share_a_journal()
    {
        await using var server = await TaskServer.StartAsync();
        await using var agent = StartAgent(server, new ReadyBackend());
        await server.CalledAsync("get-task");

        await using var other = StartAgent(server, new ReadyBackend());
        var exit = await other.Exit;

        Assert.Equal(AgentEnd.Refused, exit.End);
        Assert.Contains("journal", exit.Reason, StringComparison.Ordinal);
        await agent.StopAsync();
    }

    private TaskAgent StartAgent(
        TaskServer server,
        Pollard.Agent.Backends.IBackend backend,
        Func<AgentOptions, AgentOptions>? with = null
    ) => new(server.Url, backend, with, _folder);
}
