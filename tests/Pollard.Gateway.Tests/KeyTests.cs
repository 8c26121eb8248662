using System.Text.Json;
using static Pollard.Gateway.Tests.TestGateway;

namespace Pollard.Gateway.Tests;

public sealed class KeyTests
{
    private const string Submit = """{"kind":"x","request":{}}""";

    [Theory]
    [InlineData("/v1/chat/completions", "error")]
    [InlineData("/api/chat", "error")]
    [InlineData("/v1/tasks", "detail")]
    public async Task Without_a_right_key_nothing_is_served(string path, string member)
    {
        await using var gateway = await StartAsync(WithKeys);

        foreach (var client in (HttpClient[])[gateway.NewClient(null), gateway.NewClient("pk_wrong")])
        {
            using var response = await PostAsync(client, path, Submit);
            var error = JsonElement.Parse(await response.Content.ReadAsStringAsync(Token));

            Assert.Equal(401, (int)response.StatusCode);
            Assert.Equal("Bearer", response.Headers.WwwAuthenticate.ToString());
            Assert.Contains("key", error.GetProperty(member).ToString());
        }
    }

    [Fact]
    public async Task What_tells_nothing_is_open_to_all()
    {
        await using var gateway = await StartAsync(WithKeys);
        var stranger = gateway.NewClient(null);

        foreach (var path in (string[])["/", "/healthz", "/readyz", "/api/version"])
        {
            using var response = await stranger.GetAsync(path, Token);

            Assert.Equal(200, (int)response.StatusCode);
        }
    }

    [Fact]
    public async Task A_key_sees_its_own_tasks_and_an_admin_everybodys()
    {
        await using var gateway = await StartAsync(WithKeys);
        var (one, oneId) = await NewKeyAsync(gateway, """{"name":"one"}""");
        var (other, _) = await NewKeyAsync(gateway, """{"name":"other"}""");

        var id = (await JsonOf(PostAsync(one, "/v1/tasks", Submit), 202)).GetProperty("id").GetString()!;
        string[] paths = ["", "/wait", "/events", "/why"];

        foreach (var path in paths)
        {
            var problem = await JsonOf(other.GetAsync($"/v1/tasks/{id}{path}", Token), 404);
            Assert.Equal("urn:pollard:error:task_not_found", problem.GetProperty("type").GetString());
        }

        await JsonOf(other.DeleteAsync($"/v1/tasks/{id}", Token), 404);
        Assert.Empty(await ListAsync(other, "/v1/tasks"));
        Assert.Empty(await ListAsync(other, $"/v1/tasks?owner={oneId}"));
        Assert.Equal([id], await ListAsync(one, "/v1/tasks"));
        Assert.Equal([id], await ListAsync(gateway.Client, $"/v1/tasks?owner={oneId}"));
        Assert.Equal("pending", (await JsonOf(gateway.GetAsync($"/v1/tasks/{id}"))).GetProperty("state").GetString());
    }

    [Fact]
    public async Task Keys_are_made_listed_and_ended_by_admins_only()
    {
        await using var gateway = await StartAsync(WithKeys);
        var (client, id) = await NewKeyAsync(gateway, """{"name":"one","max_running":2}""");

        await JsonOf(PostAsync(client, "/v1/keys", """{"name":"two"}"""), 403);
        await JsonOf(client.GetAsync("/v1/keys", Token), 403);
        var list = await TextOf(gateway.GetAsync("/v1/keys"));
        using var deleted = await gateway.Client.DeleteAsync($"/v1/keys/{id}", Token);
        await JsonOf(client.GetAsync("/v1/tasks", Token), 401);
        await JsonOf(gateway.Client.DeleteAsync($"/v1/keys/{id}", Token), 404);
        var admin = JsonElement.Parse(list).GetProperty("keys")[0].GetProperty("id").GetString();
        await JsonOf(gateway.Client.DeleteAsync($"/v1/keys/{admin}", Token), 409);

        Assert.Equal(204, (int)deleted.StatusCode);
        Assert.Contains("\"name\":\"one\"", list);
        Assert.DoesNotContain("pk_", list);
        Assert.DoesNotContain("hash", list);
    }

    [Theory]
    [InlineData("""{"name":""}""")]
    [InlineData("""{"name":"x","role":"king"}""")]
    [InlineData("""{"name":"x","requests_per_minute":0}""")]
    [InlineData("""{"name":"x","expires_in":-1}""")]
    [InlineData("""{}""")]
    public async Task A_key_that_makes_no_sense_is_not_made(string wanted)
    {
        await using var gateway = await StartAsync(WithKeys);

        await JsonOf(gateway.PostAsync("/v1/keys", wanted), 400);
    }

