using Pollard.Voice.Links;

namespace Pollard.Bench.Voice;

/// <summary>Calls that begin at once on wires with a connection for each: to the first frame there and back, also where datagrams are lost.</summary>
internal static class WireFigures
{
    private const int LossCalls = 200;
    private const int Rounds = 20;
    private const int LossRounds = 3;

    /// <summary>As existing services ask.</summary>
    private static readonly RegisterSchedule Contract = new();

    /// <summary>For networks that lose much.</summary>
    private static readonly RegisterSchedule Fast = new() { FastFor = TimeSpan.FromSeconds(3) };

    public static async Task<IReadOnlyList<BenchResult>> ConnectAsync(BenchArguments arguments)
    {
        var calls = arguments.Number("calls", 100);
        return
        [
            await TogetherAsync(
                $"{calls} calls at once that register, to the first frame there and back",
                calls,
                Rounds,
                Registering
            ),
            await TogetherAsync(
                $"{calls} calls at once that call, to the first frame there and back",
                calls,
                Rounds,
                WireScene.Direct
            ),
        ];

        static WireScene Registering() => WireScene.Registering(Contract);
    }

    public static async Task<IReadOnlyList<BenchResult>> LossAsync(BenchArguments arguments)
    {
        var calls = arguments.Number("calls", LossCalls);
        List<BenchResult> results = [];
        foreach (var (name, schedule) in ((string, RegisterSchedule)[])[("fast", Fast), ("contract", Contract)])
        {
            foreach (var loss in (double[])[0.3, 0.6])
            {
                results.Add(
                    await TogetherAsync(
                        $"{calls} calls that register, {loss:P0} of datagrams lost, schedule {name}",
                        calls,
                        LossRounds,
                        () => WireScene.Registering(schedule, loss)
                    )
                );
            }
        }

        return results;
    }

    private static async Task<BenchResult> TogetherAsync(string name, int calls, int rounds, Func<WireScene> open)
    {
        await using var scene = open();
        scene.Serve();
        List<long> latencies = [];
        var measured = new Measurement();
        for (var i = 0; i < rounds; i++)
        {
            latencies.AddRange(await scene.TalkAsync(calls));
        }

        return measured.End(name, "calls", latencies, $"{(calls * rounds) - latencies.Count} failed");
    }
}
