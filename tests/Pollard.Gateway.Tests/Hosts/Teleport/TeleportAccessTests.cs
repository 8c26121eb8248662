using System.Net;
using Microsoft.Extensions.Time.Testing;
using Pollard.Protocol;
using static Pollard.Gateway.Tests.TestGateway;

namespace Pollard.Gateway.Tests.Hosts.Teleport;

/// <summary>Who may make calls, by which name, and how those are refused whose program does not wait by itself.</summary>
public sealed class TeleportAccessTests
{
    private const string Get = """{"url":"http://inside:8080/a"}""";
    private readonly FakeTimeProvider _clock = new(DateTimeOffset.UnixEpoch.AddYears(56));

    [Fact]
    public async Task Who_is_refused_is_held_first()
    {
        await using var gateway = await StartAsync(WithKeys, time: _clock);
        var client = gateway.NewClient(await gateway.KeyAsync());
        (WorkerAgent Agent, int Status)[] refused =
        [
            (new WorkerAgent(gateway.NewClient(null), token: "jt_unknown"), 401),
            (new WorkerAgent(client, token: client.DefaultRequestHeaders.Authorization!.Parameter), 403),
            (new WorkerAgent(gateway.NewClient(null), "a b", await gateway.TokenAsync()), 400),
        ];

        foreach (var (agent, status) in refused)
        {
            var asking = agent.AskAsync();
            await gateway.PassAsync(_clock, TimeSpan.FromSeconds(9));
            var isHeld = !asking.IsCompleted;
            while (!asking.IsCompleted)
            {
                await gateway.PassAsync(_clock, TimeSpan.FromSeconds(1));
            }

            var said = await JsonOf(asking, status);
            Assert.True(isHeld);
            Assert.NotEqual("", said.GetProperty("message").GetString());
        }
    }

