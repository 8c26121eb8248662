using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using Pollard.Bench.Load;
using Pollard.Bench.Roles;

namespace Pollard.Bench.Doors;

/// <summary>A long call through each of its doors, idle: how soon it is acknowledged, and how soon a host begins it.</summary>
internal static class DoorsSuite
{
    private static readonly Door[] Doors =
    [
        new(
            "tasks",
            "/v1/tasks",
            "id",
            """{"kind":"chat","model":"MODEL","request":{"messages":[{"role":"user","content":"PROMPT"}]}}"""
        ),
        new(
            "LLM task server",
            "/v1/tasks/submit",
            "task_id",
            """{"llm_config":{"model":"MODEL","messages":[{"role":"user","content":"PROMPT"}]}}"""
        ),
        new(
            "Claude proxy",
            "/v1/chat/completions",
            "task_id",
            """{"model":"MODEL","messages":[{"role":"user","content":"PROMPT"}],"polling_mode":true}"""
        ),
    ];

    public static async Task<IReadOnlyList<BenchResult>> RunAsync(BenchArguments arguments)
    {
        var results = new List<BenchResult>();
        await using var way = await Way.GatewayAsync();
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{way.Port}") };
        foreach (var door in Doors)
        {
            await CallsAsync(http, door, TimeSpan.FromSeconds(1));
        }

        foreach (var door in Doors)
        {
            var measured = new Measurement(way.Between);
            var (acknowledged, started) = await CallsAsync(http, door, arguments.Duration);
            results.Add(measured.End($"{door.Name}: submit to acknowledgement, idle", "tasks", acknowledged));
            results.Add(measured.End($"{door.Name}: submit to the host's start, idle", "tasks", started));
        }

        return results;
    }

    private static async Task<(List<long> Acknowledged, List<long> Started)> CallsAsync(
        HttpClient http,
        Door door,
        TimeSpan duration
    )
    {
        List<long> acknowledged = [];
        List<long> started = [];
        var began = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(began) < duration)
        {
            var sent = Stopwatch.GetTimestamp();
            using var body = new StringContent(door.Request, null, "application/json");
            using var accepted = await http.PostAsync(new Uri(door.Path, UriKind.Relative), body);
            var receipt = await accepted.Content.ReadFromJsonAsync<JsonElement>();
            acknowledged.Add(Stopwatch.GetTimestamp() - sent);
            var id = receipt.GetProperty(door.Id).GetString();
            var ended = await http.GetFromJsonAsync<JsonElement>(
                new Uri($"/v1/tasks/{id}/wait?timeout=10", UriKind.Relative)
            );
            var choice = ended.GetProperty("result").GetProperty("choices")[0];
            var moment = choice.GetProperty("message").GetProperty("content").GetString()!.Trim('~');
            started.Add(long.Parse(moment, CultureInfo.InvariantCulture) - sent);
            await Task.Delay(TimeSpan.FromMilliseconds(5)); // Idle in between.
        }

        return (acknowledged, started);
    }

    private sealed record Door(string Name, string Path, string Id, string Template)
    {
        public string Request { get; } =
            Template
                .Replace("MODEL", Script.Clock, StringComparison.Ordinal)
                .Replace("PROMPT", Script.Answer[..900], StringComparison.Ordinal);
    }
}
