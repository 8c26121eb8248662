using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Time.Testing;
using Pollard.Tasks.Storage;
using static Pollard.Gateway.Tests.TestGateway;

namespace Pollard.Gateway.Tests.Hosts.TaskAgents;

/// <summary>Where keys are needed: who may do tasks, and whose tasks are whose.</summary>
public sealed class SmallAgentAccessTests
{
    private const string Task = """{"kind":"task","request":{}}""";
    private readonly FakeTimeProvider _clock = new(DateTimeOffset.UnixEpoch.AddYears(56));

    [Fact]
    public async Task Without_a_token_nobody_gets_a_task()
    {
        await using var gateway = await StartAsync(WithKeys, time: _clock);
        var stranger = gateway.NewClient(null);
        await gateway.SubmitAsync(Task);

        foreach (var token in (string?[])[null, "jt_unknown", "pk_unknown"])
        {
            var said = await JsonOf(new SmallAgent(stranger, token: token).GetAsync("/get-task"), 401);
            await JsonOf(new SmallAgent(stranger, token: token).GetAsync("/stats"), 401);

            Assert.Equal("error", said.GetProperty("status").GetString());
        }
    }

    [Fact]
    public async Task A_clients_key_gets_no_tasks_and_sees_the_counts_of_its_own()
    {
        await using var gateway = await StartAsync(WithKeys, time: _clock);
        var client = gateway.NewClient(await gateway.KeyAsync());
        await gateway.SubmitAsync(Task);
        await gateway.SubmitAsync(Task, client);

        var agent = new SmallAgent(client);
        await JsonOf(agent.GetAsync("/get-task"), 403);
        var counts = await JsonOf(agent.GetAsync("/stats"));

        Assert.Equal(1, counts.GetProperty("total_tasks").GetInt32());
    }

    [Fact]
    public async Task A_token_lets_in_one_program_and_that_for_as_long_as_it_comes()
    {
        var store = new MemoryTaskStore(_clock);
        string token;
        await using (var gateway = await StartAsync(WithKeys, store: store, time: _clock))
        {
            token = await gateway.TokenAsync();
            await gateway.SubmitAsync(Task);
            var agent = new SmallAgent(gateway.NewClient(null), token: token);

            await JsonOf(agent.CompleteAsync(await agent.UntilTaskAsync()));
            await JsonOf(new SmallAgent(gateway.NewClient(null), "another", token).GetAsync("/get-task"), 401);
            await gateway.SubmitAsync(Task);
        }

        _clock.Advance(TimeSpan.FromDays(2)); // The token is over; who joined with it is not.
        await using var again = await StartAsync(WithKeys, store: store, time: _clock);
        var same = new SmallAgent(again.NewClient(null), token: token);

        await JsonOf(same.CompleteAsync(await same.UntilTaskAsync()));
    }

    [Fact]
    public async Task A_token_can_stand_in_the_address()
    {
        await using var gateway = await StartAsync(WithKeys, time: _clock);
        var client = gateway.NewClient(null);
        var pair = Encoding.UTF8.GetBytes($"agent:{await gateway.TokenAsync()}");
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Basic",
            Convert.ToBase64String(pair)
        );
        await gateway.SubmitAsync(Task);

        var agent = new SmallAgent(client);
        await JsonOf(agent.CompleteAsync(await agent.UntilTaskAsync()));

        Assert.Equal(0, gateway.Engine.Statistics.Running);
    }

    [Fact]
    public async Task What_one_token_has_another_can_neither_complete_nor_hand_back()
    {
        await using var gateway = await StartAsync(WithKeys, time: _clock);
        var one = new SmallAgent(gateway.NewClient(null), token: await gateway.TokenAsync());
        var other = new SmallAgent(gateway.NewClient(null), token: await gateway.TokenAsync());
        await gateway.SubmitAsync(Task);
        var task = await one.UntilTaskAsync();
        var waiting = other.FetchAsync();
        await gateway.UntilHeldAsync();

        await JsonOf(other.CompleteAsync(task), 404);
        await JsonOf(other.ReturnAsync(task), 404);
        await JsonOf(new SmallAgent(gateway.NewClient(null)).CompleteAsync(task), 404);

        await JsonOf(one.CompleteAsync(task));
        Assert.False(waiting.IsCompleted);
    }

    [Fact]
    public async Task The_tokens_terms_are_the_hosts()
    {
        await using var gateway = await StartAsync(WithKeys, time: _clock);
        var token = await gateway.TokenAsync("""{"tier":"community","most_slots":1,"models":["a*"],"owner":"me"}""");
        var agent = new SmallAgent(gateway.NewClient(null), token: token);
        await gateway.SubmitAsync("""{"kind":"x","model":"ab","request":{}}""");
        await gateway.SubmitAsync("""{"kind":"x","model":"ab","request":{}}""");

        await JsonOf(agent.GetAsync("/get-task"), 403);
        await JsonOf(agent.GetAsync("/get-task?kinds=x&models=b"), 403);
        await agent.UntilTaskAsync("?kinds=x&models=ab");
        var host = await gateway.HostAsync();

        Assert.Null(await HeldAsync(gateway, agent.FetchAsync("?kinds=x&models=ab")));
        Assert.Equal("community", host.GetProperty("tier").GetString());
        Assert.Equal("me", host.GetProperty("owner").GetString());
        Assert.StartsWith("tasks:", host.GetProperty("name").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_drained_host_gets_nothing_until_it_is_resumed_and_a_revoked_one_is_shut_out()
    {
        await using var gateway = await StartAsync(WithKeys, time: _clock);
        var agent = new SmallAgent(gateway.NewClient(null), token: await gateway.TokenAsync());
        await gateway.SubmitAsync(Task);
        var task = await agent.UntilTaskAsync();
        var id = (await gateway.HostAsync()).GetProperty("id").GetString();

        await JsonOf(gateway.PostAsync($"/v1/hosts/{id}/drain", ""));
        await gateway.SubmitAsync(Task);
        Assert.Null(await HeldAsync(gateway, agent.FetchAsync()));
        await JsonOf(agent.CompleteAsync(task));
        await JsonOf(gateway.PostAsync($"/v1/hosts/{id}/resume", ""));
        var next = await agent.UntilTaskAsync();
        await JsonOf(gateway.PostAsync($"/v1/hosts/{id}/revoke", ""));

        await JsonOf(agent.CompleteAsync(next), 404);
        await JsonOf(agent.GetAsync("/get-task"), 403);
    }

    private async Task<JsonElement?> HeldAsync(TestGateway gateway, Task<JsonElement?> fetching)
    {
        while (!fetching.IsCompleted)
        {
            await gateway.PassAsync(_clock, TimeSpan.FromSeconds(1));
        }

        return await fetching;
    }

    private static GatewayOptions WithKeys(GatewayOptions options) => options with { RequireKeys = true };
}
