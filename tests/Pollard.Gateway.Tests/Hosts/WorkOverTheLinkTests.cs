using Pollard.Tasks;

namespace Pollard.Gateway.Tests.Hosts;

/// <summary>An agent and a gateway, the real things, over each carrier.</summary>
public sealed class WorkOverTheLinkTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("memory")]
    [InlineData("h2")]
    [InlineData("ws")]
    [InlineData("turn")]
    public async Task A_task_is_run_and_read_along(string carrier)
    {
        await using var gateway = await LinkGateway.StartAsync();
        var backend = new FakeBackend();
        await using var agent = new RunningAgent(gateway, backend, gateway.Choose(carrier));

        var task = await gateway.SubmitAsync();
        var run = await backend.NextAsync();
        var reading = LinkGateway.ReadAlongAsync(task);
        await run.WriteAsync("Hello");
        await run.WriteAsync(", wörld");
        run.Finish();

        Assert.Equal("Hello, wörld", await reading);
        Assert.Equal("Hello, wörld", await LinkGateway.ResultAsync(task));
        Assert.Equal("""{"messages":[]}""", System.Text.Encoding.UTF8.GetString(run.Work.Request.Span));
    }

    [Theory]
    [InlineData("memory")]
    [InlineData("h2")]
    [InlineData("ws")]
    [InlineData("turn")]
    public async Task A_request_of_megabytes_arrives_whole(string carrier)
    {
        await using var gateway = await LinkGateway.StartAsync();
        var backend = new FakeBackend();
        await using var agent = new RunningAgent(gateway, backend, gateway.Choose(carrier));
        var request = $$"""{"image":"{{new string('x', 3_000_000)}}"}""";

        var task = await gateway.SubmitAsync(request: request);
        var run = await backend.NextAsync();
        run.Finish();

        Assert.Equal(request, System.Text.Encoding.UTF8.GetString(run.Work.Request.Span));
        Assert.Equal("", await LinkGateway.ResultAsync(task));
    }

    [Theory]
    [InlineData("memory")]
    [InlineData("h2")]
    [InlineData("ws")]
    [InlineData("turn")]
    public async Task A_cancelled_task_stops_its_backend(string carrier)
    {
        await using var gateway = await LinkGateway.StartAsync();
        var backend = new FakeBackend();
        await using var agent = new RunningAgent(gateway, backend, gateway.Choose(carrier));
        var task = await gateway.SubmitAsync();
        var run = await backend.NextAsync();

        Assert.True(await gateway.Engine.CancelAsync(task, "the client left", Token));

        await run.StoppedAsync();
        Assert.Equal(TaskState.Cancelled, task.Row.State);
    }

    [Theory]
    [InlineData("memory")]
    [InlineData("h2")]
    [InlineData("ws")]
    [InlineData("turn")]
    public async Task A_failure_that_no_retry_mends_ends_the_task(string carrier)
    {
        await using var gateway = await LinkGateway.StartAsync();
        var backend = new FakeBackend();
        await using var agent = new RunningAgent(gateway, backend, gateway.Choose(carrier));
        var task = await gateway.SubmitAsync();
        var run = await backend.NextAsync();

        run.Fail("bad_request", retryable: false);

        var row = await task.WaitAsync(TimeSpan.FromSeconds(30), Token);
        Assert.Equal((TaskState.Failed, "bad_request"), (row.State, row.Error?.Code));
    }

    [Theory]
    [InlineData("memory")]
    [InlineData("h2")]
    [InlineData("ws")]
    [InlineData("turn")]
    public async Task Many_tasks_share_the_slots(string carrier)
    {
        await using var gateway = await LinkGateway.StartAsync();
        var backend = new FakeBackend();
        await using var agent = new RunningAgent(gateway, backend, gateway.Choose(carrier));
        var tasks = new List<TaskHandle>();
        for (var i = 0; i < 40; i++)
        {
            tasks.Add(await gateway.SubmitAsync(stream: i % 2 == 0));
        }

        var serving = backend.ServeAsync(run => run.Work.Offer.Task);

        foreach (var task in tasks)
        {
            Assert.Equal(task.PublicId, await LinkGateway.ResultAsync(task));
        }

        Assert.False(serving.IsFaulted, serving.Exception?.Message);
    }

    [Theory]
    [InlineData("memory")]
    [InlineData("h2")]
    [InlineData("ws")]
    [InlineData("turn")]
    public async Task An_agent_that_stops_delivers_what_it_runs(string carrier)
    {
        await using var gateway = await LinkGateway.StartAsync();
        var backend = new FakeBackend();
        await using var agent = new RunningAgent(gateway, backend, gateway.Choose(carrier));
        var task = await gateway.SubmitAsync(durability: Durability.Full);
        var run = await backend.NextAsync();

        var stopping = agent.StopAsync();
        await run.WriteAsync("to the end");
        run.Finish();

        Assert.Equal(Agent.AgentEnd.Stopped, (await stopping).End);
        Assert.Equal("to the end", await LinkGateway.ResultAsync(task));
        Assert.Empty(gateway.Engine.Hosts.List());
    }
}
