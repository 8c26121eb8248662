using System.Text.Json;
using Pollard.Agent.Tests.Link;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Tests.Andy;

/// <summary>An agent that works for an Andy server by polls.</summary>
public sealed class PollingTests
{
    private const string Hello = """ "model":"m","messages":[{"role":"user","content":"hello"}] """;

    public static TheoryData<string, bool, bool> Servers =>
        new()
        {
            { "/api/andy", true, false },
            { "/api/andy", false, false },
            { "/api", true, true },
        };

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task Work_is_fetched_from_servers_of_each_generation_and_its_result_brought_back(
        string prefix,
        bool hasLongPoll,
        bool wraps
    )
    {
        var backend = new ConductedBackend();
        await using var server = await AndyServer.StartAsync(
            new AndyServer
            {
                Prefix = prefix,
                HasLongPoll = hasLongPoll,
                Wraps = wraps,
            }
        );
        await using var agent = new AndyAgent(server.Url, backend);
        var join = await server.CalledAsync("join_pool");
        server.Put("w1", Hello);

        var run = await backend.NextAsync();
        await run.WriteAsync("hel");
        await run.WriteAsync("lo");
        run.Result.SetResult(
            Pollard.Agent.Backends.WorkResult.Finished(
                new Messages.Finish
                {
                    FinishReasons = ["length"],
                    Usage = JsonElement.Parse("""{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}"""),
                }
            )
        );
        var submitted = await server.ResultAsync();

        foreach (var said in (JsonElement[])[join, join.GetProperty("info")])
        {
            Assert.Equal("box", said.GetProperty("name").GetString());
            Assert.Equal(
                "m",
                Assert.Single(said.GetProperty("models").EnumerateArray()).GetProperty("name").GetString()
            );
        }

        Assert.Equal("w1", submitted.GetProperty("work_id").GetString());
        var result = submitted.GetProperty("result");
        Assert.Equal("hello", result.GetProperty("message").GetProperty("content").GetString());
        Assert.Equal("length", result.GetProperty("done_reason").GetString());
        Assert.Equal(
            (3, 2),
            (result.GetProperty("prompt_eval_count").GetInt32(), result.GetProperty("eval_count").GetInt32())
        );
        Assert.Equal(5, result.GetProperty("usage").GetProperty("total_tokens").GetInt32());
    }

    [Fact]
    public async Task A_server_that_shows_strangers_nothing_is_polled_too()
    {
        await using var server = await AndyServer.StartAsync(new AndyServer { IsOpen = false });
        await using var agent = new AndyAgent(server.Url, new ConductedBackend());

        await server.CalledAsync("poll_for_work");
    }

    [Fact]
    public async Task A_result_is_brought_until_the_server_takes_it()
    {
        var backend = new ConductedBackend();
        await using var server = await AndyServer.StartAsync();
        server.Refusals.Enqueue(503);
        server.Refusals.Enqueue(500);
        await using var agent = new AndyAgent(server.Url, backend);
        server.Put("w1", Hello);

        (await backend.NextAsync()).Finish();

        Assert.Equal("w1", (await server.ResultAsync()).GetProperty("work_id").GetString());
        Assert.Empty(server.Refusals);
    }

    [Fact]
    public async Task No_more_is_taken_than_there_are_slots()
    {
        var backend = new ConductedBackend();
        await using var server = await AndyServer.StartAsync();
        await using var agent = new AndyAgent(server.Url, backend);
        foreach (var id in (string[])["w1", "w2", "w3"])
        {
            server.Put(id, Hello);
        }

        var (first, second) = (await backend.NextAsync(), await backend.NextAsync());
        await server.CalledAsync("ping_pool"); // Some time later it has still not asked for the third.
        Assert.Equal(2, agent.Host.Look()!.Running.Count);
        first.Finish();
        await server.ResultAsync();
        var third = await backend.NextAsync();

        Assert.Equal(["w1", "w2", "w3"], [first.Work.Offer.Task, second.Work.Offer.Task, third.Work.Offer.Task]);
    }

    [Fact]
    public async Task An_agent_that_was_forgotten_joins_again_and_what_it_had_is_brought_back()
    {
        var backend = new ConductedBackend();
        await using var server = await AndyServer.StartAsync();
        await using var agent = new AndyAgent(server.Url, backend);
        await server.CalledAsync("join_pool");
        server.Put("w1", Hello);
        var run = await backend.NextAsync();

        server.Forget();
        await server.CalledAsync("join_pool");
        run.Finish();

        Assert.Equal("w1", (await server.ResultAsync()).GetProperty("work_id").GetString());
        Assert.Single(server.Hosts);
    }

    [Fact]
    public async Task The_same_work_given_twice_is_done_once()
    {
        var backend = new ConductedBackend();
        await using var server = await AndyServer.StartAsync();
        await using var agent = new AndyAgent(server.Url, backend);
        server.Put("w1", Hello);
        server.Put("w1", Hello);
        server.Put("w2", Hello);

        var (first, second) = (await backend.NextAsync(), await backend.NextAsync());

        Assert.Equal(("w1", "w2"), (first.Work.Offer.Task, second.Work.Offer.Task));
        first.Finish();
        second.Finish();
    }

