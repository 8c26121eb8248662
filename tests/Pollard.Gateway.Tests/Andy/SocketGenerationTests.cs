using System.Text.Json;
using Microsoft.Extensions.Time.Testing;
using Pollard.Tasks.Storage;
using static Pollard.Gateway.Tests.TestGateway;

namespace Pollard.Gateway.Tests.Andy;

/// <summary>The generations that come by WebSocket.</summary>
public sealed class SocketGenerationTests
{
    private const string Model = "andy-4";

    [Theory]
    [InlineData(6)]
    [InlineData(7)]
    public async Task Gets_a_chat_and_answers_it(int generation)
    {
        await using var gateway = await StartAsync();
        using var client = await AndySocketClient.JoinAsync(gateway, generation, (Model, 2));

        var asked = AskAsync(gateway);
        var request = await client.WorkAsync();
        await client.HeartbeatAsync();
        await client.HeartbeatAsync(); // One more after each time that it came back.
        await client.AnswerAsync(request);

        Assert.Equal(Model, request.GetProperty("data").GetProperty("model").GetString());
        Assert.Equal(100, request.GetProperty("data").GetProperty("max_completion_tokens").GetInt32());
        Assert.Equal("hello", await asked);
    }

    [Fact]
    public async Task Gets_a_text_to_embed()
    {
        await using var gateway = await StartAsync();
        using var client = await AndySocketClient.JoinAsync(gateway, 7, (Model, 1));

        var asked = gateway.PostAsync("/v1/embeddings", $$"""{"model":"{{Model}}","input":"four"}""");
        var request = await client.WorkAsync();
        await client.AnswerAsync(request);
        var answer = await JsonOf(asked);

        Assert.Equal("four", request.GetProperty("data").GetProperty("prompt").GetString());
        Assert.Equal(4, answer.GetProperty("data")[0].GetProperty("embedding")[1].GetDouble());
        Assert.Equal(3, answer.GetProperty("usage").GetProperty("prompt_tokens").GetInt32());
    }

    [Fact]
    public async Task Sees_a_picture_and_the_whole_conversation()
    {
        await using var gateway = await StartAsync();
        using var client = await AndySocketClient.JoinAsync(gateway, 7, (Model, 1));

        var asked = gateway.PostAsync(
            "/v1/chat/completions",
            """
            {"model":"andy-4","messages":[{"role":"system","content":"be short"},{"role":"user","content":[
            {"type":"text","text":"what is this"},{"type":"image_url","image_url":{"url":"data:image/jpeg;base64,/9j/4AAQ"}}]}]}
            """
        );
        var request = await client.WorkAsync();
        await client.AnswerAsync(request);
        await JsonOf(asked);
        var data = request.GetProperty("data");

        Assert.Equal("/9j/4AAQ", data.GetProperty("image_base64").GetString());
        Assert.Equal("system: be short\n\nuser: what is this\n\nassistant:", data.GetProperty("prompt").GetString());
        Assert.Equal("what is this", data.GetProperty("messages")[1].GetProperty("content").GetString());
    }

    [Fact]
    public async Task Says_that_it_failed_and_another_host_does_it()
    {
        await using var gateway = await StartAsync();
        using var failing = await AndySocketClient.JoinAsync(gateway, 6, (Model, 1));

        var asked = AskAsync(gateway);
        var request = await failing.WorkAsync();
        using var other = await AndySocketClient.JoinAsync(gateway, 7, (Model, 1));
        await failing.FailAsync(request);
        await other.AnswerAsync(await other.WorkAsync());

        Assert.Equal("hello", await asked);
    }

