using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Pollard.Bench.Load;
using Pollard.Bench.Machine;
using Pollard.Bench.Roles;

namespace Pollard.Bench.Waiters;

/// <summary>
/// Many who wait for tasks at once (<c>--waiters N</c>, else 2,000): what each costs while nothing happens, held at <c>/wait</c> and
/// subscribed on one WebSocket; then how long an event takes from its making to the client that hears it there.
/// </summary>
internal static class WaitersSuite
{
    private const int OneBatch = 1_000;

    public static async Task<IReadOnlyList<BenchResult>> RunAsync(BenchArguments arguments)
    {
        var waiters = arguments.Number("waiters", 2_000);
        return
        [
            await IdleAsync("waiters at /wait", waiters, arguments, HoldAsync),
            await IdleAsync("waiters on WebSockets", waiters, arguments, SubscribeAsync),
            await LatencyAsync(arguments),
        ];
    }

    private static async Task<BenchResult> IdleAsync(
        string name,
        int waiters,
        BenchArguments arguments,
        Func<RunningGateway, string[], CancellationToken, Task<IAsyncDisposable>> waitAsync
    )
    {
        await using var gateway = await RunningGateway.StartAsync();
        var ids = await SubmitAsync(gateway, waiters, Script.Echo);
        await Task.Delay(arguments.Duration); // What taking them cost is not what waiting for them does.
        var before = gateway.Process.ResidentMb;
        using var over = new CancellationTokenSource();
        await using var held = await waitAsync(gateway, ids, over.Token);
        await Task.Delay(arguments.Duration, over.Token);
        var (cpu, began) = (gateway.Process.Cpu, Stopwatch.GetTimestamp());
        await Task.Delay(arguments.Duration * 2, over.Token);
        var share = (gateway.Process.Cpu - cpu) / Stopwatch.GetElapsedTime(began);
        var with = gateway.Process.ResidentMb;
        await over.CancelAsync();
        FormattableString title = $"{waiters:N0} {name}";
        FormattableString note = $"{share:P1} of a core, {with:N0} MB ({before:N0} MB before they came)";
        return new(
            title.ToString(CultureInfo.InvariantCulture),
            "waiters",
            0,
            0,
            0,
            0,
            0,
            0,
            note.ToString(CultureInfo.InvariantCulture)
        );
    }

    private static async Task<BenchResult> LatencyAsync(BenchArguments arguments)
    {
        await using var way = await Way.GatewayAsync();
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{way.Port}") };
        using var socket = await OpenAsync(way.Port);
        var tokens = (int)(arguments.Duration / Script.Gap);
        using var reply = await http.PostAsJsonAsync("/v1/tasks", JsonElement.Parse(Body(Script.Paced, tokens)));
        var task = await reply.Content.ReadFromJsonAsync<JsonElement>();
        var measurement = new Measurement(way.Between);
        await SayAsync(socket, [task.GetProperty("id").GetString()!]);
        var latencies = new List<long>();
        var buffer = new byte[64 * 1024];
        while (true)
        {
            var length = await HearAsync(socket, buffer);
            var now = Stopwatch.GetTimestamp();
            using var message = JsonDocument.Parse(buffer.AsMemory(0, length));
            if (message.RootElement.TryGetProperty("ended", out _))
            {
                break;
            }

            if (message.RootElement.GetProperty("event").TryGetProperty("text", out var text))
            {
                // Several tokens that were committed together come as one.
                latencies.AddRange(TokenTimes(text.GetString()!).Select(made => now - made));
            }
        }

        return measurement.End("event to client, WebSocket, durable task", "tokens", latencies);
    }

    private static IEnumerable<long> TokenTimes(string text) =>
        text.Split('~', StringSplitOptions.RemoveEmptyEntries)
            .Select(static part => long.Parse(part, CultureInfo.InvariantCulture));