    [Fact]
    public async Task A_stop_finishes_what_runs_brings_it_back_and_leaves()
    {
        var backend = new ConductedBackend();
        await using var server = await AndyServer.StartAsync();
        await using var agent = new AndyAgent(
            server.Url,
            backend,
            options => options with { DrainWithin = TimeSpan.FromSeconds(60) }
        );
        server.Put("w1", Hello);
        var run = await backend.NextAsync();

        await agent.StopAsync();
        Assert.Single(server.Hosts);
        run.Finish();

        Assert.Equal(
            AgentEnd.Stopped,
            (await agent.Exit.WaitAsync(TimeSpan.FromSeconds(60), TimeProvider.System, Token)).End
        );
        Assert.Equal("w1", (await server.ResultAsync()).GetProperty("work_id").GetString());
        Assert.Empty(server.Hosts);
    }

    [Fact]
    public async Task A_paused_agent_leaves_and_a_resumed_one_joins_again()
    {
        var backend = new ConductedBackend();
        await using var server = await AndyServer.StartAsync();
        await using var agent = new AndyAgent(server.Url, backend);
        await server.CalledAsync("poll_for_work");

        await agent.Control.PauseAsync(null, Token);
        await server.CalledAsync("leave_pool");
        Assert.Empty(server.Hosts);
        await agent.Control.ResumeAsync(Token);
        await server.CalledAsync("join_pool");

        server.Put("w1", Hello);
        (await backend.NextAsync()).Finish();
        await server.ResultAsync();
    }

    [Fact]
    public async Task The_host_that_an_end_without_a_word_left_behind_is_taken_out()
    {
        var folder = Directory.CreateTempSubdirectory("pollard-").FullName;
        await using var server = await AndyServer.StartAsync();
        await File.WriteAllTextAsync(
            Path.Combine(folder, "andy.json"),
            $$"""{"uuid":"u","servers":[{"url":"{{server.Url}}api/andy","id":"left behind"}]}""",
            Token
        );

        await using (var agent = new AndyAgent(server.Url, new ConductedBackend(), folder: folder))
        {
            var left = await server.CalledAsync("leave_pool");
            var join = await server.CalledAsync("join_pool");

            Assert.Equal("left behind", left.GetProperty("host_id").GetString());
            Assert.Equal("u", join.GetProperty("client_uuid").GetString());
        }

        Directory.Delete(folder, recursive: true);
    }

    [Theory]
    [InlineData("not json")]
    [InlineData("[]")]
    [InlineData("\"work\"")]
    [InlineData("{}")]
    [InlineData("""{"work_id":7,"model":"m"}""")]
    [InlineData("""{"has_work":true,"work_item":"x"}""")]
    [InlineData("""{"has_work":false,"work_id":"w0","model":"m"}""")]
    public async Task What_is_no_work_is_passed_over(string garbage)
    {
        var backend = new ConductedBackend();
        await using var server = await AndyServer.StartAsync();
        server.Garbage.Enqueue(garbage);
        await using var agent = new AndyAgent(server.Url, backend);
        server.Put("w1", Hello);

        Assert.Equal("w1", (await backend.NextAsync()).Work.Offer.Task);
        Assert.Empty(server.Garbage);
    }

    [Theory]
    [InlineData(""" "model":"m" """, "messages")]
    [InlineData(""" "model":"m","messages":[{"content":"x"}] """, "role")]
    [InlineData(""" "model":"other","messages":[{"role":"user","content":"x"}] """, "Model other not available")]
    [InlineData(""" "messages":[{"role":"user","content":"x"}] """, "Model  not available")]
    [InlineData(""" "model":"m","task_type":"embedding","input":"x" """, "embedding")]
    public async Task Work_that_cannot_be_done_is_answered_with_the_reason(string members, string reason)
    {
        await using var server = await AndyServer.StartAsync();
        await using var agent = new AndyAgent(server.Url, new ConductedBackend());
        server.Put("w1", members);

        var submitted = await server.ResultAsync();

        Assert.Equal("w1", submitted.GetProperty("work_id").GetString());
        Assert.Contains(reason, submitted.GetProperty("error").GetString(), StringComparison.Ordinal);
        Assert.False(submitted.TryGetProperty("result", out _));
    }

    [Fact]
    public async Task A_server_that_asks_for_the_models_is_told_them()
    {
        await using var server = await AndyServer.StartAsync();
        await using var agent = new AndyAgent(server.Url, new ConductedBackend());
        server.Put("w1", """ "task_type":"model_discovery" """);

        var models = (await server.ResultAsync()).GetProperty("result").GetProperty("models");

        Assert.Equal("m", Assert.Single(models.EnumerateArray()).GetProperty("name").GetString());
    }

    [Fact]
    public async Task A_server_that_refuses_the_join_ends_the_agent_with_its_words()
    {
        await using var server = await AndyServer.StartAsync();
        server.JoinStatus = 401;
        await using var agent = new AndyAgent(server.Url, new ConductedBackend());

        var exit = await agent.Exit.WaitAsync(TimeSpan.FromSeconds(60), TimeProvider.System, Token);

        Assert.Equal(AgentEnd.Refused, exit.End);
        Assert.Contains("401: a client token is needed", exit.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_comes_late_is_found()
    {
        var backend = new ConductedBackend();
        await using var server = await AndyServer.StartAsync();
        server.JoinStatus = 503;
        await using var agent = new AndyAgent(server.Url, backend);
        await server.CalledAsync("join_pool");
        server.JoinStatus = null;
        server.Put("w1", Hello);

        (await backend.NextAsync()).Finish();

        await server.ResultAsync();
    }
}
