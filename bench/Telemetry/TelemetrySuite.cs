using Pollard.Bench.Chat;
using Pollard.Bench.Load;
using Pollard.Bench.Machine;

namespace Pollard.Bench.Telemetry;

/// <summary>What it costs a gateway to count, and to count and trace: the requests of <see cref="ChatSuite"/> without, with one, with both.</summary>
internal static class TelemetrySuite
{
    public static Task<IReadOnlyList<BenchResult>> RunAsync(BenchArguments arguments) =>
        ChatSuite.CompareAsync(
            async ways =>
            {
                var port = Ports.Free();
                var collector = await Way.StartRoleAsync("collector", ("port", port));
                ways.Add(await GatewayAsync("uncounted", [("OTEL_SDK_DISABLED", "true")]));
                ways.Add(await GatewayAsync("counted", []));
                var traced = await GatewayAsync(
                    "counted and traced",
                    [("OTEL_EXPORTER_OTLP_ENDPOINT", $"http://127.0.0.1:{port}")]
                );
                ways.Add(traced with { Parts = [.. traced.Parts, collector] });
            },
            arguments
        );

    private static async Task<Way> GatewayAsync(string name, (string Name, string Value)[] environment) =>
        await Way.GatewayAsync(environment: environment) with
        {
            Name = name,
        };
}
