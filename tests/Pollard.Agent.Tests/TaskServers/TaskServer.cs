using System.Collections.Concurrent;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.AspNetCore.Http;
using Pollard.Agent.Tests.Backends;

namespace Pollard.Agent.Tests.TaskServers;

/// <summary>
/// A server with the small contract, made anew from what is known of it. It answers as a test tells it, and counts the requests that are
/// open at the same time.
/// </summary>
internal sealed class TaskServer : IAsyncDisposable
{
    private readonly ConcurrentQueue<string> _tasks = new();
    private readonly Channel<JsonElement> _results = Channel.CreateBounded<JsonElement>(10_000);
    private readonly Channel<string> _calls = Channel.CreateBounded<string>(100_000);
    private ScriptedServer? _server;
    private int _made;
    private int _fetches;
    private int _open;
    private int _mostOpen;

    /// <summary>What the next questions for work are answered with, before it answers as it should.</summary>
    public ConcurrentQueue<Func<HttpContext, Task>> Fetches { get; } = new();

    /// <summary>What the next results are answered with, before it takes them.</summary>
    public ConcurrentQueue<Func<HttpContext, Task>> Deliveries { get; } = new();

    /// <summary>Takes tasks back, as a gateway does.</summary>
    public bool TakesBack { get; init; }

    /// <summary>The tasks that it took back.</summary>
    public ConcurrentQueue<string> TakenBack { get; } = new();

    /// <summary>Always gives a task, as the first of these servers does; otherwise only what was put in.</summary>
    public bool AlwaysGives { get; set; }

    /// <summary>Awaited in each question for work before it is answered.</summary>
    public Func<Task> HoldFetch { get; set; } = () => Task.CompletedTask;

    /// <summary>Awaited for each result before it is taken.</summary>
    public Func<Task> HoldDelivery { get; set; } = () => Task.CompletedTask;

    public Uri Url => _server!.Url;

    /// <summary>Questions for work so far.</summary>
    public int FetchCount => Volatile.Read(ref _fetches);

    /// <summary>Requests that were open at the same time, at the most.</summary>
    public int MostOpen => Volatile.Read(ref _mostOpen);

    /// <summary>Tasks that it has made itself.</summary>
    public int Made => Volatile.Read(ref _made);

    public static async Task<TaskServer> StartAsync(TaskServer? server = null)
    {
        server ??= new TaskServer();
        server._server = await ScriptedServer.StartAsync(server.AnswerAsync, TestContext.Current.CancellationToken);
        return server;
    }

    /// <summary>Answers with a status and a body.</summary>
    public static Func<HttpContext, Task> Say(int status, string body, string? retryAfter = null) =>
        http =>
        {
            http.Response.StatusCode = status;
            if (retryAfter is not null)
            {
                http.Response.Headers.RetryAfter = retryAfter;
            }

            return http.Response.WriteAsync(body, http.RequestAborted);
        };

    /// <summary>Breaks the connection.</summary>
    public static Task CutAsync(HttpContext http)
    {
        http.Abort();
        return Task.CompletedTask;
    }

    /// <summary>Puts a task in; the next who asks gets it.</summary>
    public void Put(string id, string members = "\"prompt\":\"Hello\"") =>
        _tasks.Enqueue($$"""{"taskId":"{{id}}",{{members}}}""");

    /// <summary>The next result that it took.</summary>
    public Task<JsonElement> ResultAsync() => NextAsync(_results.Reader);

    /// <summary>The results that it took and nobody has looked at.</summary>
    public IReadOnlyList<string> Results()
    {
        List<string> ids = [];
        while (_results.Reader.TryRead(out var result))
        {
            ids.Add(result.GetProperty("taskId").GetString()!);
        }

        return ids;
    }

    /// <summary>The next call of this path.</summary>
    public async Task CalledAsync(string path)
    {
        while (await NextAsync(_calls.Reader) != path)
        {
            // Another one.
        }
    }

    public ValueTask DisposeAsync() => _server!.DisposeAsync();

    private static Task<T> NextAsync<T>(ChannelReader<T> reader) =>
        reader
            .ReadAsync(TestContext.Current.CancellationToken)
            .AsTask()
            .WaitAsync(TimeSpan.FromSeconds(60), TimeProvider.System, TestContext.Current.CancellationToken);

    private async Task AnswerAsync(HttpContext http)
    {
        var open = Interlocked.Increment(ref _open);
        InterlockedMax(ref _mostOpen, open);
        try
        {
            await (
                http.Request.Path.Value switch
                {
                    "/get-task" => GiveAsync(http),
                    "/complete-task" => TakeAsync(http),
                    "/return-task" when TakesBack => TakeBackAsync(http),
                    "/stats" => Say(200, """{"total_tasks":3,"completed_tasks":2,"pending_tasks":1}""")(http),
                    _ => Say(404, "<!doctype html><title>404 Not Found</title>")(http),
                }
            );
        }
        finally
        {
            Interlocked.Decrement(ref _open);
        }
    }

    private async Task GiveAsync(HttpContext http)
    {
        Interlocked.Increment(ref _fetches);
        _calls.Writer.TryWrite("get-task");
        await HoldFetch();
        if (Fetches.TryDequeue(out var answer))
        {
            await answer(http);
            return;
        }

        var task =
            _tasks.TryDequeue(out var put) ? put
            : AlwaysGives ? $$"""{"taskId":"t{{Interlocked.Increment(ref _made)}}","prompt":"Hello"}"""
            : "null";
        await Say(200, $$"""{"status":"success","data":{{task}}}""")(http);
    }

    private async Task TakeAsync(HttpContext http)
    {
        using var body = await JsonDocument.ParseAsync(http.Request.Body, default, http.RequestAborted);
        var result = body.RootElement.Clone();
        _calls.Writer.TryWrite("complete-task");
        await HoldDelivery();
        if (Deliveries.TryDequeue(out var answer))
        {
            await answer(http);
            return;
        }

        _results.Writer.TryWrite(result);
        await Say(200, """{"status":"success","message":"Task completed"}""")(http);
    }

    private async Task TakeBackAsync(HttpContext http)
    {
        using var body = await JsonDocument.ParseAsync(http.Request.Body, default, http.RequestAborted);
        TakenBack.Enqueue(body.RootElement.GetProperty("taskId").GetString()!);
        await Say(200, """{"status":"success","message":"Task returned"}""")(http);
    }

    private static void InterlockedMax(ref int most, int value)
    {
        var seen = Volatile.Read(ref most);
        while (value > seen && Interlocked.CompareExchange(ref most, value, seen) is var now && now != seen)
        {
            seen = now;
        }
    }
}