    [Fact]
    public async Task A_line_that_is_cut_gives_its_work_to_another_at_once()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddYears(56)); // No time passes.
        await using var gateway = await StartAsync(time: clock);
        var cut = await AndySocketClient.JoinAsync(gateway, 7, (Model, 1));

        var asked = AskAsync(gateway);
        await cut.WorkAsync();
        using var other = await AndySocketClient.JoinAsync(gateway, 7, (Model, 1));
        cut.Dispose();
        await other.AnswerAsync(await other.WorkAsync());

        Assert.Equal("hello", await asked);
    }

    [Fact]
    public async Task A_model_gets_no_more_at_once_than_its_host_says()
    {
        await using var gateway = await StartAsync();
        using var client = await AndySocketClient.JoinAsync(gateway, 7, ("one", 1), ("two", 1));

        var asked = AskAsync(gateway, "one");
        var first = await client.WorkAsync();
        var waiting = AskAsync(gateway, "one");
        await UntilAsync(() => gateway.Engine.Statistics.Pending == 1);
        var other = AskAsync(gateway, "two");
        var second = await client.WorkAsync();
        await client.AnswerAsync(second);
        await client.AnswerAsync(first);
        await client.AnswerAsync(await client.WorkAsync());

        Assert.Equal("two", second.GetProperty("data").GetProperty("model").GetString());
        Assert.Equal(["hello", "hello", "hello"], await Task.WhenAll(asked, other, waiting));
    }

    [Fact]
    public async Task Models_change_while_the_line_is_up()
    {
        await using var gateway = await StartAsync();
        using var client = await AndySocketClient.JoinAsync(gateway, 6, ("old", 1));

        await client.UpdateAsync(("new", 1));
        await UntilAsync(() => gateway.Engine.Hosts.Models().SingleOrDefault()?.Name == "new");
        var asked = AskAsync(gateway, "new");
        await client.AnswerAsync(await client.WorkAsync());
        await client.UpdateAsync();
        await UntilAsync(() => gateway.Engine.Hosts.Models().Count == 0);

        Assert.Equal("hello", await asked);
    }

    [Fact]
    public async Task Comes_back_with_its_id_but_nobody_takes_one_over_whose_line_is_up()
    {
        await using var gateway = await StartAsync();
        var first = await AndySocketClient.JoinAsync(gateway, 6, (Model, 1));
        var id = first.Id;

        using var thief = await AndySocketClient.OpenAsync(gateway, 6);
        await thief.RegisterAsync([(Model, 1)], id);
        first.Dispose();
        await UntilAsync(() => gateway.Engine.Hosts.List().Count == 1);
        using var again = await AndySocketClient.OpenAsync(gateway, 6);
        await again.RegisterAsync([(Model, 1)], id);

        Assert.Matches("^[0-9a-f]{32}$", id);
        Assert.NotEqual(id, thief.Id);
        Assert.Equal(id, again.Id);
        Assert.DoesNotContain(
            gateway.Engine.Hosts.List(),
            host => host.Description.Id.Contains(id, StringComparison.Ordinal)
        );
    }

    [Fact]
    public async Task What_cannot_be_read_or_is_not_known_changes_nothing()
    {
        await using var gateway = await StartAsync();
        using var client = await AndySocketClient.JoinAsync(gateway, 6, (Model, 1));

        await client.SayTextAsync("{");
        await client.SayTextAsync("[]");
        await client.SayTextAsync("""{"type":"response","request_id":"none","data":{"response":"x","status":"ok"}}""");
        await client.SayTextAsync("""{"type":"response"}""");
        await client.SayTextAsync("""{"type":"unheard_of","data":{}}""");
        var asked = AskAsync(gateway);
        var request = await client.WorkAsync();
        await client.AnswerAsync(request);
        await client.AnswerAsync(request); // A second time.

        Assert.Equal("hello", await asked);
    }

    [Fact]
    public async Task A_quiet_line_hears_a_sign_of_life_before_its_client_gives_it_up()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddYears(56));
        await using var gateway = await StartAsync(time: clock);
        using var client = await AndySocketClient.JoinAsync(gateway, 6, (Model, 1));

        var sign = client.HearAsync("heartbeat");
        while (!sign.IsCompleted)
        {
            clock.Advance(TimeSpan.FromSeconds(5));
            await Task.WhenAny(sign, Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, Token));
        }

        Assert.Equal(JsonValueKind.Null, (await sign).GetProperty("data").ValueKind);
    }

    [Fact]
    public async Task Where_keys_are_needed_a_token_lets_it_in_and_is_used_once_also_over_a_restart()
    {
        var store = new MemoryTaskStore(TimeProvider.System);
        string id;
        string token;
        await using (var gateway = await StartAsync(WithKeys, store: store))
        {
            var made = await JsonOf(gateway.PostAsync("/v1/tokens", """{"uses":1}"""), 201);
            token = made.GetProperty("token").GetString()!;
            using var stranger = await AndySocketClient.OpenAsync(gateway, 6);
            await stranger.SayTextAsync("""{"type":"register","data":{"models":[]}}""");
            Assert.Contains("token", await stranger.ClosedAsync());

            using var client = await AndySocketClient.OpenAsync(gateway, 7);
            await client.RegisterAsync([(Model, 1)], token: token);
            id = client.Id;
        }

        await using var restarted = await StartAsync(WithKeys, store: store);
        using var again = await AndySocketClient.OpenAsync(restarted, 7, header: token);
        await again.RegisterAsync([(Model, 1)], id);
        using var other = await AndySocketClient.OpenAsync(restarted, 7, query: $"token={token}");
        await other.SayTextAsync("""{"type":"register","data":{"models":[]}}""");

        Assert.Equal(id, again.Id);
        Assert.Contains("used up", await other.ClosedAsync());
    }

    [Fact]
    public async Task Where_the_owner_opened_the_pool_no_token_is_needed()
    {
        await using var gateway = await StartAsync(options => WithKeys(options) with { AndyOpen = true });

        using var client = await AndySocketClient.JoinAsync(gateway, 6, (Model, 1));

        Assert.Single(gateway.Engine.Hosts.List());
    }

    [Fact]
    public async Task A_token_that_nobody_looked_at_leaves_nothing_behind()
    {
        var store = new MemoryTaskStore(TimeProvider.System);
        await using var gateway = await StartAsync(options => WithKeys(options) with { AndyOpen = true }, store: store);

        using var client = await AndySocketClient.OpenAsync(gateway, 7);
        await client.RegisterAsync([(Model, 1)], token: "made up");

        Assert.Single(gateway.Engine.Hosts.List());
        Assert.Empty(await store.ReadRecordsAsync("andy_client", Token));
    }

    private static GatewayOptions WithKeys(GatewayOptions options) => options with { RequireKeys = true };

    private static async Task<string?> AskAsync(TestGateway gateway, string model = Model)
    {
        var answer = await JsonOf(
            gateway.PostAsync(
                "/v1/chat/completions",
                $$"""{"model":"{{model}}","max_tokens":100,"messages":[{"role":"user","content":"hello"}]}"""
            )
        );
        return answer.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString();
    }

    private static async Task UntilAsync(Func<bool> isSo)
    {
        while (!isSo())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, Token);
        }
    }
}
