using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using static Pollard.Gateway.Tests.TestGateway;

namespace Pollard.Gateway.Tests;

public sealed class BadInputTests
{
    private const string ChatPath = "/v1/chat/completions";

    [Theory]
    [InlineData(ChatPath, "{\"model\":\"m\",\n  nope}", 400, "line 2, byte 3")]
    [InlineData(ChatPath, "", 400, "empty")]
    [InlineData(ChatPath, "[]", 400, "an object")]
    [InlineData(ChatPath, "null", 400, "an object")]
    [InlineData(ChatPath, "{\"messages\":[{\"role\":\"user\"}]}", 400, "\"model\" is missing")]
    [InlineData(ChatPath, "{\"model\":\"m\"}", 400, "\"messages\" is missing")]
    [InlineData(ChatPath, "{\"model\":1,\"messages\":[{\"role\":\"user\"}]}", 400, "\"model\" must be a string")]
    [InlineData(ChatPath, "{\"model\":\"m\",\"messages\":\"hi\"}", 400, "\"messages\" must be a list")]
    [InlineData(ChatPath, "{\"model\":\"m\",\"messages\":[1]}", 400, "messages[0]")]
    [InlineData(ChatPath, "{\"model\":\"m\",\"messages\":[{\"content\":\"x\"}]}", 400, "messages[0].role")]
    [InlineData(ChatPath, "{\"model\":\"m\",\"messages\":[]}", 400, "at least one")]
    [InlineData(ChatPath, "{\"model\":\"m\",\"stream\":\"yes\",\"messages\":[{\"role\":\"user\"}]}", 400, "\"stream\"")]
    [InlineData(ChatPath, "{\"model\":\"m\",\"n\":0,\"messages\":[{\"role\":\"user\"}]}", 400, "\"n\"")]
    [InlineData(ChatPath, "{\"model\":\"m\",\"tools\":{},\"messages\":[{\"role\":\"user\"}]}", 400, "\"tools\"")]
    [InlineData(ChatPath, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\"}]} x", 400, "line 1")]
    [InlineData(ChatPath, "{\"model\":\"nope\",\"messages\":[{\"role\":\"user\"}]}", 404, "available: m")]
    [InlineData("/v1/completions", "{\"model\":\"m\"}", 400, "\"prompt\" is missing")]
    [InlineData("/v1/embeddings", "{\"model\":\"m\",\"input\":1}", 400, "\"input\" must be")]
    [InlineData("/v1/models/nope/x", null, 404, "available: m")]
    [InlineData("/api/chat", "{\"model\":\"m\",\"messages\":{}}", 400, "\"messages\" must be a list")]
    [InlineData("/api/chat", "{\"model\":\"m\",\"messages\":[1]}", 400, "messages[0]")]
    [InlineData("/api/chat", "{\"model\":\"m\",\"stream\":1,\"messages\":[{\"role\":\"user\"}]}", 400, "\"stream\"")]
    [InlineData("/api/chat", "{", 400, "line 1")]
    [InlineData("/api/generate", "{\"prompt\":\"x\"}", 400, "\"model\" is missing")]
    [InlineData("/api/generate", "{\"model\":\"nope\",\"prompt\":\"x\"}", 404, "available: m")]
    [InlineData("/api/pull", "{\"model\":\"m\"}", 501, "on the machine that has them")]
    [InlineData("/v1/tasks", "{\"kind\":", 400, "line 1")]
    [InlineData("/v1/tasks:batch", "{\"tasks\":[]}", 400, "tasks")]
    [InlineData("/v1/tasks:batch", "{\"tasks\":7}", 400, "tasks")]
    [InlineData("/v1/tasks/task_abc", null, 404, "no task")]
    [InlineData("/v1/tasks?limit=x", null, 400, "limit")]
    [InlineData("/v1/tasks?state=x", null, 400, "state")]
    [InlineData(
        "/v1/tasks?label=1&label=2&label=3&label=4&label=5&label=6&label=7&label=8&label=9",
        null,
        400,
        "label"
    )]
    [InlineData("/v1/nothing", null, 404, "no GET")]
    [InlineData("/nothing", "{}", 404, "no POST")]
    [InlineData("/v1/models", "{}", 405, "GET")]
    [InlineData(ChatPath, null, 405, "POST")]
    public async Task A_mistake_is_told_in_the_doors_shape(string path, string? body, int status, string words)
    {
        await using var gateway = await StartAsync();
        gateway.Connect("m");

        using var response = await (body is null ? gateway.GetAsync(path) : gateway.PostAsync(path, body));
        var text = await response.Content.ReadAsStringAsync(Token);
        var error = JsonElement.Parse(text);

        Assert.Equal(status, (int)response.StatusCode);
        Assert.DoesNotContain("   at ", text);
        Assert.NotEmpty(response.Headers.GetValues("x-request-id").Single());
        var message =
            path.StartsWith("/api", StringComparison.Ordinal) ? error.GetProperty("error")
            : error.TryGetProperty("error", out var inner) ? inner.GetProperty("message")
            : error.GetProperty("detail");
        Assert.Contains(words, message.GetString());
        Assert.Equal(
            IsOpenAI(path),
            error.TryGetProperty("error", out var nested) && nested.ValueKind == JsonValueKind.Object
        );
    }

