using System.Diagnostics;
using Pollard.Bench.Machine;

namespace Pollard.Bench.Voice;

/// <summary>
/// Services of calls, each a process, that are killed, frozen and cut off: how soon their neighbours know, and how soon the link is up again.
/// </summary>
internal static class FaultSuite
{
    private const int Kills = 20;
    private const int Silences = 5;
    private static readonly TimeSpan Away = TimeSpan.FromSeconds(1); // A killed service is started anew.

    public static async Task<IReadOnlyList<BenchResult>> RunAsync(BenchArguments arguments)
    {
        List<BenchResult> results = [];
        foreach (var victim in (string[])["stt", "llm", "tts"])
        {
            await using var scene = await FaultScene.StartAsync(arguments, victim, machine: null);
            results.AddRange(await KillAsync(scene, victim));
            results.AddRange(
                await SilenceAsync(
                    scene,
                    $"{victim} frozen",
                    () => scene.Victim.SignalAsync("STOP"),
                    () => scene.Victim.SignalAsync("CONT")
                )
            );
        }

        if (arguments.Has("namespaces"))
        {
            results.AddRange(await UnplugAsync(arguments));
        }

        return results;
    }

    private static async Task<BenchResult[]> KillAsync(FaultScene scene, string victim)
    {
        List<long> noticed = [];
        List<long> back = [];
        var measured = new Measurement();
        for (var i = 0; i < Kills; i++)
        {
            var killed = Stopwatch.GetTimestamp();
            await scene.Victim.SignalAsync("KILL");
            await scene.UntilAsync(static state => state is "down" or "connecting");
            noticed.Add(Stopwatch.GetTimestamp() - killed);
            await Task.Delay(Away);
            await scene.RestartAsync();
            await Ports.UntilOpenAsync(scene.At);
            var listens = Stopwatch.GetTimestamp();
            await scene.UntilAsync(static state => state == "up");
            back.Add(Stopwatch.GetTimestamp() - listens);
        }

        return
        [
            measured.End($"{victim} killed, to its neighbour knows", "kills", noticed),
            measured.End($"{victim} listens again, to the link is up", "kills", back),
        ];
    }

    private static async Task<BenchResult[]> SilenceAsync(
        FaultScene scene,
        string name,
        Func<Task> begin,
        Func<Task> end
    )
    {
        List<long> suspected = [];
        List<long> dead = [];
        List<long> back = [];
        var measured = new Measurement();
        for (var i = 0; i < Silences; i++)
        {
            var began = Stopwatch.GetTimestamp();
            await begin();
            await scene.UntilAsync(static state => state != "up");
            suspected.Add(Stopwatch.GetTimestamp() - began);
            await scene.UntilAsync(static state => state is "down" or "connecting");
            dead.Add(Stopwatch.GetTimestamp() - began);
            await Task.Delay(Away);
            var ended = Stopwatch.GetTimestamp();
            await end();
            await scene.UntilAsync(static state => state == "up");
            back.Add(Stopwatch.GetTimestamp() - ended);
            await Task.Delay(Away); // So that the next silence begins in quiet.
        }

        return
        [
            measured.End($"{name}, to it is suspected", "times", suspected),
            measured.End($"{name}, to it is given up", "times", dead),
            measured.End($"{name}, from its end to the link is up", "times", back),
        ];
    }

    private static async Task<BenchResult[]> UnplugAsync(BenchArguments arguments)
    {
        using var network = MachineNetwork.TryCreate(1, out var why) ?? throw new UnfitException(why);
        var machine = network.Machines[0];
        await using var scene = await FaultScene.StartAsync(arguments, "tts", machine);
        return await SilenceAsync(scene, "tts cut off", Do(machine.Unplug), Do(machine.Plug));

        static Func<Task> Do(Action what) =>
            () =>
            {
                what();
                return Task.CompletedTask;
            };
    }
}
