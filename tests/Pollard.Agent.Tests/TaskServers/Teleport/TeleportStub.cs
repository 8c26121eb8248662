using System.Collections.Concurrent;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.AspNetCore.Http;
using Pollard.Agent.Tests.Backends;

namespace Pollard.Agent.Tests.TaskServers.Teleport;

/// <summary>A teleport server made anew from what is known of the contract. It answers as a test tells it.</summary>
internal sealed class TeleportStub : IAsyncDisposable
{
    private const string Prefix = "/api/http-teleport/";
    private readonly Channel<string> _calls = Channel.CreateBounded<string>(1_000);
    private readonly Channel<StubRequest> _requests = Channel.CreateBounded<StubRequest>(1_000);
    private ScriptedServer? _server;

    /// <summary>What the next questions for calls are answered with, before it holds them.</summary>
    public ConcurrentQueue<Func<HttpContext, Task>> Fetches { get; } = new();

    /// <summary>What the next things brought are answered with, before it takes them.</summary>
    public ConcurrentQueue<Func<HttpContext, Task>> Deliveries { get; } = new();

    /// <summary>Where it wants large answers; null: at its own address.</summary>
    public string? PutUrl { get; set; }

    public Uri Url => _server!.Url;

    public static async Task<TeleportStub> StartAsync()
    {
        var stub = new TeleportStub();
        stub._server = await ScriptedServer.StartAsync(stub.AnswerAsync, TestContext.Current.CancellationToken);
        return stub;
    }

    /// <summary>Gives a call to the next who asks.</summary>
    /// <param name="id">The call's name.</param>
    /// <param name="url">What is to be called.</param>
    /// <param name="more">Other members, each beginning with a comma.</param>
    public void Give(string id, string url, string more = "") =>
        Put($$"""{"taskId":"{{id}}","url":"{{url}}","method":"get","requestHeaders":{},"input":null{{more}}}""");

    /// <summary>Gives this, whatever it is, to the next who asks.</summary>
    public void Put(string call) => Fetches.Enqueue(TaskServer.Say(200, $$"""{"data":{{call}}}"""));

    /// <summary>The next request that brought something.</summary>
    public Task<StubRequest> NextAsync() => NextAsync(_requests.Reader);

    /// <summary>What of that nobody has looked at.</summary>
    public int Unseen => _requests.Reader.Count;

    /// <summary>The next question for calls: its query and its key.</summary>
    public Task<string> AskedAsync() => NextAsync(_calls.Reader);

    public ValueTask DisposeAsync() => _server!.DisposeAsync();

    private static Task<T> NextAsync<T>(ChannelReader<T> reader) =>
        reader
            .ReadAsync(TestContext.Current.CancellationToken)
            .AsTask()
            .WaitAsync(TimeSpan.FromSeconds(60), TimeProvider.System, TestContext.Current.CancellationToken);

    private async Task AnswerAsync(HttpContext http)
    {
        var part = http.Request.Path.Value!.Replace(Prefix, "", StringComparison.Ordinal);
        if (part == "get-task")
        {
            _calls.Writer.TryWrite($"{http.Request.QueryString} {http.Request.Headers.Authorization}");
            await (Fetches.TryDequeue(out var answer) ? answer(http) : HoldAsync(http));
            return;
        }

        var request = await StubRequest.ReadAsync(part, http);
        await _requests.Writer.WriteAsync(request, http.RequestAborted);
        if (Deliveries.TryDequeue(out var scripted))
        {
            await scripted(http);
            return;
        }

        var reply =
            part == "upload-url"
                ? $$$"""{"data":{"putUrl":"{{{PutUrl ?? $"{Url}stored"}}}","getUrl":"https://stored.example/1"}}"""
                : """{"success":true}""";
        await TaskServer.Say(200, reply)(http);
    }

    private static async Task HoldAsync(HttpContext http)
    {
        try
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, http.RequestAborted);
        }
        catch (OperationCanceledException)
        {
            // The agent has left.
        }
    }
}

/// <summary>Something that an agent brought.</summary>
/// <param name="Part">Which part of the contract it called.</param>
/// <param name="Query">The query.</param>
/// <param name="Json">The result, in JSON or as the part <c>task</c>.</param>
/// <param name="File">The bytes of the part <c>file</c>, or of what was put.</param>
/// <param name="FileName">The name of that part.</param>
/// <param name="Headers">The header.</param>
internal sealed record StubRequest(
    string Part,
    string Query,
    JsonElement Json,
    byte[] File,
    string? FileName,
    IReadOnlyDictionary<string, string> Headers
)
{
    public static async Task<StubRequest> ReadAsync(string part, HttpContext http)
    {
        var headers = http.Request.Headers.ToDictionary(
            static line => line.Key,
            static line => line.Value.ToString(),
            StringComparer.OrdinalIgnoreCase
        );
        var query = http.Request.QueryString.Value!;
        if (http.Request.HasFormContentType)
        {
            var form = await http.Request.ReadFormAsync(http.RequestAborted);
            var task = form.Files["task"] ?? form.Files.FirstOrDefault(static file => file.Name == "task");
            var json =
                form.TryGetValue("task", out var field) ? field.ToString()
                : task is null ? "{}"
                : null;
            var file = form.Files["file"]!;
            return new(
                part,
                query,
                JsonElement.Parse(
                    json ?? System.Text.Encoding.UTF8.GetString(await BytesAsync(task!.OpenReadStream()))
                ),
                await BytesAsync(file.OpenReadStream()),
                file.FileName,
                headers
            );
        }

        var bytes = await BytesAsync(http.Request.Body);
        return part == "put-result"
            ? new(part, query, JsonElement.Parse(bytes), [], null, headers)
            : new(part, query, default, bytes, null, headers);
    }

    private static async Task<byte[]> BytesAsync(Stream stream)
    {
        using var memory = new MemoryStream();
        await stream.CopyToAsync(memory, TestContext.Current.CancellationToken);
        return memory.ToArray();
    }
}
