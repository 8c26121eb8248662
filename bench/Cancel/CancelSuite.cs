using System.Diagnostics;
using System.Globalization;
using Pollard.Bench.Load;
using Pollard.Bench.Machine;
using Pollard.Bench.Roles;

namespace Pollard.Bench.Cancel;

/// <summary>How soon the model stops when its client leaves, and how soon a dead or a frozen host is noticed.</summary>
internal static class CancelSuite
{
    private const int Rounds = 100;
    private static readonly byte[] Request = HttpConnection.Request(
        "/v1/chat/completions",
        $$"""{"model":"{{Script.Endless}}","stream":true,"messages":[{"role":"user","content":"Go on."}]}"""
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
                    async () => await Way.AgentAsync(),
                ]
        )
        {
            if (await start() is { } way)
            {
                await using (way)
                {
                    results.Add(await LeaveAsync(way));
                }
            }
        }

        results.Add(await LoseAsync("KILL", arguments.Number("kills", 10)));
        results.Add(await LoseAsync("STOP", arguments.Number("freezes", 2)));
        return results;
    }

    // The model is another process on the same clock: it says when it was cancelled.
    private static async Task<BenchResult> LeaveAsync(Way way)
    {
        var model = way.Parts.OfType<ChildProcess>().Single(part => part.Name == "model");
        var latencies = new List<long>();
        var measured = new Measurement(way.Between);
        for (var round = 0; round < Rounds; round++)
        {
            var connection = await HttpConnection.OpenAsync(way.Port);
            await connection.SendAsync(Request);
            while (!await connection.ReceiveHasAsync((byte)'~')) { }
            var left = Stopwatch.GetTimestamp();
            connection.Dispose();
            var line = await model.NextLineAsync("cancelled ");
            latencies.Add(long.Parse(line["cancelled ".Length..], CultureInfo.InvariantCulture) - left);
        }

        return measured.End($"client leaves to the model stopped, {way.Name}", "requests", latencies);
    }

    // Two hosts, one is lost before it has shown anything: the other one's start is the end of noticing.
    private static async Task<BenchResult> LoseAsync(string signal, int rounds)
    {
        var latencies = new List<long>();
        await using var gateway = await RunningGateway.StartAsync();
        var measured = new Measurement(gateway.Process);
        for (var round = 0; round < rounds; round++)
        {
            await using var host = await Way.StartRoleAsync(
                "hosts",
                ("gateway", gateway.Url),
                ("count", 1),
                ("slots", 4)
            );
            await gateway.UntilHostsAsync(1);
            using var connection = await HttpConnection.OpenAsync(gateway.Port);
            await connection.SendAsync(Request);
            while (!await connection.ReceiveHasAsync((byte)'~')) { }
            var lost = Stopwatch.GetTimestamp();
            await host.SignalAsync(signal);
            while (await gateway.CountHostsAsync() > 0)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(5));
            }

            latencies.Add(Stopwatch.GetTimestamp() - lost);
        }

        return measured.End(signal == "KILL" ? "host killed to noticed" : "host frozen to noticed", "hosts", latencies);
    }
}
