using System.Globalization;
using Pollard.Bench.Load;
using Pollard.Bench.Roles;

namespace Pollard.Bench.Stream;

/// <summary>
/// Streamed chat: what stands between adds to the first token and to each later one, alone and among 200 streams of 50 tokens a
/// second; then what it relays at all, paced and as fast as it goes.
/// </summary>
internal static class StreamSuite
{
    private const int Many = 200;
    private const int Crowd = 600;
    private const int BurstTokens = 2_000;

    public static async Task<IReadOnlyList<BenchResult>> RunAsync(BenchArguments arguments)
    {
        var results = new List<BenchResult>();
        foreach (
            var start in (Func<Task<Way?>>[])
                [
                    async () => await Way.DirectAsync(),
                    Way.NginxAsync,
                    async () => await Way.YarpAsync(),
                    async () => await Way.GatewayAsync(),
                    async () => await Way.AgentAsync(),
                ]
        )
        {
            if (await start() is { } way)
            {
                await using (way)
                {
                    await CompareAsync(way, arguments, results);
                }
            }
        }

        await using (var way = await Way.GatewayAsync(hosts: 8, slots: 128, core: 0))
        {
            await HttpLoad.StreamsAsync(way.Port, 64, Request(Script.Paced, 50), TimeSpan.FromSeconds(2), 50);
            results.Add(
                await MeasureAsync(
                    way,
                    $"relay on one core, {Crowd} streams x 50/s",
                    Script.Paced,
                    Crowd,
                    100,
                    arguments
                )
            );
        }

        await using (var way = await Way.GatewayAsync(hosts: 8, slots: 128))
        {
            await HttpLoad.StreamsAsync(
                way.Port,
                16,
                Request(Script.Burst, BurstTokens),
                TimeSpan.FromSeconds(2),
                BurstTokens
            );
            results.Add(await MeasureAsync(way, "relay, bursts, 16 streams", Script.Burst, 16, BurstTokens, arguments));
            results.Add(
                await MeasureAsync(way, "relay, bursts, 512 streams", Script.Burst, 512, BurstTokens, arguments)
            );
        }

        return results;
    }

    private static async Task CompareAsync(Way way, BenchArguments arguments, List<BenchResult> results)
    {
        await HttpLoad.StreamsAsync(way.Port, 8, Request(Script.Paced, 5), TimeSpan.FromSeconds(3), 5);
        var alone = new Measurement(way.Between);
        var result = await HttpLoad.StreamsAsync(way.Port, 1, Request(Script.Paced, 2), arguments.Duration, 2);
        results.Add(alone.End($"first token, {way.Name}, one stream", "streams", result.First));
        var crowd = new Measurement(way.Between);
        result = await HttpLoad.StreamsAsync(
            way.Port,
            Many,
            Request(Script.Paced, 50),
            arguments.Duration,
            50,
            Script.Gap * 50
        );
        results.Add(
            crowd.End($"first token, {way.Name}, {Many} x 50/s", "streams", result.First, Broken(result)) with
            {
                CpuMicroseconds = 0,
            }
        );
        results.Add(crowd.End($"each token, {way.Name}, {Many} x 50/s", "tokens", result.Tokens, count: result.Count));
    }

    private static async Task<BenchResult> MeasureAsync(
        Way way,
        string name,
        string model,
        int streams,
        int tokens,
        BenchArguments arguments
    )
    {
        var measured = new Measurement(way.Between);
        var result = await HttpLoad.StreamsAsync(
            way.Port,
            streams,
            Request(model, tokens),
            arguments.Duration,
            tokens,
            model == Script.Paced ? Script.Gap * tokens : default
        );
        return measured.End(
            name,
            "tokens",
            result.Tokens,
            $"{Broken(result)}, {way.Between.ResidentMb:N0} MB",
            result.Count
        );
    }

    private static string Broken(StreamLoadResult result) =>
        string.Create(CultureInfo.InvariantCulture, $"{result.Whole:N0} whole, {result.Broken:N0} broken");

    private static byte[] Request(string model, int tokens) =>
        HttpConnection.Request(
            "/v1/chat/completions",
            $$"""{"model":"{{model}}","stream":true,"max_tokens":{{tokens}},"messages":[{"role":"user","content":"Count."}]}"""
        );
}
