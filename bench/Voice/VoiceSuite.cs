using System.Diagnostics;
using System.Globalization;
using Pollard.Voice.Audio;
using Pollard.Voice.Legs;
using Pollard.Voice.Links;
using Pollard.Voice.Stages;

namespace Pollard.Bench.Voice;

/// <summary>Phone calls through all services, with engines that take no time: what is left is our own part.</summary>
internal static class VoiceSuite
{
    private const int Rounds = 100;
    private const int TogetherRounds = 10;

    private static readonly Dictionary<string, Func<BenchArguments, Task<IReadOnlyList<BenchResult>>>> Parts = new(
        StringComparer.Ordinal
    )
    {
        ["calls"] = CallsAsync,
        ["connect"] = WireFigures.ConnectAsync,
        ["orders"] = OrderFigures.RunAsync,
        ["late"] = LateFigures.RunAsync,
        ["loss"] = WireFigures.LossAsync,
        ["leak"] = LeakFigures.RunAsync,
    };

    /// <summary>All figures, or those that <c>--part</c> names.</summary>
    public static async Task<IReadOnlyList<BenchResult>> RunAsync(BenchArguments arguments)
    {
        var wanted = arguments.Text("part");
        if (wanted is not null && !Parts.ContainsKey(wanted))
        {
            throw new UnfitException($"--part is {wanted}; write one of {string.Join(", ", Parts.Keys)}.");
        }

        List<BenchResult> results = [];
        foreach (var (part, run) in Parts)
        {
            if (wanted is null || wanted == part)
            {
                results.AddRange(await run(arguments));
            }
        }

        return results;
    }

    private static async Task<IReadOnlyList<BenchResult>> CallsAsync(BenchArguments arguments) =>
        [
            await TogetherAsync(arguments.Number("calls", 100)),
            await AfterEachOtherAsync(),
            await TurnAsync(),
            await InterruptAsync(),
            await ManyAsync(arguments.Number("calls", 200), arguments.Number("answer-seconds", 3), arguments.Duration),
        ];

    private static async Task<BenchResult> TogetherAsync(int calls)
    {
        await using var scene = new VoiceScene(TimeSpan.FromSeconds(1));
        await scene.UntilUpAsync();
        await TogetherAsync(scene, calls, -1); // A service that runs has had calls before.
        List<long> whole = [];
        var measured = new Measurement();
        for (var round = 0; round < TogetherRounds; round++)
        {
            whole.AddRange(await TogetherAsync(scene, calls, round));
        }

        return measured.End($"{calls} calls at once, opened to all services have it", "calls", whole);
    }

    private static async Task<long[]> TogetherAsync(VoiceScene scene, int calls, int round)
    {
        var opened = await Task.WhenAll(
            Enumerable.Range(0, calls).Select(i => Task.Run(() => new BenchCall(scene, $"together-{round}-{i}")))
        );
        var whole = await Task.WhenAll(opened.Select(WholeAsync));
        await EndAsync(opened);
        return whole;
    }

    private static async Task<BenchResult> AfterEachOtherAsync()
    {
        await using var scene = new VoiceScene(TimeSpan.FromSeconds(1));
        await scene.UntilUpAsync();
        var measured = new Measurement();
        List<long> latencies = [];
        for (var i = 0; i < 2 * Rounds; i++)
        {
            await using var call = new BenchCall(scene, $"next-{i}");
            latencies.Add(await WholeAsync(call));
        }

        return measured.End("a new call, opened to all services have it", "calls", latencies);
    }

    // From the end of an utterance being known to the first sound of its answer being due.
    private static async Task<BenchResult> TurnAsync()
    {
        await using var scene = new VoiceScene(TimeSpan.FromSeconds(0.1));
        await scene.UntilUpAsync();
        await using var call = new BenchCall(scene, "turns");
        await AnswerAsync(call); // What runs for the first time is compiled.
        using var log = new FrameLog();
        var measured = new Measurement();
        List<long> latencies = [];
        for (var i = 0; i < Rounds; i++)
        {
            latencies.Add(await AnswerAsync(call));
        }

        return measured.End(
            "our part of a turn, with 60 ms of lead and 20 ms of clock",
            "turns",
            latencies,
            log.Parts()
        );
    }

