using System.Net;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Time.Testing;
using Pollard.EndToEnd.Support;
using Pollard.Simulators;

namespace Pollard.EndToEnd;

/// <summary>The files for reverse proxies in docs/operate do what their page says, each in the real proxy with TLS and keys.</summary>
public sealed partial class ReverseProxyTests : IAsyncDisposable
{
    private const string Model = "simulated";
    private const string Call =
        $$"""{"model":"{{Model}}","messages":[{"role":"user","content":"hello"}],"stream":true}""";
    private readonly FakeTimeProvider _modelClock = new();
    private readonly List<IAsyncDisposable> _parts = [];
    private GatewayProcess _gateway = null!;
    private ReverseProxy _proxy = null!;
    private HttpClient _client = null!;
    private string _key = "";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static TheoryData<string> Proxies => ["nginx", "caddy", "haproxy"];

    public static TheoryData<string, string> ProxiesAndCarriers
    {
        get
        {
            TheoryData<string, string> all = [];
            foreach (var proxy in Proxies)
            {
                all.Add(proxy, "best");
                all.Add(proxy, "h2");
                all.Add(proxy, "ws");
                all.Add(proxy, "turn");
            }

            return all;
        }
    }

    [Theory]
    [MemberData(nameof(Proxies))]
    public async Task A_chat_comes_piece_by_piece(string proxy)
    {
        await StartAsync(proxy);
        await StartAgentAsync("best");

        using var answer = await SendAsync("/v1/chat/completions", Call);
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync(Token));
        var first = await reader.ReadLineAsync(Token); // The model's clock stands: it has made its first piece and makes no other.
        _modelClock.Advance(TimeSpan.FromHours(1));
        var rest = await reader.ReadToEndAsync(Token);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.StartsWith("data: ", first, StringComparison.Ordinal);
        Assert.DoesNotContain("[DONE]", first, StringComparison.Ordinal);
        Assert.EndsWith("data: [DONE]\n\n", rest, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Proxies))]
    public async Task Whitespace_of_a_wait_and_messages_of_a_socket_come_at_once(string proxy)
    {
        await StartAsync(proxy);
        await StartAgentAsync("best");
        var task = await (
            await SendAsync("/v1/tasks", $$"""{"kind":"chat","model":"{{Model}}","request":{{Call}}}""")
        ).Content.ReadFromJsonAsync<JsonElement>(Token);
        var path = $"/v1/tasks/{task.GetProperty("id").GetString()}";
        using ClientWebSocket socket = new();
        socket.Options.SetRequestHeader("Authorization", $"Bearer {_key}");
        await socket.ConnectAsync(new Uri($"{_proxy.Url.Replace("https", "wss")}{path}/ws"), _client, Token);
        using var waiting = await _client.GetAsync(
            $"{path}/wait?timeout=300",
            HttpCompletionOption.ResponseHeadersRead,
            Token
        );
        await using var body = await waiting.Content.ReadAsStreamAsync(Token);

        var blank = new byte[1];
        await body.ReadExactlyAsync(blank, Token); // Nothing has ended: it can only be the sign of life.
        var message = new byte[64 * 1024];
        var heard = await socket.ReceiveAsync(message, Token);
        _modelClock.Advance(TimeSpan.FromHours(1));
        using var rest = new StreamReader(body);
        var ended = JsonElement.Parse(await rest.ReadToEndAsync(Token));

        Assert.True(char.IsWhiteSpace((char)blank[0]));
        Assert.Contains("\"submitted\"", Encoding.UTF8.GetString(message, 0, heard.Count), StringComparison.Ordinal);
        Assert.Equal("completed", ended.GetProperty("state").GetString());
    }

    [Theory]
    [MemberData(nameof(ProxiesAndCarriers))]
    public async Task Hosts_link_by_every_carrier(string proxy, string carrier)
    {
        await StartAsync(proxy);
        await StartAgentAsync(carrier);
        _modelClock.AutoAdvanceAmount = TimeSpan.FromSeconds(1);

        using var answer = await SendAsync("/v1/chat/completions", Call);
        var text = await answer.Content.ReadAsStringAsync(Token);
        var hosts = await _client.GetFromJsonAsync<JsonElement>("/v1/hosts?state=online", Token);

        Assert.EndsWith("data: [DONE]\n\n", text, StringComparison.Ordinal);
        var used = hosts.GetProperty("hosts").EnumerateArray().Select(static host => host.GetProperty("carrier"));
        Assert.Equal(carrier == "best" ? "h2" : carrier, used.Single().GetString());
    }

    [Theory]
    [MemberData(nameof(Proxies))]
    public async Task A_body_of_32_MB_gets_through_both_ways(string proxy)
    {
        await using var tool = await ToolServer.StartAsync(static async http =>
        {
            http.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize = null;
            http.Response.ContentType = "application/octet-stream";
            using MemoryStream whole = new(); // A client that sends before it reads would wait for ever for a piece by piece echo.
            await http.Request.Body.CopyToAsync(whole, http.RequestAborted);
            await http.Response.Body.WriteAsync(whole.GetBuffer().AsMemory(0, (int)whole.Length), http.RequestAborted);
        });
        await StartAsync(proxy);
        await StartAgentAsync("best", "--http", $"echo={tool.Urls.First()}");
        var bytes = new byte[32 * 1024 * 1024];
        new Random(7).NextBytes(bytes);

        using var content = new ByteArrayContent(bytes);
        using var answer = await _client.PostAsync("/v1/teleport/echo/", content, Token);
        var came = await answer.Content.ReadAsByteArrayAsync(Token);

        Assert.True(answer.IsSuccessStatusCode, $"{answer.StatusCode}: {Encoding.UTF8.GetString(came)}");
        Assert.True(bytes.AsSpan().SequenceEqual(came), $"{came.Length} bytes came");
    }

    [Theory]
    [MemberData(nameof(Proxies))]
    public async Task Limits_are_each_clients_and_no_header_of_theirs_changes_that(string proxy)
    {
        await StartAsync(proxy, "--andy-open", "--andy-requests", "1");
        using var stranger = _proxy.NewClient(null, "127.0.0.5");
        using var other = _proxy.NewClient(null, "127.0.0.6");
        using var liar = _proxy.NewClient(null, "127.0.0.5");
        liar.DefaultRequestHeaders.Add("X-Forwarded-For", "192.0.2.9");

        HttpStatusCode status;
        var requests = 0;
        do
        {
            status = await StatusAsync(stranger);
        } while (status == HttpStatusCode.OK && ++requests < 100);

        Assert.Equal(HttpStatusCode.TooManyRequests, status);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(other));
        Assert.Equal(HttpStatusCode.TooManyRequests, await StatusAsync(liar));

        static async Task<HttpStatusCode> StatusAsync(HttpClient client)
        {
            using var answer = await client.GetAsync("/api/andy/models", Token);
            return answer.StatusCode;
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var part in Enumerable.Reverse(_parts))
        {
            await part.DisposeAsync();
        }

        _client?.Dispose();
    }

    private async Task StartAsync(string proxy, params string[] options)
    {
        _gateway = await GatewayProcess.StartAsync(["serve", "--trusted-proxies", "127.0.0.1", .. options]);
        _parts.Add(_gateway);
        await _gateway.Process.UntilAsync(
            _ => Task.FromResult(Secret().IsMatch(_gateway.Process.Output)),
            "its admin key is printed"
        );
        _key = Secret().Match(_gateway.Process.Output).Value;
        _proxy = await ReverseProxy.StartAsync(proxy, _gateway);
        _parts.Add(_proxy);
        _client = _proxy.NewClient(_key);
    }

    private async Task StartAgentAsync(string carrier, params string[] options)
    {
        var model = await OllamaSimulator.StartAsync(
            "http://127.0.0.1:0",
            new SimulatorOptions
            {
                Models = [new SimulatedModel(Model)],
                Tokens = 40,
                TokensPerSecond = 10,
                Time = _modelClock,
            },
            Token
        );
        _parts.Add(model);
        using var made = await SendAsync("/v1/tokens", "{}");
        var token = (await made.Content.ReadFromJsonAsync<JsonElement>(Token)).GetProperty("token").GetString()!;
        var agent = PollardProcess.Start([
            "agent",
            "--gateway",
            _proxy.Url,
            "--ca",
            _proxy.AuthorityFile,
            "--join",
            token,
            "--carrier",
            carrier,
            "--ollama",
            model.Url.ToString(),
            "--data",
            Path.Combine(_gateway.Data, "agent"),
            .. options,
        ]);
        _parts.Add(agent);
        await agent.UntilAsync(
            async ct => (await _client.GetStringAsync("/v1/models", ct)).Contains(Model, StringComparison.Ordinal),
            "its model is served"
        );
    }

    private async Task<HttpResponseMessage> SendAsync(string path, string json)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path);
        request.Content = new StringContent(json, Encoding.UTF8, "application/json");
        return await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Token);
    }

    [GeneratedRegex("pk_[A-Za-z0-9_-]+", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Secret();
}
