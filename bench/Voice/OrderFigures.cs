using System.Diagnostics;
using Pollard.Voice.Stages;

namespace Pollard.Bench.Voice;

/// <summary>How soon all links are up, in whatever order the services of a call are started.</summary>
internal static class OrderFigures
{
    private const int Seed = 7;
    private const int LongestGap = 300; // Milliseconds between two starts.
    private static readonly string[] Roles =
    [
        VoiceRole.Inbound,
        VoiceRole.Stt,
        VoiceRole.Llm,
        VoiceRole.Tts,
        VoiceRole.Outbound,
    ];

    public static async Task<IReadOnlyList<BenchResult>> RunAsync(BenchArguments _)
    {
        var random = new Random(Seed);
        await StartAsync(Roles, random); // What runs for the first time is compiled.
        var measured = new Measurement();
        List<long> latencies = [];
        foreach (var order in OrdersOf(Roles))
        {
            latencies.Add(await StartAsync(order, random));
        }

        return [measured.End("each order of 5 services, from the last start to all links are up", "orders", latencies)];
    }

    private static async Task<long> StartAsync(IEnumerable<string> order, Random random)
    {
        await using var scene = new VoiceScene(TimeSpan.FromSeconds(1), []);
        var last = 0L;
        foreach (var role in order)
        {
            if (last > 0)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(random.Next(LongestGap)));
            }

            last = Stopwatch.GetTimestamp();
            scene.Start(role);
        }

        await scene.UntilUpAsync();
        return Stopwatch.GetTimestamp() - last;
    }

    private static IEnumerable<string[]> OrdersOf(string[] roles) =>
        roles.Length < 2
            ? [roles]
            : roles.SelectMany(first =>
                OrdersOf([.. roles.Where(role => role != first)]).Select(rest => (string[])[first, .. rest])
            );
}
