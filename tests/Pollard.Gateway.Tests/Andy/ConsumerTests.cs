using System.Text.Json.Nodes;
using Microsoft.Extensions.Time.Testing;
using static Pollard.Gateway.Tests.TestGateway;

namespace Pollard.Gateway.Tests.Andy;

/// <summary>What bots and pages ask of the Andy API, and by which words they tell errors apart.</summary>
public sealed class ConsumerTests
{
    private const string Model = "sweaterdog/andy-4:latest";
    private const string Chat =
        """{"model":"andy-4","temperature":1,"stop":"***","messages":[{"role":"user","content":"hello"}]}""";

    [Theory]
    [InlineData("/api/andy")]
    [InlineData("/api")]
    public async Task Lists_of_models_have_every_shape_that_is_read(string prefix)
    {
        await using var gateway = await StartAsync();
        gateway.Connect(Model);

        var first = await JsonOf(gateway.GetAsync($"{prefix}/v1/models"));
        var second = await JsonOf(gateway.GetAsync($"{prefix}/models"));

        Assert.Equal(Model, first.GetProperty("data")[0].GetProperty("id").GetString());
        Assert.Equal(Model, first.GetProperty("models")[0].GetProperty("name").GetString());
        Assert.Equal(Model, second.GetProperty("models")[0].GetProperty("name").GetString());
    }

    [Theory]
    [InlineData("/api/andy")]
    [InlineData("/api")]
    public async Task The_pool_and_its_figures_are_shown(string prefix)
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect(Model);

        var asked = gateway.PostAsync($"{prefix}/v1/chat/completions", Chat);
        var attempt = await host.TakeAsync();
        var figures = await JsonOf(gateway.GetAsync($"{prefix}/admin/metrics"));
        var pool = await JsonOf(gateway.GetAsync($"{prefix}/pool_status"));
        var discovered = await JsonOf(gateway.PostAsync($"{prefix}/admin/model_discovery", ""));
        attempt.Say("hi").Finish();
        await JsonOf(asked);