    private static async Task<long> AnswerAsync(BenchCall call)
    {
        await call.SayAsync(TimeSpan.FromSeconds(1));
        await call.SilenceAsync();
        var spoke = await call.UntilAsync<CallEvent.Spoke>();
        var sounded = await call.UntilAsync<CallEvent.Sounded>();
        await call.UntilAsync<CallEvent.Answered>();
        return sounded - spoke;
    }

    // From the third loud window to the last sound; what comes before is the detector's time, 60 ms.
    private static async Task<BenchResult> InterruptAsync()
    {
        await using var scene = new VoiceScene(TimeSpan.FromSeconds(30));
        await scene.UntilUpAsync();
        await using var call = new BenchCall(scene, "interruptions");
        var measured = new Measurement();
        List<long> latencies = [];
        for (var i = 0; i < Rounds / 4; i++)
        {
            await call.SayAsync(TimeSpan.FromSeconds(1));
            await call.SilenceAsync();
            await call.UntilAsync<CallEvent.Sounded>();
            await Task.Delay(TimeSpan.FromMilliseconds(200));
            var onset = Stopwatch.GetTimestamp();
            await call.SayAsync(TimeSpan.FromMilliseconds(100));
            await Task.Delay(TimeSpan.FromMilliseconds(300));
            latencies.Add(Math.Max(0, call.LastSound - onset));
            await call.SilenceAsync();
        }

        return measured.End("a caller speaks to the last sound they hear", "interruptions", latencies);
    }

    // Each speaks for 1.5 s, hears the answer, and is silent for 1.5 s.
    private static async Task<BenchResult> ManyAsync(int calls, int answerSeconds, TimeSpan duration)
    {
        await using var scene = new VoiceScene(TimeSpan.FromSeconds(answerSeconds));
        await scene.UntilUpAsync();
        using var log = new FrameLog();
        using var over = new CancellationTokenSource();
        var answered = 0;
        var cpu = Environment.CpuUsage.TotalTime;
        var measured = new Measurement();
        var running = Enumerable
            .Range(0, calls)
            .Select(i =>
                scene.Edge.ServeAsync(
                    new SoundLeg(
                        CallId.Parse($"many-{i}"),
                        "a measurement",
                        new SoundInput(TalkerOf(i, answerSeconds + 3), G711.Rate) { IsPaced = true, Stays = true },
                        output: null,
                        G711Law.Mu,
                        scene.Clock
                    ),
                    happened => answered += happened is CallEvent.Answered ? 1 : 0,
                    over.Token
                )
            )
            .ToList();
        await Task.Delay(duration, over.Token);
        using var process = Process.GetCurrentProcess();
        var cores = (Environment.CpuUsage.TotalTime - cpu) / duration;
        var note = string.Create(
            CultureInfo.InvariantCulture,
            $"{cores:0.00} cores, {process.WorkingSet64 >> 20} MB, {process.Threads.Count} threads, {answered} answers, {log.Skipped} frames skipped, {log.Gaps} gaps, links suspected {log.Suspected} times and broken {log.Broken} times"
        );
        var result = measured.End($"{calls} calls, how late their frames are", "frames", log.Lateness, note);
        await over.CancelAsync();
        await Task.WhenAll(running);
        return result;
    }

    private static async Task<long> WholeAsync(BenchCall call) =>
        await call.UntilAsync<CallEvent.Connected>(static one => one.Service == VoiceRole.Tts) - call.Opened;

    private static async Task EndAsync(IEnumerable<BenchCall> calls)
    {
        foreach (var call in calls)
        {
            await call.DisposeAsync();
        }
    }

    /// <summary>Speaks for 1.5 s of each so many, not in step with the others.</summary>
    private static SampleReader TalkerOf(int number, int seconds)
    {
        const int Speech = 3 * G711.Rate / 2;
        var cycle = seconds * G711.Rate;
        var at = number * 7_919 % cycle;
        return (samples, _) =>
        {
            for (var i = 0; i < samples.Length; i++, at = (at + 1) % cycle)
            {
                samples.Span[i] = at < Speech ? (Random.Shared.NextSingle() - 0.5f) * 0.4f : 0;
            }

            return ValueTask.FromResult(samples.Length);
        };
    }
}