    [Fact]
    public async Task When_very_many_are_refused_the_rest_is_told_to_come_later()
    {
        await using var gateway = await StartAsync(WithKeys, time: _clock);
        var agent = new WorkerAgent(gateway.NewClient(null), token: "jt_unknown");
        using var over = new CancellationTokenSource();

        var asking = Enumerable.Range(0, 257).Select(_ => agent.AskAsync(over.Token)).ToList();
        var first = await Task.WhenAny(asking);
        using var told = await first;
        await over.CancelAsync();

        Assert.Equal(HttpStatusCode.TooManyRequests, told.StatusCode);
        Assert.Equal("300", Assert.Single(told.Headers.GetValues("X-Rate-Limit-Retry-After-Seconds")));
        asking.Remove(first);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Task.WhenAll(asking));
    }

    [Fact]
    public async Task A_name_is_one_tokens_alone_also_when_that_is_over()
    {
        await using var gateway = await StartAsync(WithKeys, time: _clock);
        var owner = new WorkerAgent(gateway.NewClient(null), "prod", await gateway.TokenAsync());
        var impostor = new WorkerAgent(gateway.NewClient(null), "prod", await gateway.TokenAsync());
        await gateway.CallAsync(Get, "prod");
        var call = await owner.UntilCallAsync();

        var refused = await RefusalAsync(gateway, impostor);
        await JsonOf(impostor.BringAsync(call, []), 401); // Nor what was fetched by the other.
        _clock.Advance(TimeSpan.FromDays(2)); // Its token is over, and it was away.
        await gateway.CallAsync(Get, "prod");
        await owner.UntilCallAsync();

        Assert.Equal(HttpStatusCode.Forbidden, refused);
    }

    [Fact]
    public async Task A_name_whose_agents_were_revoked_is_free_for_another_token_and_not_for_theirs()
    {
        await using var gateway = await StartAsync(WithKeys, time: _clock);
        var before = new WorkerAgent(gateway.NewClient(null), "prod", await gateway.TokenAsync());
        var after = new WorkerAgent(gateway.NewClient(null), "prod", await gateway.TokenAsync());
        await gateway.CallAsync(Get, "prod");
        await before.UntilCallAsync();
        var id = (await gateway.HostAsync()).GetProperty("id").GetString();

        await JsonOf(gateway.PostAsync($"/v1/hosts/{id}/revoke", ""));
        var shutOut = await RefusalAsync(gateway, before);
        var call = await after.UntilCallAsync(); // The call of the revoked one goes to it.

        Assert.Equal(HttpStatusCode.Forbidden, shutOut);
        Assert.Equal("http://inside:8080/a", call.GetProperty("url").GetString());
    }

    [Fact]
    public async Task Calls_go_to_agents_of_their_name_which_stand_in_for_one_another()
    {
        await using var gateway = await StartAsync(WithKeys, time: _clock);
        var token = await gateway.TokenAsync("""{"uses":2}""");
        var one = new WorkerAgent(gateway.NewClient(null), "prod", token);
        var same = new WorkerAgent(gateway.NewClient(null), "prod", token, id: "a2");
        var other = new WorkerAgent(gateway.NewClient(null), "test", token);
        var third = new WorkerAgent(gateway.NewClient(null), "third", token);
        var elsewhere = other.AskAsync();
        await gateway.UntilHeldAsync();
        await gateway.CallAsync(Get, "prod");
        await gateway.CallAsync(Get, "prod");

        await one.UntilCallAsync();
        await same.UntilCallAsync();
        var isHeld = !elsewhere.IsCompleted;
        var usedUp = await RefusalAsync(gateway, third);

        Assert.True(isHeld);
        Assert.Equal(HttpStatusCode.Unauthorized, usedUp);
    }

    [Fact]
    public async Task The_tokens_terms_bind_the_name_the_tier_and_the_slots()
    {
        await using var gateway = await StartAsync(WithKeys, time: _clock);
        var terms = """{"uses":9,"tier":"community","most_slots":1,"models":["prod*"]}""";
        var token = await gateway.TokenAsync(terms);
        var agent = new WorkerAgent(gateway.NewClient(null), "prod-1", token);
        await gateway.CallAsync(Get, "prod-1");
        await gateway.CallAsync(Get, "prod-1");

        await agent.UntilCallAsync();
        var more = agent.AskAsync();
        await gateway.PassAsync(_clock, TimeSpan.FromSeconds(2));
        var host = await gateway.HostAsync();
        var isHeld = !more.IsCompleted;
        var refused = await RefusalAsync(gateway, new WorkerAgent(gateway.NewClient(null), "test", token));

        Assert.True(isHeld);
        Assert.Equal("community", host.GetProperty("tier").GetString());
        Assert.Equal("teleport:prod-1", host.GetProperty("name").GetString());
        Assert.Equal(HttpStatusCode.Forbidden, refused);
    }

    [Fact]
    public async Task A_drained_agent_is_held_and_gets_nothing_until_it_is_resumed()
    {
        await using var gateway = await StartAsync(WithKeys, time: _clock);
        var agent = new WorkerAgent(gateway.NewClient(null), "prod", await gateway.TokenAsync());
        var asking = agent.AskAsync();
        await gateway.UntilHeldAsync();
        var id = (await gateway.HostAsync()).GetProperty("id").GetString();

        await JsonOf(gateway.PostAsync($"/v1/hosts/{id}/drain", ""));
        await gateway.CallAsync(Get, "prod");
        await JsonOf(gateway.GetAsync("/api/version"));
        var isHeld = !asking.IsCompleted;
        await JsonOf(gateway.PostAsync($"/v1/hosts/{id}/resume", ""));

        Assert.True(isHeld);
        Assert.Equal("http://inside:8080/a", (await JsonOf(asking)).GetProperty("data").GetProperty("url").GetString());
    }

    [Fact]
    public async Task Of_an_agent_that_is_killed_its_calls_go_to_another()
    {
        await using var gateway = await StartAsync(time: _clock);
        var (killed, other) = (new WorkerAgent(gateway.Client), new WorkerAgent(gateway.Client, id: "a2"));
        var task = await gateway.CallAsync(Get);
        await killed.UntilCallAsync();

        var asking = other.UntilCallAsync();
        while (!asking.IsCompleted)
        {
            await gateway.PassAsync(_clock, TimeSpan.FromSeconds(1));
        }

        await JsonOf(other.BringAsync(await asking, "done"u8.ToArray()));

        Assert.Equal("done", (await task.AnswerAsync()).Body.Text());
    }

    [Fact]
    public async Task Nobody_without_an_agent_here_uploads_anything()
    {
        await using var gateway = await StartAsync(WithKeys, time: _clock);
        var stranger = new WorkerAgent(gateway.NewClient(null), token: await gateway.TokenAsync());

        await JsonOf(stranger.GetAsync("upload-url?fileName=x"), 401);
        await JsonOf(stranger.PostAsync("upload-logs", new MultipartFormDataContent()), 401);
        await JsonOf(stranger.PostAsync("upload-result", new MultipartFormDataContent()), 401);
        await JsonOf(stranger.PutResultAsync([]), 401);
    }

    [Fact]
    public async Task A_call_with_a_path_alone_goes_to_a_tool_of_that_name_not_to_an_agent()
    {
        await using var gateway = await StartAsync(time: _clock);
        var agent = new WorkerAgent(gateway.Client, "wiki");
        var asking = agent.AskAsync();
        await gateway.UntilHeldAsync();
        var tool = FakeHost.Connect(gateway.Engine, new ModelInfo { Name = "wiki", Kinds = ["http"] });

        var task = await gateway.CallAsync("""{"path":"/status"}""", "wiki");
        var taking = tool.TakeAsync();
        while (!taking.IsCompleted)
        {
            await gateway.PassAsync(_clock, TimeSpan.FromSeconds(1));
        }

        Assert.Equal(task.PublicId, (await taking).TaskId);
        Assert.False(asking.IsFaulted);
    }

    private async Task<HttpStatusCode> RefusalAsync(TestGateway gateway, WorkerAgent agent)
    {
        var asking = agent.AskAsync();
        while (!asking.IsCompleted)
        {
            await gateway.PassAsync(_clock, TimeSpan.FromSeconds(1));
        }

        using var refused = await asking;
        return refused.StatusCode;
    }

    private static GatewayOptions WithKeys(GatewayOptions options) => options with { RequireKeys = true };
}
