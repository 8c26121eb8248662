using System.Diagnostics;
using System.Globalization;
using Pollard.Voice.Stages;

namespace Pollard.Bench.Voice;

/// <summary>A thousand short calls one after the other and a hundred at once: what is left of them when they are over.</summary>
internal static class LeakFigures
{
    private const int Warm = 200;
    private const int Together = 100;

    public static async Task<IReadOnlyList<BenchResult>> RunAsync(BenchArguments arguments)
    {
        var calls = arguments.Number("calls", 1_000);
        await using var scene = new VoiceScene(TimeSpan.FromSeconds(0.1));
        await scene.UntilUpAsync();
        await CallAsync(scene, "warm", Warm);
        await TogetherAsync(scene, "warm"); // The most that is needed at once is no leak.
        var before = await Leftover.TakeAsync(scene);
        var measured = new Measurement();
        var latencies = await CallAsync(scene, "one", calls);
        latencies.AddRange(await TogetherAsync(scene, "many"));
        var after = await Leftover.TakeAsync(scene);
        return
        [
            measured.End(
                $"{calls} calls one by one and {Together} at once, what is left",
                "calls",
                latencies,
                $"{before} -> {after}"
            ),
        ];
    }

    private static async Task<List<long>> CallAsync(VoiceScene scene, string name, int calls)
    {
        List<long> latencies = [];
        for (var i = 0; i < calls; i++)
        {
            latencies.Add(await CallAsync(scene, $"{name}-{i}"));
        }

        return latencies;
    }

    private static Task<long[]> TogetherAsync(VoiceScene scene, string name) =>
        Task.WhenAll(Enumerable.Range(0, Together).Select(i => CallAsync(scene, $"{name}-together-{i}")));

    private static async Task<long> CallAsync(VoiceScene scene, string id)
    {
        await using var call = new BenchCall(scene, id);
        return await call.UntilAsync<CallEvent.Connected>(static one => one.Service == VoiceRole.Tts) - call.Opened;
    }

    /// <summary>What a process has when nobody calls.</summary>
    private sealed record Leftover(int Sockets, int Threads, int Calls, double HeapMb, double ResidentMb)
    {
        public override string ToString() =>
            string.Create(
                CultureInfo.InvariantCulture,
                $"{Sockets} sockets, {Threads} threads, {Calls} calls, {HeapMb:0.0} MB of heap, {ResidentMb:0} MB"
            );

        public static async Task<Leftover> TakeAsync(VoiceScene scene)
        {
            while (scene.Calls > 0)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(20));
            }

            GC.Collect();
            GC.WaitForPendingFinalizers();
            GC.Collect();
            using var process = Process.GetCurrentProcess();
            var sockets = Directory
                .EnumerateFiles("/proc/self/fd")
                .Count(static file =>
                    new FileInfo(file).LinkTarget?.StartsWith("socket:", StringComparison.Ordinal) == true
                );
            return new Leftover(
                sockets,
                process.Threads.Count,
                scene.Calls,
                GC.GetTotalMemory(forceFullCollection: true) / 1e6,
                process.WorkingSet64 / 1e6
            );
        }
    }
}