        Assert.Equal(0, figures.GetProperty("system").GetProperty("queue_length").GetInt32());
        Assert.Equal(1, figures.GetProperty("system").GetProperty("active_requests").GetInt32());
        Assert.Equal(1, pool.GetProperty("total_hosts").GetInt32());
        Assert.Equal(1, pool.GetProperty("active_hosts").GetInt32());
        Assert.Equal(1, pool.GetProperty("total_models").GetInt32());
        Assert.Equal(1, pool.GetProperty("hosts")[0].GetProperty("load").GetInt32());
        Assert.Equal("active", pool.GetProperty("hosts")[0].GetProperty("status").GetString());
        Assert.Equal(Model, pool.GetProperty("models")[0].GetProperty("name").GetString());
        Assert.Equal(1, pool.GetProperty("models")[0].GetProperty("available_hosts").GetInt32());
        Assert.Equal("ok", discovered.GetProperty("status").GetString());
    }

    [Theory]
    [InlineData("/api/andy")]
    [InlineData("/api")]
    public async Task A_short_name_leads_to_the_one_model_that_it_can_mean(string prefix)
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("other/andy-3:latest", Model, "sweaterdog/andy-4:q8");

        var asked = gateway.PostAsync($"{prefix}/v1/chat/completions", Chat);
        var attempt = await host.TakeAsync();
        attempt.Say("hi").Finish();
        var answer = await JsonOf(asked);

        Assert.Equal(Model, attempt.Model);
        Assert.Equal("hi", answer.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString());
    }

    [Theory]
    [InlineData("one/andy-4:latest", "two/andy-4:latest")]
    [InlineData("one/andy-4:q4", "one/andy-4:q8")]
    [InlineData("one/andy-40:latest", "one/big-andy-4:latest")]
    public async Task A_short_name_that_could_mean_several_or_none_leads_nowhere(string one, string other)
    {
        await using var gateway = await StartAsync();
        gateway.Connect(one, other);

        var error = await JsonOf(gateway.PostAsync("/api/andy/v1/chat/completions", Chat), 503);

        Assert.Contains("No available hosts", error.GetProperty("error").GetProperty("message").GetString());
        Assert.Equal("model_not_found", error.GetProperty("error").GetProperty("code").GetString());
    }

    [Fact]
    public async Task Embeddings_are_OpenAIs()
    {
        await using var gateway = await StartAsync();
        var client = new AndyClient(gateway.Client, Generation.Of("4"), Model);
        await client.JoinAsync();

        var asked = gateway.PostAsync("/api/v1/embeddings", """{"model":"andy-4","input":"four"}""");
        await client.WorkOnceAsync();

        Assert.Equal(4, (await JsonOf(asked)).GetProperty("data")[0].GetProperty("embedding")[1].GetDouble());
    }

    [Theory]
    [InlineData("this model's maximum context length is 8192 tokens", 400, "context_length_exceeded")]
    [InlineData("the request exceeds the available context size", 400, "context_length_exceeded")]
    [InlineData("CUDA out of memory", 502, "backend_error")]
    public async Task What_a_host_says_of_too_long_a_conversation_is_known_by_its_code(
        string said,
        int status,
        string code
    )
    {
        await using var gateway = await StartAsync(engineOptions: new Tasks.TaskEngineOptions { MaxAttempts = 1 });
        var client = new AndyClient(gateway.Client, Generation.Of("4"), Model);
        await client.JoinAsync();

        var asked = gateway.PostAsync("/api/andy/v1/chat/completions", Chat);
        await client.SubmitAsync(await client.UntilWorkAsync(), new JsonObject { ["error"] = said });

        var error = (await JsonOf(asked, status)).GetProperty("error");
        Assert.Equal(code, error.GetProperty("code").GetString());
        Assert.Contains(said, error.GetProperty("message").GetString());
    }

    [Fact]
    public async Task A_picture_for_a_model_that_cannot_see_is_refused_in_the_words_that_bots_look_for()
    {
        await using var gateway = await StartAsync(engineOptions: new Tasks.TaskEngineOptions { MaxAttempts = 1 });
        var client = new AndyClient(gateway.Client, Generation.Of("4"), Model);
        await client.JoinAsync();
        using var left = CancellationTokenSource.CreateLinkedTokenSource(Token);

        var asking = client.AskAsync(ct: left.Token);
        var error = await JsonOf(
            gateway.PostAsync(
                "/api/andy/v1/chat/completions",
                """
                {"model":"andy-4","messages":[{"role":"user","content":[{"type":"text","text":"what is this"},
                {"type":"image_url","image_url":{"url":"data:image/jpeg;base64,/9j/4AAQ"}}]}]}
                """
            ),
            400
        );

        Assert.Contains("vision", error.GetProperty("error").GetProperty("message").GetString());
        Assert.Contains("image_url", error.GetProperty("error").GetProperty("message").GetString());
        await asking; // It hears of none of it.
    }

    [Fact]
    public async Task Strangers_are_served_within_limits_where_the_owner_says_so()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddYears(56));
        await using var gateway = await StartAsync(Open, time: clock);
        gateway.Connect(Model);
        var stranger = gateway.NewClient(null);
        var pretending = gateway.NewClient("no-key-needed");
        using var elsewhere = gateway.NewClientAt("127.0.0.2");

        for (var i = 0; i < 10; i++)
        {
            await JsonOf((i % 2 == 0 ? stranger : pretending).GetAsync("/api/andy/v1/models", Token));
        }

        var refused = await JsonOf(stranger.GetAsync("/api/andy/v1/models", Token), 429);
        await JsonOf(elsewhere.GetAsync("/api/andy/v1/models", Token)); // Another address has its own.
        await JsonOf(gateway.GetAsync("/api/andy/v1/models")); // So has a key.
        clock.Advance(TimeSpan.FromSeconds(1.1));
        await JsonOf(stranger.GetAsync("/api/andy/v1/models", Token));
        await JsonOf(stranger.GetAsync("/api/andy/v1/models", Token), 429);

        Assert.Contains("rate limit", refused.GetProperty("error").GetProperty("message").GetString());
    }

    [Fact]
    public async Task Strangers_of_one_address_have_few_requests_open_at_once()
    {
        await using var gateway = await StartAsync(Open);
        var host = gateway.Connect(Model);
        var stranger = gateway.NewClient(null);

        var open = Enumerable
            .Range(0, 4)
            .Select(_ => PostAsync(stranger, "/api/andy/v1/chat/completions", Chat))
            .ToList();
        List<FakeAttempt> attempts = [];
        foreach (var _ in open)
        {
            attempts.Add(await host.TakeAsync());
        }

        var refused = await JsonOf(PostAsync(stranger, "/api/andy/v1/chat/completions", Chat), 429);
        attempts.ForEach(attempt => attempt.Say("hi").Finish());
        foreach (var answer in open)
        {
            await JsonOf(answer);
        }

        Assert.Contains("rate limit", refused.GetProperty("error").GetProperty("message").GetString());
    }

    [Fact]
    public async Task Nobody_without_a_key_goes_further_than_the_owner_says()
    {
        await using var open = await StartAsync(Open);
        await using var closed = await StartAsync(options => options with { RequireKeys = true });

        await JsonOf(PostAsync(open.NewClient(null), "/v1/chat/completions", Chat), 401);
        await JsonOf(PostAsync(open.NewClient("pk_wrong"), "/api/andy/v1/chat/completions", Chat), 401);
        await JsonOf(open.NewClient(null).GetAsync("/v1/tasks", Token), 401);
        await JsonOf(PostAsync(closed.NewClient(null), "/api/andy/v1/chat/completions", Chat), 401);
        await JsonOf(closed.NewClient("no-key-needed").GetAsync("/api/pool_status", Token), 401);
    }

    [Fact]
    public async Task Nobody_sees_a_strangers_task()
    {
        await using var gateway = await StartAsync(Open);
        gateway.Connect(Model);
        var key = await JsonOf(gateway.PostAsync("/v1/keys", """{"name":"one"}"""), 201);
        var client = gateway.NewClient(key.GetProperty("key").GetString());

        var task = await JsonOf(
            PostAsync(gateway.NewClient(null), "/api/andy/v1/chat/completions", Chat, ("Prefer", "respond-async")),
            202
        );
        var path = $"/v1/tasks/{task.GetProperty("id").GetString()}";

        await JsonOf(client.GetAsync(path, Token), 404);
        await JsonOf(gateway.NewClient(null).GetAsync(path, Token), 401);
        Assert.Equal(
            "stranger:127.0.0.1",
            (await gateway.Engine.ListAsync(new Tasks.Storage.TaskQuery { Limit = 1 }, Token)).Rows[0].Owner
        );
    }

    private static GatewayOptions Open(GatewayOptions options) => options with { RequireKeys = true, AndyOpen = true };
}