    [Fact]
    public async Task An_oversized_body_is_a_413_in_every_shape()
    {
        await using var gateway = await StartAsync(options => options with { MaxBodyBytes = 1000 });
        var large = "{\"x\":\"" + new string('x', 2000) + "\"}";

        Assert.Equal(
            "body_too_large",
            (await JsonOf(gateway.PostAsync(ChatPath, large), 413)).GetProperty("error").GetProperty("code").GetString()
        );
        Assert.Contains(
            "larger",
            (await JsonOf(gateway.PostAsync("/api/chat", large), 413)).GetProperty("error").GetString()
        );
        Assert.Equal(413, (await JsonOf(gateway.PostAsync("/v1/tasks", large), 413)).GetProperty("status").GetInt32());
    }

    [Fact]
    public async Task Too_many_messages_and_pictures_from_elsewhere_are_refused()
    {
        await using var gateway = await StartAsync(options => options with { MaxMessages = 2 });
        gateway.Connect("m");
        const string One = "{\"role\":\"user\",\"content\":\"x\"}";
        const string Picture =
            "{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"file:///etc/passwd\"}}]}";

        var many = await JsonOf(
            gateway.PostAsync(ChatPath, "{\"model\":\"m\",\"messages\":[" + One + "," + One + "," + One + "]}"),
            400
        );
        var picture = await JsonOf(
            gateway.PostAsync(ChatPath, "{\"model\":\"m\",\"messages\":[" + Picture + "]}"),
            400
        );

        Assert.Equal("too_many_messages", many.GetProperty("error").GetProperty("code").GetString());
        Assert.Equal("image_url_not_allowed", picture.GetProperty("error").GetProperty("code").GetString());
    }

    [Fact]
    public async Task A_flood_of_headers_is_refused_and_the_gateway_goes_on()
    {
        await using var gateway = await StartAsync();
        var address = gateway.Server.Addresses[0];

        using var socket = new TcpClient();
        await socket.ConnectAsync(address.Host, address.Port, Token);
        var flood = string.Concat(Enumerable.Range(0, 200).Select(i => $"x-{i}: y\r\n"));
        await socket
            .GetStream()
            .WriteAsync(Encoding.ASCII.GetBytes($"GET / HTTP/1.1\r\nHost: localhost\r\n{flood}\r\n"), Token);
        using var reader = new StreamReader(socket.GetStream());

        Assert.Contains(" 431 ", await reader.ReadLineAsync(Token));
        Assert.Equal("Ollama is running", await TextOf(gateway.GetAsync("/")));
    }

    [Fact]
    public async Task A_body_that_ends_early_or_never_was_complete_harms_nobody()
    {
        await using var gateway = await StartAsync();
        var address = gateway.Server.Addresses[0];

        using (var socket = new TcpClient())
        {
            await socket.ConnectAsync(address.Host, address.Port, Token);
            var half = $"POST {ChatPath} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{{\"model\"";
            await socket.GetStream().WriteAsync(Encoding.ASCII.GetBytes(half), Token);
        }

        Assert.Equal("Ollama is running", await TextOf(gateway.GetAsync("/")));
    }

    [Fact]
    public async Task The_gateway_says_that_it_lives_and_that_it_is_ready()
    {
        await using var gateway = await StartAsync();

        var ready = await JsonOf(gateway.GetAsync("/readyz"));

        Assert.Equal("ok", (await JsonOf(gateway.GetAsync("/healthz"))).GetProperty("status").GetString());
        Assert.Equal("ready", ready.GetProperty("status").GetString());
        Assert.Equal(
            [
                "andy_hosts",
                "host_audits",
                "host_links",
                "host_records",
                "key_usage",
                "overview",
                "retention",
                "tasks_hosts",
                "teleport_hosts",
                "teleport_uploads",
                "timers",
            ],
            ready.GetProperty("loops").EnumerateObject().Select(loop => loop.Name).Order(StringComparer.Ordinal)
        );
    }

    private static bool IsOpenAI(string path) =>
        path.StartsWith("/v1/chat", StringComparison.Ordinal)
        || path.StartsWith("/v1/completions", StringComparison.Ordinal)
        || path.StartsWith("/v1/embeddings", StringComparison.Ordinal)
        || path.StartsWith("/v1/models", StringComparison.Ordinal);
}
