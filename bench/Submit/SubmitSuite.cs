using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using Pollard.Bench.Load;
using Pollard.Bench.Machine;
using Pollard.Bench.Roles;

namespace Pollard.Bench.Submit;

/// <summary>Durable tasks over HTTP: how soon a host begins one, and how many are taken a second.</summary>
internal static class SubmitSuite
{
    private const int Batch = 100;

    public static async Task<IReadOnlyList<BenchResult>> RunAsync(BenchArguments arguments)
    {
        var results = new List<BenchResult>();
        await using (var way = await Way.GatewayAsync())
        {
            await StartsAsync(way, TimeSpan.FromSeconds(1));
            var measured = new Measurement(way.Between);
            results.Add(
                measured.End(
                    "durable submit to the host's start, idle",
                    "tasks",
                    await StartsAsync(way, arguments.Duration)
                )
            );
        }

        foreach (var connections in new[] { 1, 32, 256 })
        {
            await using var gateway = await StartAsync();
            await HttpLoad.ClosedAsync(gateway.Port, connections, One(), TimeSpan.FromSeconds(2), expected: 202);
            var measured = new Measurement(gateway.Process);
            var latencies = await HttpLoad.ClosedAsync(
                gateway.Port,
                connections,
                One(),
                arguments.Duration,
                expected: 202
            );
            results.Add(measured.End($"durable submits over HTTP, {connections} connections", "tasks", latencies));
        }

        await using (var gateway = await StartAsync())
        {
            var request = HttpConnection.Request(
                "/v1/tasks:batch",
                $$"""{"tasks":[{{string.Join(',', Enumerable.Repeat(Task(), Batch))}}]}"""
            );
            await HttpLoad.ClosedAsync(gateway.Port, 8, request, TimeSpan.FromSeconds(2));
            var measured = new Measurement(gateway.Process);
            var latencies = await HttpLoad.ClosedAsync(gateway.Port, 8, request, arguments.Duration);
            results.Add(
                measured.End(
                    $"durable submits over HTTP, batches of {Batch}",
                    "tasks",
                    latencies,
                    count: latencies.Count * Batch
                )
            );
        }

        return results;
    }

    // Nobody works on these: what is measured is that they are kept.
    private static async Task<RunningGateway> StartAsync() =>
        await RunningGateway.StartAsync(options: ["--max-pending", "10000000"]);

    private static async Task<List<long>> StartsAsync(Way way, TimeSpan duration)
    {
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{way.Port}") };
        var latencies = new List<long>();
        var began = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(began) < duration)
        {
            var sent = Stopwatch.GetTimestamp();
            using var body = new StringContent(Task(), null, "application/json");
            using var accepted = await http.PostAsync(new Uri("/v1/tasks", UriKind.Relative), body);
            var id = (await accepted.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetString();
            var ended = await http.GetFromJsonAsync<JsonElement>(
                new Uri($"/v1/tasks/{id}/wait?timeout=10", UriKind.Relative)
            );
            var token = ended
                .GetProperty("result")
                .GetProperty("choices")[0]
                .GetProperty("message")
                .GetProperty("content");
            latencies.Add(long.Parse(token.GetString()!.Trim('~'), CultureInfo.InvariantCulture) - sent);
            await System.Threading.Tasks.Task.Delay(TimeSpan.FromMilliseconds(5)); // Idle in between.
        }

        return latencies;
    }

    private static byte[] One() => HttpConnection.Request("/v1/tasks", Task());

    private static string Task() =>
        $$"""{"kind":"chat","model":"{{Script.Clock}}","request":{"messages":[{"role":"user","content":"{{Script.Answer[..900]}}"}]} }""";
}
