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
                    await MeasureAsync(way, arguments, results);
                }
            }
        }

        var yarp = results.First(result => result.Name.StartsWith("chat, YARP, 32", StringComparison.Ordinal));
        return
        [
            .. results.Select(result =>
                result.Name.Contains("Pollard", StringComparison.Ordinal)
                && result.Name.Contains("32", StringComparison.Ordinal)
                    ? result with
                    {
                        Note = $"x {result.PerSecond / yarp.PerSecond:N2} of YARP; {result.Note}",
                    }
                    : result
            ),
        ];
    }

    private static async Task MeasureAsync(Way way, BenchArguments arguments, List<BenchResult> results)
    {
        await HttpLoad.ClosedAsync(way.Port, Connections, Request, WarmUp);
        var closed = new Measurement(way.Between);
        var latencies = await HttpLoad.ClosedAsync(way.Port, Connections, Request, arguments.Duration);
        results.Add(
            closed.End($"chat, {way.Name}, 32 connections", "requests", latencies, $"{way.Between.ResidentMb:N0} MB")
        );
        var open = new Measurement(way.Between);
        latencies = await HttpLoad.OpenAsync(way.Port, Connections, Request, arguments.Duration, Calm);
        results.Add(open.End($"chat, {way.Name}, 1,000 a second", "requests", latencies));
        var one = new Measurement(way.Between);
        latencies = await HttpLoad.ClosedAsync(way.Port, 1, Request, arguments.Duration / 2);
        results.Add(one.End($"chat, {way.Name}, one connection", "requests", latencies));
    }
}
