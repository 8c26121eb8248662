using System.Globalization;
using Pollard.Bench.Load;
using Pollard.Bench.Roles;

namespace Pollard.Bench.Chat;

/// <summary>
/// JSON chat requests, 1 KB in and 1 KB out: straight to the model, through the proxies, and through the gateway and a host
/// that called out. The CPU is that of what stands between the client and the model.
/// </summary>
internal static class ChatSuite
{
    private const int Connections = 32;
    private const int Calm = 1_000;
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(4);
    private static readonly byte[] Request = HttpConnection.Request(
        "/v1/chat/completions",
        $$"""{"model":"{{Script.Echo}}","messages":[{"role":"user","content":"{{Script.Answer[..900]}}"}]}"""
    );

    public static Task<IReadOnlyList<BenchResult>> RunAsync(BenchArguments arguments) =>
        CompareAsync(StartAsync, arguments);

    /// <summary>Measures the same requests by several ways, in turns.</summary>
    public static async Task<IReadOnlyList<BenchResult>> CompareAsync(
        Func<List<Way>, Task> start,
        BenchArguments arguments
    )
    {
        var ways = new List<Way>();
        try
        {
            await start(ways);
            foreach (var way in ways)
            {
                await HttpLoad.ClosedAsync(way.Port, Connections, Request, WarmUp);
            }

            // In turns, because the load of others comes and goes: what is compared is measured within seconds.
            var rounds = new List<List<BenchResult>>();
            for (var round = 0; round < arguments.Number("rounds", 3); round++)
            {
                rounds.Add([]);
                foreach (var way in ways)
                {
                    await MeasureAsync(way, arguments, rounds[^1]);
                }
            }

            return
            [
                .. Enumerable.Range(0, rounds[0].Count).Select(at => Middle([.. rounds.Select(round => round[at])])),
            ];
        }
        finally
        {
            foreach (var way in ways)
            {
                await way.DisposeAsync();
            }
        }
    }

    private static async Task StartAsync(List<Way> ways)
    {
        ways.Add(await Way.DirectAsync());
        if (await Way.NginxAsync() is { } nginx)
        {
            ways.Add(nginx);
        }

        ways.Add(await Way.YarpAsync());
        ways.Add(await Way.GatewayAsync());
        ways.Add(await Way.AgentAsync());
    }

    // The round in the middle by its rate, with what each round cost, so that one sees how much to believe.
    private static BenchResult Middle(List<BenchResult> rounds)
    {
        var ordered = rounds.OrderBy(round => round.PerSecond).ToList();
        var middle = ordered[ordered.Count / 2];
        var rates = string.Join(
            ' ',
            rounds.Select(round => round.PerSecond.ToString("N0", CultureInfo.InvariantCulture))
        );
        var costs = string.Join(
            ' ',
            rounds.Select(round => round.CpuMicroseconds.ToString("N0", CultureInfo.InvariantCulture))
        );
        return middle with { Note = $"{middle.Note} rounds: {rates} per s, {costs} us" };
    }

    private static async Task MeasureAsync(Way way, BenchArguments arguments, List<BenchResult> results)
    {
        var closed = new Measurement(way.Between);
        var latencies = await HttpLoad.ClosedAsync(way.Port, Connections, Request, arguments.Duration);
        results.Add(
            closed.End($"chat, {way.Name}, 32 connections", "requests", latencies, $"{way.Between.ResidentMb:N0} MB;")
        );
        var open = new Measurement(way.Between);
        latencies = await HttpLoad.OpenAsync(way.Port, Connections, Request, arguments.Duration, Calm);
        results.Add(open.End($"chat, {way.Name}, 1,000 a second", "requests", latencies));
        var one = new Measurement(way.Between);
        latencies = await HttpLoad.ClosedAsync(way.Port, 1, Request, arguments.Duration / 2);
        results.Add(one.End($"chat, {way.Name}, one connection", "requests", latencies));
    }
}
