using System.Diagnostics;
using System.Globalization;
using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using Pollard.Bench.Machine;
using Pollard.Voice.Links;
using Pollard.Voice.Links.Mux;

namespace Pollard.Bench.Voice;

/// <summary>A service that is started after its neighbours: how long after it listens its links are up, and what it costs to look for it.</summary>
internal static class LateFigures
{
    private const int Rounds = 40;
    private const int Warm = 3; // Of a service that runs already, nothing is compiled any more.
    private const int Neighbours = 4;
    private const int MostLateMilliseconds = 3_000;
    private const string Text = "transcript";

    public static async Task<IReadOnlyList<BenchResult>> RunAsync(BenchArguments arguments) =>
        [await LateAsync(), await MissingAsync(arguments.Duration), await LateToRegistrationsAsync()];

    private static async Task<BenchResult> LateAsync()
    {
        var random = new Random(1);
        List<long> latencies = [];
        var measured = new Measurement();
        for (var i = 0; i < Rounds + Warm; i++)
        {
            using var over = new CancellationTokenSource();
            var place = new IPEndPoint(IPAddress.Loopback, Ports.Free());
            await using var link = LinkTo(place);
            var up = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            link.Changed = () =>
            {
                if (link.IsUp)
                {
                    up.TrySetResult();
                }
            };
            var linking = link.RunAsync(over.Token);
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(MostLateMilliseconds)), over.Token);
            var server = new MuxServer("late", (Text, Text), new LinkSetup(), NullLogger.Instance);
            using var listener = new LinkListener(
                place,
                IPAddress.IsLoopback,
                TimeProvider.System,
                NullLogger.Instance
            );
            var listens = Stopwatch.GetTimestamp();
            var door = new MuxDoor(
                listener,
                new MuxHello("late-1", "late", secret: null),
                new Dictionary<string, MuxServer>(StringComparer.Ordinal) { ["early"] = server }
            );
            var serving = Task.WhenAll(server.RunAsync(over.Token), door.RunAsync(over.Token));
            await up.Task;
            latencies.Add(Stopwatch.GetTimestamp() - listens);
            await over.CancelAsync();
            await Task.WhenAll(linking, serving);
        }

        return measured.End("a late service of ours, listens to both lanes up", "services", latencies[Warm..]);
    }

    private static async Task<BenchResult> MissingAsync(TimeSpan duration)
    {
        using var over = new CancellationTokenSource();
        var links = Enumerable
            .Range(0, Neighbours)
            .Select(static _ => LinkTo(new IPEndPoint(IPAddress.Loopback, Ports.Free())))
            .ToList();
        var linking = links.Select(link => link.RunAsync(over.Token)).ToList();
        await Task.Delay(TimeSpan.FromSeconds(2), over.Token); // What is compiled at first is not what it costs.
        var (cpu, begun) = (Environment.CpuUsage.TotalTime, Stopwatch.GetTimestamp());
        var measured = new Measurement();
        await Task.Delay(duration, over.Token);
        var cores = (Environment.CpuUsage.TotalTime - cpu) / Stopwatch.GetElapsedTime(begun);
        await over.CancelAsync();
        await Task.WhenAll(linking);
        foreach (var link in links)
        {
            await link.DisposeAsync();
        }

        return measured.End(
            $"{Neighbours} services of ours that are missing",
            "services",
            [],
            string.Create(CultureInfo.InvariantCulture, $"{cores:P2} of a core")
        );
    }

    private static async Task<BenchResult> LateToRegistrationsAsync()
    {
        var random = new Random(1);
        List<long> latencies = [];
        var measured = new Measurement();
        for (var i = 0; i < Rounds + Warm; i++)
        {
            await using var scene = WireScene.Registering(new RegisterSchedule());
            var connected = scene.ConnectedAsync("4");
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(MostLateMilliseconds)));
            var listens = Stopwatch.GetTimestamp();
            scene.Serve();
            latencies.Add(await connected - listens);
        }

        return measured.End(
            "a late service to a call that registers, listens to the connection",
            "services",
            latencies[Warm..]
        );
    }

    private static MuxLink LinkTo(IPEndPoint place) =>
        MuxLink.To(
            "late",
            (Text, Text),
            place,
            new MuxHello("early-1", "early", secret: null).SayAsync,
            new LinkSetup { Retry = ConnectRetry.Ours },
            NullLogger.Instance
        );
}
