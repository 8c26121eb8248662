using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Pollard.Agent.Backends;
using Pollard.Agent.Pipeline;
using Pollard.Agent.Tests.Backends;
using Pollard.Agent.Tests.Link;
using Pollard.Testing;

namespace Pollard.Agent.Tests.TaskServers;

/// <summary>From a task server through the processors and back: each of the failures of the first agents of such servers, without it.</summary>
public sealed class TaskPipelineTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_task_comes_back_with_what_the_backend_said()
    {
        await using var server = await TaskServer.StartAsync();
        server.Put("t1");
        await using var agent = new TaskAgent(server.Url, new ReadyBackend("Hi there"));

        var result = await server.ResultAsync();

        Assert.Equal(
            """{"taskId":"t1","result":"Hi there","finish_reason":"stop"}""",
            JsonSerializer.Serialize(result, JsonSerializerOptions.Default)
        );
        Assert.Equal(AgentEnd.Stopped, (await agent.StopAsync()).End);
        Assert.Empty(TaskAgent.Journal(agent.Folder, ".task"));
    }

    [Fact]
    public async Task A_task_that_was_given_twice_while_it_is_known_is_done_once()
    {
        var backend = new ConductedBackend();
        await using var server = await TaskServer.StartAsync();
        server.Put("t1");
        server.Put("t1");
        await using var agent = new TaskAgent(server.Url, backend);
        var run = await backend.NextAsync();
        await server.CalledAsync("get-task");
        await server.CalledAsync("get-task");
        await server.CalledAsync("get-task"); // The second has been heard.

        run.Finish();
        await server.ResultAsync();
        var status = await agent.UntilAsync(status => status.Tasks!.Delivered == 1);
        await agent.StopAsync();

        Assert.Equal((1L, 0), (status.Tasks!.Fetched, server.Results().Count));
    }

    [Fact]
    public async Task No_more_requests_are_open_than_may_be_and_results_pass_a_question_that_is_held()
    {
        var held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var backend = new ConductedBackend();
        await using var server = await TaskServer.StartAsync();
        server.Put("t1");
        await using var agent = new TaskAgent(server.Url, backend);
        var run = await backend.NextAsync();
        server.HoldFetch = () => held.Task;
        await server.CalledAsync("get-task");

        run.Finish();
        var result = await server.ResultAsync();

        Assert.Equal("t1", result.GetProperty("taskId").GetString());
        Assert.InRange(server.MostOpen, 1, 2);
        held.SetResult();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public async Task Under_load_the_requests_stay_within_their_limit(int most)
    {
        await using var server = await TaskServer.StartAsync(new TaskServer { AlwaysGives = true });
        await using var agent = new TaskAgent(
            server.Url,
            new ReadyBackend(),
            options => options with { Slots = 20, MaxConnections = most }
        );

        for (var i = 0; i < 300; i++)
        {
            await server.ResultAsync();
        }

        await agent.StopAsync();
        Assert.InRange(server.MostOpen, 1, most);
    }

    [Fact]
    public async Task Fetching_stops_at_the_threshold_goes_on_below_it_and_nothing_is_dropped()
    {
        var clock = new JumpingClock(DateTimeOffset.UnixEpoch);
        Assert.True(DeliveryThreshold.TryParse("4", out var threshold));
        await using var server = await TaskServer.StartAsync(new TaskServer { AlwaysGives = true });
        server.Deliveries.Enqueue(TaskServer.Say(500, "")); // The deliverer leaves the server alone for a while after each.
        server.Deliveries.Enqueue(TaskServer.Say(500, ""));
        await using var agent = new TaskAgent(
            server.Url,
            new ReadyBackend(),
            options => options with { Threshold = threshold, Time = clock, DrainWithin = TimeSpan.Zero }
        );

        var stopped = await agent.UntilAsync(status =>
            status.Tasks is { Fetched: >= 4, Fetch.Depth: 0 } tasks && tasks.Fetched == tasks.Processed
        );
        for (var i = 0; i < stopped.Tasks!.Fetched + 10; i++)
        {
            await clock.TurnUntilAsync(server.ResultAsync());
        }

        // Two run, two wait and one is asked for while the fourth result comes.
        Assert.InRange(stopped.Tasks!.Fetched, 4, 4 + 2 + 2 + 1);
    }

    [Fact]
    public async Task The_pool_grows_and_shrinks_while_it_works()
    {
        var backend = new ConductedBackend();
        await using var server = await TaskServer.StartAsync(new TaskServer { AlwaysGives = true });
        await using var agent = new TaskAgent(
            server.Url,
            backend,
            options => options with { Slots = 1, DrainWithin = TimeSpan.Zero } // The last run is nobody's to finish.
        );
        var first = await backend.NextAsync();

        var grown = await agent.Control.ResizeAsync(3, Token);
        var (second, third) = (await backend.NextAsync(), await backend.NextAsync());
        var full = await agent.UntilAsync(status => status.Running.Count == 3);
        await agent.Control.ResizeAsync(1, Token);
        first.Finish();
        second.Finish();
        var shrunk = await agent.UntilAsync(status => status.Running.Count == 1 && status.Tasks!.Delivered == 2);
        third.Finish();
        var next = await backend.NextAsync();

        Assert.Equal((3, 3, 1), (grown.Slots, full.Slots, shrunk.Slots));
        Assert.Single((await agent.UntilAsync(status => status.Running.Count > 0)).Running);
        await Assert.ThrowsAsync<IOException>(() => agent.Control.ResizeAsync(0, Token));
        next.Finish();
    }

    [Fact]
    public async Task A_pause_of_the_owner_holds_and_what_runs_is_delivered()
    {
        var backend = new ConductedBackend();
        await using var server = await TaskServer.StartAsync(new TaskServer { AlwaysGives = true });
        await using var agent = new TaskAgent(
            server.Url,
            backend,
            options => options with { Slots = 1, DrainWithin = TimeSpan.Zero } // The last run is nobody's to finish.
        );
        var run = await backend.NextAsync();

        var paused = await agent.Control.PauseAsync(null, Token);
        run.Finish();
        await server.ResultAsync();
        var still = await agent.UntilAsync(status => status.Running.Count == 0);
        await agent.Control.ResumeAsync(Token);
        (await backend.NextAsync()).Finish();

        Assert.Equal(("paused", "paused"), (paused.State, still.State));
        await server.ResultAsync();
    }

    [Fact]
    public async Task What_fails_is_completed_with_its_error()
    {
        await using var server = await TaskServer.StartAsync();
        server.Put("t1", "\"model\":\"other\",\"prompt\":\"Hello\"");
        await using var agent = new TaskAgent(server.Url, new ReadyBackend());

        var result = await server.ResultAsync();

        Assert.Equal("no backend here has model \"other\"", result.GetProperty("error").GetString());
        Assert.Equal("unknown_model", result.GetProperty("error_code").GetString());
        Assert.Equal(1, (await agent.UntilAsync(status => status.Tasks!.Delivered == 1)).Tasks!.Failed);
    }

    [Fact]
    public async Task When_the_journal_cannot_be_written_nothing_more_is_fetched_and_nothing_is_dropped()
    {
        var clock = new JumpingClock(DateTimeOffset.UnixEpoch);
        var backend = new ConductedBackend();
        await using var server = await TaskServer.StartAsync();
        server.Put("t1");
        await using var agent = new TaskAgent(server.Url, backend, options => options with { Time = clock });
        var first = await backend.NextAsync();
        await server.CalledAsync("get-task");
        await server.CalledAsync("get-task"); // There was none: it asks again in a second.
        var journal = Directory.GetDirectories(Path.Combine(agent.Folder, "task-servers")).Single();
        Directory.Move(journal, journal + ".away");
        server.Put("t2");
        server.Put("t3");

        var second = await clock.TurnUntilAsync(backend.NextAsync());
        first.Finish();
        second.Finish();
        string?[] brought =
        [
            (await server.ResultAsync()).GetProperty("taskId").GetString(),
            (await server.ResultAsync()).GetProperty("taskId").GetString(),
        ];
        var asked = server.FetchCount;
        for (var i = 0; i < 100; i++)
        {
            clock.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }

        var still = server.FetchCount;
        Directory.Move(journal + ".away", journal);
        var third = await clock.TurnUntilAsync(backend.NextAsync());

        Assert.Equal(["t1", "t2"], brought.Order());
        Assert.Equal((3, 0), (asked, still - asked));
        Assert.Equal("t3", third.Work.Offer.Task);
        third.Finish();
        await server.ResultAsync();
    }

    [Fact]
    public async Task Each_stage_can_be_watched()
    {
        ConcurrentDictionary<string, double> seen = new(StringComparer.Ordinal);
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Meter.Name == "Pollard.Agent")
            {
                self.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Note(instrument, value, tags));
        listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Note(instrument, value, tags));
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Note(instrument, value, tags));
        listener.Start();
        await using var server = await TaskServer.StartAsync();
        server.Put("t1");
        server.Put("t2", "\"model\":\"other\",\"prompt\":\"Hello\"");
        await using var agent = new TaskAgent(server.Url, new ReadyBackend());
        await agent.UntilAsync(status => status.Tasks is { Delivered: 2 });
        listener.RecordObservableInstruments();

        string[] expected =
        [
            "pollard.agent.requests.open",
            "pollard.agent.stage.depth deliver",
            "pollard.agent.stage.depth fetch",
            "pollard.agent.stage.depth process",
            "pollard.agent.stage.items deliver",
            "pollard.agent.stage.items fetch",
            "pollard.agent.stage.items process",
            "pollard.agent.stage.wait deliver",
            "pollard.agent.stage.wait fetch",
            "pollard.agent.stage.wait process",
            "pollard.agent.tasks failed",
        ];
        Assert.Empty(expected.Except(seen.Keys)); // Other tests' agents may be seen too.

        void Note(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags) =>
            seen[tags.IsEmpty ? instrument.Name : $"{instrument.Name} {tags[0].Value}"] = value;
    }

    [Fact]
    public async Task The_answer_of_a_tool_comes_with_its_head()
    {
        await using var tool = await ScriptedServer.StartAsync(
            new RequestDelegate(TaskServer.Say(418, "short and stout")),
            Token
        );
        using var backend = new HttpToolBackend(
            new HttpToolOptions { Name = "teapot", Url = tool.Url },
            TimeProvider.System,
            NullLogger<HttpToolBackend>.Instance
        );
        await using var server = await TaskServer.StartAsync();
        server.Put("t1", "\"kind\":\"http\",\"model\":\"teapot\",\"request\":{\"path\":\"/\"}");
        await using var agent = new TaskAgent(server.Url, backend);

        var result = await server.ResultAsync();

        Assert.Equal("short and stout", result.GetProperty("result").GetString());
        Assert.Equal(418, result.GetProperty("http").GetProperty("status").GetInt32());
    }
}