    [Fact]
    public async Task A_key_is_held_to_its_requests_a_minute()
    {
        await using var gateway = await StartAsync(WithKeys);
        var (client, _) = await NewKeyAsync(gateway, """{"name":"slow","requests_per_minute":2}""");

        using var first = await client.GetAsync("/v1/models", Token);
        using var second = await client.GetAsync("/v1/models", Token);
        using var third = await client.GetAsync("/v1/models", Token);
        var error = JsonElement.Parse(await third.Content.ReadAsStringAsync(Token)).GetProperty("error");

        Assert.Equal([200, 200, 429], new[] { first, second, third }.Select(response => (int)response.StatusCode));
        Assert.Equal("\"default\";q=2;w=60", first.Headers.GetValues("RateLimit-Policy").Single());
        Assert.StartsWith("\"default\";r=1;t=", first.Headers.GetValues("RateLimit").Single());
        Assert.Equal("0", second.Headers.GetValues("x-ratelimit-remaining-requests").Single());
        Assert.InRange(third.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 30);
        Assert.Equal("rate_limit_exceeded", error.GetProperty("code").GetString());
    }

    [Fact]
    public async Task A_key_is_held_to_its_open_requests()
    {
        await using var gateway = await StartAsync(options => WithKeys(options) with { MaxOpenRequestsPerKey = 1 });
        var (client, _) = await NewKeyAsync(gateway, """{"name":"one"}""");
        var id = (await JsonOf(PostAsync(client, "/v1/tasks", Submit), 202)).GetProperty("id").GetString();

        using var open = await client.GetAsync(
            $"/v1/tasks/{id}/events",
            HttpCompletionOption.ResponseHeadersRead,
            Token
        );
        using var refused = await client.GetAsync("/v1/tasks", Token);

        Assert.Equal(429, (int)refused.StatusCode);
    }

    [Theory]
    [InlineData("Host", "evil.example")]
    [InlineData("Origin", "https://evil.example")]
    [InlineData("Origin", "null")]
    public async Task Without_keys_pages_from_elsewhere_are_refused(string header, string value)
    {
        await using var gateway = await StartAsync();

        using var response = await gateway.GetAsync("/v1/models", (header, value));

        Assert.Equal(403, (int)response.StatusCode);
    }

    [Fact]
    public async Task Without_keys_any_key_that_a_client_must_send_will_do()
    {
        await using var gateway = await StartAsync();

        using var response = await gateway.GetAsync(
            "/v1/keys",
            ("Authorization", "Bearer ollama"),
            ("Origin", "http://localhost:3000")
        );

        Assert.Equal(200, (int)response.StatusCode);
    }

    [Fact]
    public void Keys_are_needed_as_soon_as_anything_listens_beyond_loopback()
    {
        Assert.False(new GatewayOptions().KeysRequired);
        Assert.False(new GatewayOptions { Urls = ["http://localhost:1", "http://[::1]:1"] }.KeysRequired);
        Assert.True(new GatewayOptions { Urls = ["http://127.0.0.1:1", "http://0.0.0.0:1"] }.KeysRequired);
        Assert.True(new GatewayOptions { Urls = ["http://*:1"] }.KeysRequired);
        Assert.True(new GatewayOptions { LinkUrl = "http://192.168.0.7:1" }.KeysRequired);
        Assert.True(new GatewayOptions { TrustedProxies = [System.Net.IPNetwork.Parse("127.0.0.1/32")] }.KeysRequired);
    }

    private static GatewayOptions WithKeys(GatewayOptions options) => options with { RequireKeys = true };

    private static async Task<(HttpClient Client, string Id)> NewKeyAsync(TestGateway gateway, string wanted)
    {
        var key = await JsonOf(gateway.PostAsync("/v1/keys", wanted), 201);
        return (gateway.NewClient(key.GetProperty("key").GetString()), key.GetProperty("id").GetString()!);
    }

    private static async Task<List<string>> ListAsync(HttpClient client, string path) =>
        [
            .. (await JsonOf(client.GetAsync(path, Token)))
                .GetProperty("tasks")
                .EnumerateArray()
                .Select(task => task.GetProperty("id").GetString()!),
        ];
}
