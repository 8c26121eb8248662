using System.Net.WebSockets;
using Pollard.Agent.Tests.Link;

namespace Pollard.Agent.Tests.Andy;

/// <summary>An agent that works for an Andy server over its WebSocket.</summary>
public sealed class SocketTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_server_without_polls_is_spoken_to_over_its_socket()
    {
        var backend = new ConductedBackend();
        await using var server = await AndySocketServer.StartAsync();
        await using var agent = new AndyAgent(server.Url, backend, options => options with { JoinToken = "t o k" });
        var line = await server.WelcomeAsync();
        await line.SayAsync("what is this");
        await line.SayAsync("""{"type":"heartbeat","data":null}""");
        await line.GiveAsync("r1", 7);

        var run = await backend.NextAsync();
        await run.WriteAsync("hello");
        run.Finish();
        var response = await line.HearAsync("response");

        var data = line.Registration.GetProperty("data");
        Assert.Equal(
            ("t o k", "t o k", "t o k"),
            (line.HeaderToken, line.QueryToken, data.GetProperty("client_token").GetString())
        );
        var model = Assert.Single(data.GetProperty("models").EnumerateArray());
        Assert.Equal("box", model.GetProperty("provider").GetString());
        Assert.Equal(
            ("m", 2),
            (model.GetProperty("name").GetString(), model.GetProperty("concurrent_connections").GetInt32())
        );
        Assert.Equal("r1", response.GetProperty("request_id").GetString());
        Assert.Equal("client 1", response.GetProperty("client_id").GetString());
        var answer = response.GetProperty("data");
        Assert.Equal(
            (7, "hello", "ok", 0),
            (
                answer.GetProperty("id").GetInt32(),
                answer.GetProperty("response").GetString(),
                answer.GetProperty("status").GetString(),
                answer.GetProperty("error").GetInt32()
            )
        );
    }

    [Fact]
    public async Task What_is_begun_is_brought_back_over_the_next_line_under_the_same_id()
    {
        var backend = new ConductedBackend();
        await using var server = await AndySocketServer.StartAsync();
        await using var agent = new AndyAgent(server.Url, backend);
        var line = await server.WelcomeAsync();
        await line.GiveAsync("r1", 7);
        var run = await backend.NextAsync();
        line.Cut();

        var next = await server.WelcomeAsync("client 1");
        run.Finish();

        var response = await next.HearAsync("response");
        Assert.Equal("client 1", next.Registration.GetProperty("data").GetProperty("id").GetString());
        Assert.Equal(
            ("r1", 7),
            (response.GetProperty("request_id").GetString(), response.GetProperty("data").GetProperty("id").GetInt32())
        );
    }

    [Fact]
    public async Task What_is_pushed_beyond_the_slots_waits()
    {
        var backend = new ConductedBackend();
        await using var server = await AndySocketServer.StartAsync();
        await using var agent = new AndyAgent(server.Url, backend);
        var line = await server.WelcomeAsync();
        for (var i = 0; i < 5; i++)
        {
            await line.GiveAsync($"r{i}", i);
        }

        var done = new List<string>();
        for (var i = 0; i < 5; i++)
        {
            var run = await backend.NextAsync();
            Assert.InRange(agent.Host.Look()!.Running.Count, 1, 2);
            run.Finish();
            done.Add((await line.HearAsync("response")).GetProperty("request_id").GetString()!);
        }

        Assert.Equal(["r0", "r1", "r2", "r3", "r4"], done.Order());
    }

    [Fact]
    public async Task What_is_pushed_beyond_all_bounds_is_refused_at_once()
    {
        var backend = new ConductedBackend();
        await using var server = await AndySocketServer.StartAsync();
        await using var agent = new AndyAgent(server.Url, backend);
        var line = await server.WelcomeAsync();
        for (var i = 0; i < 80; i++)
        {
            await line.GiveAsync($"r{i}", i);
        }

        var refused = await line.HearAsync("response");

        Assert.Equal("error", refused.GetProperty("data").GetProperty("status").GetString());
        Assert.Contains(
            "more than it can do",
            refused.GetProperty("data").GetProperty("response").GetString(),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task A_paused_agent_offers_nothing_goes_when_it_is_done_and_comes_back()
    {
        var backend = new ConductedBackend();
        await using var server = await AndySocketServer.StartAsync();
        await using var agent = new AndyAgent(server.Url, backend);
        var line = await server.WelcomeAsync();
        await line.GiveAsync("r1", 1);
        var run = await backend.NextAsync();

        await agent.Control.PauseAsync(null, Token);
        Assert.Empty((await line.HearAsync("update_models")).GetProperty("data").EnumerateArray());
        run.Finish();
        await line.HearAsync("response");
        await line.LeftAsync();
        await agent.Control.ResumeAsync(Token);

        Assert.Single(
            (await server.WelcomeAsync()).Registration.GetProperty("data").GetProperty("models").EnumerateArray()
        );
    }

    [Fact]
    public async Task A_server_that_does_not_want_this_machine_ends_the_agent_with_its_words()
    {
        await using var server = await AndySocketServer.StartAsync();
        await using var agent = new AndyAgent(
            new UriBuilder(server.Url) { Scheme = "ws", Path = "/ws" }.Uri,
            new ConductedBackend()
        );
        var line = await server.NextAsync();
        await line.HearAsync("register");

        await line.CloseAsync(WebSocketCloseStatus.PolicyViolation, "a client token is needed");

        var exit = await agent.Exit.WaitAsync(TimeSpan.FromSeconds(60), TimeProvider.System, Token);
        Assert.Equal(AgentEnd.Refused, exit.End);
        Assert.Contains("a client token is needed", exit.Reason, StringComparison.Ordinal);
    }
}