    private static async Task<IAsyncDisposable> HoldAsync(RunningGateway gateway, string[] ids, CancellationToken over)
    {
        var http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = int.MaxValue })
        {
            BaseAddress = new Uri(gateway.Url),
        };
        var waits = ids.Select(id => HoldOneAsync(http, $"/v1/tasks/{id}/wait?timeout=600", over)).ToList();
        await Task.Yield();
        return new Held(async () =>
        {
            await Task.WhenAll(waits);
            http.Dispose();
        });
    }

    private static async Task HoldOneAsync(HttpClient http, string path, CancellationToken over)
    {
        try
        {
            using var reply = await http.GetAsync(path, over);
            throw new InvalidOperationException($"{path} did not wait: {reply.StatusCode}.");
        }
        catch (OperationCanceledException)
        {
            // The measurement is over.
        }
    }

    private static async Task<IAsyncDisposable> SubscribeAsync(
        RunningGateway gateway,
        string[] ids,
        CancellationToken over
    )
    {
        var sockets = new List<ClientWebSocket>();
        var buffer = new byte[64 * 1024];
        foreach (var part in ids.Chunk(OneBatch))
        {
            var socket = await OpenAsync(gateway.Port);
            sockets.Add(socket);
            await SayAsync(socket, part[..(part.Length / 2)]);
            await SayAsync(socket, part[(part.Length / 2)..]);
            for (var i = 0; i < part.Length; i++)
            {
                await HearAsync(socket, buffer); // Each says that it was submitted, and then nothing.
            }
        }

        return new Held(() =>
        {
            sockets.ForEach(static socket => socket.Dispose());
            return Task.CompletedTask;
        });
    }

    private static async Task<string[]> SubmitAsync(RunningGateway gateway, int count, string model)
    {
        var ids = new List<string>();
        foreach (var part in Enumerable.Repeat(Body(model, 1), count).Chunk(OneBatch))
        {
            using var body = new StringContent(
                $$"""{"tasks":[{{string.Join(',', part)}}]}""",
                Encoding.UTF8,
                "application/json"
            );
            using var reply = await gateway.Http.PostAsync("/v1/tasks:batch", body);
            var batch = await reply.Content.ReadFromJsonAsync<JsonElement>();
            ids.AddRange(
                batch
                    .GetProperty("tasks")
                    .EnumerateArray()
                    .Select(static item => item.GetProperty("task").GetProperty("id").GetString()!)
            );
        }

        return [.. ids];
    }

    private static string Body(string model, int tokens) =>
        $$$"""{"kind":"chat","model":"{{{model}}}","request":{"messages":[{"role":"user","content":"x"}],"stream":true,"max_tokens":{{{tokens}}}}}""";

    private static async Task<ClientWebSocket> OpenAsync(int port)
    {
        var socket = new ClientWebSocket();
        await socket.ConnectAsync(new Uri($"ws://127.0.0.1:{port}/v1/tasks/ws"), CancellationToken.None);
        return socket;
    }

    private static Task SayAsync(ClientWebSocket socket, IEnumerable<string> ids) =>
        socket.SendAsync(
            Encoding.UTF8.GetBytes($$"""{"subscribe":[{{string.Join(',', ids.Select(static id => $"\"{id}\""))}}]}"""),
            WebSocketMessageType.Text,
            endOfMessage: true,
            CancellationToken.None
        );

    private static async Task<int> HearAsync(ClientWebSocket socket, byte[] buffer)
    {
        var length = 0;
        while (true)
        {
            var part = await socket.ReceiveAsync(buffer.AsMemory(length), CancellationToken.None);
            length += part.Count;
            if (part.EndOfMessage)
            {
                return part.MessageType == WebSocketMessageType.Text
                    ? length
                    : throw new InvalidOperationException($"The socket was closed: {socket.CloseStatusDescription}.");
            }
        }
    }

    private sealed class Held(Func<Task> end) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync() => await end();
    }
}
