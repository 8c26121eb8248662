using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Pollard.Gateway.Answers;
using Pollard.Gateway.Observability;
using Pollard.Gateway.Validation;
using Pollard.Protocol.Api;
using Pollard.Tasks;
using Pollard.Tasks.Storage;

namespace Pollard.Gateway.Tests;

/// <summary>A gateway on a free port, with a real engine, a store in memory, and hosts that the test plays itself.</summary>
internal sealed class TestGateway : IAsyncDisposable
{
    private readonly List<HttpClient> _clients = [];

    private TestGateway(GatewayServer server, TaskEngine engine)
    {
        Server = server;
        Engine = engine;
        Client = NewClient(server.FirstAdminKey);
    }

    public GatewayServer Server { get; }

    public TaskEngine Engine { get; }

    public HttpClient Client { get; }

    public static CancellationToken Token => TestContext.Current.CancellationToken;

    public static async Task<TestGateway> StartAsync(
        Func<GatewayOptions, GatewayOptions>? change = null,
        TaskEngineOptions? engineOptions = null,
        ITaskStore? store = null,
        TimeProvider? time = null,
        Telemetry? telemetry = null
    )
    {
        var options = new GatewayOptions
        {
            Urls = ["http://127.0.0.1:0"],
            LinkUrl = "http://127.0.0.1:0",
            StartGrace = TimeSpan.Zero,
            StopGrace = TimeSpan.FromMilliseconds(100),
        };
        time ??= TimeProvider.System;
        store ??= new MemoryTaskStore(time, MemoryCommits.Behind);
        var review = new AnswerReview(time);
        var engine = await TaskEngine.StartAsync(
            store,
            new ResultAssembler(),
            review,
            engineOptions ?? new TaskEngineOptions(),
            time,
            Random.Shared,
            NullLogger<TaskEngine>.Instance,
            Token
        );
        var server = await GatewayServer.StartAsync(
            change?.Invoke(options) ?? options,
            engine,
            review,
            store,
            telemetry,
            time,
            null,
            Token
        );
        return new TestGateway(server, engine);
    }

    /// <summary>A host that can run these models, and what for.</summary>
    public FakeHost Connect(params string[] models) => FakeHost.Connect(Engine, models);

    /// <summary>The same, trusted as far as that.</summary>
    public FakeHost Connect(TrustTier tier, params string[] models) => FakeHost.Connect(Engine, tier, models);

    public HttpClient NewClient(string? key)
    {
        var client = new HttpClient(new SocketsHttpHandler()) { BaseAddress = Server.Addresses[0] };
        client.DefaultRequestHeaders.Authorization = key is null ? null : new AuthenticationHeaderValue("Bearer", key);
        _clients.Add(client);
        return client;
    }

    /// <summary>Sends JSON; the answer comes with its headers, its body still to be read.</summary>
    public Task<HttpResponseMessage> PostAsync(
        string path,
        string json,
        params (string Name, string Value)[] headers
    ) => PostAsync(Client, path, json, headers);

    public static Task<HttpResponseMessage> PostAsync(
        HttpClient client,
        string path,
        string json,
        params (string Name, string Value)[] headers
    )
    {
        var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = new StringContent(json, Encoding.UTF8, "application/json"),
        };
        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Token);
    }

    public Task<HttpResponseMessage> GetAsync(string path, params (string Name, string Value)[] headers)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, path);
        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Token);
    }

    /// <summary>The body as JSON; the status must be the expected one.</summary>
    public static async Task<JsonElement> JsonOf(Task<HttpResponseMessage> sent, int status = 200)
    {
        using var response = await sent;
        var text = await response.Content.ReadAsStringAsync(Token);
        Assert.True((int)response.StatusCode == status, $"{(int)response.StatusCode}: {text}");
        return JsonElement.Parse(text);
    }

    /// <summary>What is there, as JSON, once this is so of it: what a host did is shown when it is on disk.</summary>
    public async Task<JsonElement> JsonOnceAsync(string path, Func<JsonElement, bool> isSo)
    {
        while (true)
        {
            var read = await JsonOf(GetAsync(path));
            if (isSo(read))
            {
                return read;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, Token);
        }
    }

    /// <summary>The whole body as text.</summary>
    public static async Task<string> TextOf(Task<HttpResponseMessage> sent)
    {
        using var response = await sent;
        return await response.Content.ReadAsStringAsync(Token);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var client in _clients)
        {
            client.Dispose();
        }

        await Server.DisposeAsync();
        await Engine.DisposeAsync();
    }
}
