using System.Collections.Concurrent;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.AspNetCore.Http;
using Pollard.Agent.Tests.Backends;

namespace Pollard.Agent.Tests.Andy;

/// <summary>
/// A server of the Andy pool, made anew from what is known of the first ones: one list of work for all, nothing repeated, nothing
/// kept. Its generations differ in what they have.
/// </summary>
internal sealed class AndyServer : IAsyncDisposable
{
    private readonly Channel<string> _work = Channel.CreateBounded<string>(100);
    private readonly Channel<JsonElement> _results = Channel.CreateBounded<JsonElement>(100);
    private readonly Channel<(string Path, JsonElement Body)> _calls = Channel.CreateBounded<(string, JsonElement)>(
        10_000
    );
    private readonly ConcurrentDictionary<string, bool> _hosts = new(StringComparer.Ordinal);
    private ScriptedServer? _server;
    private int _joins;

    /// <summary>What stands before its paths.</summary>
    public string Prefix { get; init; } = "/api/andy";

    /// <summary>Whether it has the long poll.</summary>
    public bool HasLongPoll { get; init; } = true;

    /// <summary>Whether work stands in an object of its own.</summary>
    public bool Wraps { get; init; }

    /// <summary>The status of the next answers to results, instead of taking them.</summary>
    public Queue<int> Refusals { get; } = new();

    /// <summary>Whether it shows its state to who has not joined.</summary>
    public bool IsOpen { get; init; } = true;

    /// <summary>The status of each join; null joins.</summary>
    public int? JoinStatus { get; set; }

    /// <summary>What the next question for work is answered with, instead of work.</summary>
    public Queue<string> Garbage { get; } = new();

    public Uri Url => _server!.Url;

    /// <summary>The hosts that it knows.</summary>
    public IReadOnlyCollection<string> Hosts => [.. _hosts.Keys];

    public static async Task<AndyServer> StartAsync(AndyServer? server = null)
    {
        server ??= new AndyServer();
        server._server = await ScriptedServer.StartAsync(server.AnswerAsync, TestContext.Current.CancellationToken);
        return server;
    }

    /// <summary>Puts work in; the next who asks gets it.</summary>
    public void Put(string id, string members) =>
        Assert.True(_work.Writer.TryWrite($$"""{"work_id":"{{id}}",{{members}}}"""));

    /// <summary>The next result that it took.</summary>
    public Task<JsonElement> ResultAsync() => NextAsync(_results.Reader);

    /// <summary>The next call of this path.</summary>
    public async Task<JsonElement> CalledAsync(string path)
    {
        while (true)
        {
            var (name, body) = await NextAsync(_calls.Reader);
            if (name == path)
            {
                return body;
            }
        }
    }

    /// <summary>Forgets its hosts, as a restart does.</summary>
    public void Forget() => _hosts.Clear();

    public ValueTask DisposeAsync() => _server!.DisposeAsync();

    private static Task<T> NextAsync<T>(ChannelReader<T> reader) =>
        reader
            .ReadAsync(TestContext.Current.CancellationToken)
            .AsTask()
            .WaitAsync(TimeSpan.FromSeconds(60), TimeProvider.System, TestContext.Current.CancellationToken);

    private async Task AnswerAsync(HttpContext http)
    {
        var path = http.Request.Path.Value!;
        if (!path.StartsWith(Prefix + "/", StringComparison.Ordinal))
        {
            http.Response.StatusCode = 404;
            await http.Response.WriteAsync("<!doctype html><title>404 Not Found</title>", http.RequestAborted);
            return;
        }

        var name = path[(Prefix.Length + 1)..];
        var body = http.Request.Method == "POST" ? await ReadAsync(http) : default;
        _calls.Writer.TryWrite((name, body));
        var (status, reply) = name switch
        {
            "pool_status" when !IsOpen => (401, """{"error":"a key is needed"}"""),
            "pool_status" => (200, """{"total_hosts":0,"hosts":[],"models":[]}"""),
            "join_pool" => Join(),
            "leave_pool" => (_hosts.TryRemove(HostOf(body), out _) ? 200 : 404, "{}"),
            "ping_pool" => (_hosts.ContainsKey(HostOf(body)) ? 200 : 404, "{}"),
            "check_for_work" => Work(body, wait: false),
            "poll_for_work" when HasLongPoll => await WorkAsync(body, http.RequestAborted),
            "submit_work_result" => Take(body),
            _ => (404, "<!doctype html><title>404 Not Found</title>"),
        };
        http.Response.StatusCode = status;
        if (status != 204)
        {
            await http.Response.WriteAsync(reply, http.RequestAborted);
        }
    }

    private static async Task<JsonElement> ReadAsync(HttpContext http) =>
        (await JsonDocument.ParseAsync(http.Request.Body, default, http.RequestAborted)).RootElement;

    private static string HostOf(JsonElement body) => body.GetProperty("host_id").GetString()!;

    private (int, string) Join()
    {
        if (JoinStatus is { } status)
        {
            return (status, """{"error":"a client token is needed"}""");
        }

        var id = $"host {++_joins}";
        _hosts[id] = true;
        return (200, $$"""{"host_id":"{{id}}","status":"joined","pool_size":1,"ping_interval":5}""");
    }

    private (int, string) Work(JsonElement body, bool wait)
    {
        if (!_hosts.ContainsKey(HostOf(body)))
        {
            return (404, """{"error":"Host not found"}""");
        }

        if (Garbage.TryDequeue(out var garbage))
        {
            return (200, garbage);
        }

        return _work.Reader.TryRead(out var item) ? (200, Written(item))
            : wait ? (0, "")
            : (204, "");
    }

    private async Task<(int, string)> WorkAsync(JsonElement body, CancellationToken ct)
    {
        Assert.Equal(30, body.GetProperty("timeout").GetInt32());
        while (true)
        {
            var (status, reply) = Work(body, wait: true);
            if (status != 0)
            {
                return (status, reply);
            }

            try
            {
                await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, ct); // It looks, as that one did.
            }
            catch (OperationCanceledException)
            {
                return (204, "");
            }
        }
    }

    private string Written(string item) => Wraps ? $$"""{"has_work":true,"work_item":{{item}}}""" : item;

    private (int, string) Take(JsonElement body)
    {
        if (Refusals.TryDequeue(out var status))
        {
            return (status, "{}");
        }

        _results.Writer.TryWrite(body);
        return (200, """{"status":"ok"}""");
    }
}
