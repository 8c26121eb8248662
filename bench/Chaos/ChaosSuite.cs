using System.Globalization;
using Pollard.Bench.Machine;

namespace Pollard.Bench.Chaos;

/// <summary>
/// Readers of streams while every two seconds a host, drawn at random, is killed or frozen: how many answers end whole, how many
/// with an error that the reader sees, and whether any has a token twice or not at all.
/// </summary>
internal static class ChaosSuite
{
    private const int Streams = 64;
    private const int TokensPerSecond = 25;
    private const int Tokens = 250;
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Frozen = TimeSpan.FromSeconds(20); // Longer than silence is borne.

    public static async Task<IReadOnlyList<BenchResult>> RunAsync(BenchArguments arguments)
    {
        await using var model = await SimulateAsync("model", "ollama", TokensPerSecond);
        await using var quick = await SimulateAsync("quick model", "openai", 0);
        await using var gateway = await RunningGateway.StartAsync();
        await using var hosts = new HostPark(gateway, model.Url, arguments.Number("hosts", 32), Streams);
        await hosts.StartAllAsync();
        var expected = new string[Streams];
        for (var i = 0; i < Streams; i++)
        {
            expected[i] = (await StreamReader.ReadAsync(quick.Http, i)).Text;
        }

        var measured = new Measurement(gateway.Process);
        using var stop = new CancellationTokenSource(arguments.Duration);
        var readers = Enumerable
            .Range(0, Streams)
            .Select(i => ReadAsync(gateway.Http, i, expected[i], stop.Token))
            .ToArray();
        var blows = await StrikeAsync(hosts, stop.Token);
        var read = (await Task.WhenAll(readers)).SelectMany(static ended => ended).ToArray();

        var seen = read.Count(static end => end.Error is not null);
        var wrong = read.Count(static end => end is { Error: null, IsWhole: false });
        var went = read.Count(static end => end.Attempts > 1);
        var note = string.Create(
            CultureInfo.InvariantCulture,
            $"{blows} hosts lost; {read.Length} streams: {read.Length - seen - wrong} whole, {seen} with an error, {wrong} wrong; {went} were gone on with; longest pauses in ms"
        );
        foreach (
            var error in read.Where(static end => end.Error is not null)
                .Select(static end => end.Error!)
                .Distinct(StringComparer.Ordinal)
                .Take(5)
        )
        {
            await Console.Error.WriteLineAsync(error);
        }

        return
        [
            measured.End(
                $"streams under hosts that die, {Streams} x {TokensPerSecond}/s",
                "streams",
                [.. read.Select(static end => end.LongestPause)],
                note
            ),
        ];
    }

    private static async Task<SimulatedModel> SimulateAsync(string name, string dialect, int tokensPerSecond)
    {
        var port = Ports.Free();
        var url = $"http://127.0.0.1:{port.ToString(CultureInfo.InvariantCulture)}";
        var process = ChildProcess.Start(
            name,
            PollardProgram.File,
            [
                "simulate",
                dialect,
                "--url",
                url,
                "--tokens-per-second",
                tokensPerSecond.ToString(CultureInfo.InvariantCulture),
                "--tokens",
                Tokens.ToString(CultureInfo.InvariantCulture),
            ]
        );
        await process.UntilSaysAsync("answers at");
        return new SimulatedModel(process, url, new HttpClient { BaseAddress = new Uri(url) });
    }

    // One client: reads one answer after the other, the same each time.
    private static async Task<List<StreamEnd>> ReadAsync(
        HttpClient http,
        int client,
        string expected,
        CancellationToken stop
    )
    {
        var ends = new List<StreamEnd>();
        while (!stop.IsCancellationRequested)
        {
            var end = await StreamReader.ReadAsync(http, client);
            ends.Add(end with { IsWhole = end.Text == expected });
        }

        return ends;
    }

    private static async Task<int> StrikeAsync(HostPark hosts, CancellationToken stop)
    {
        var random = new Random(1);
        var blows = 0;
        try
        {
            while (true)
            {
                await Task.Delay(Pause, stop);
                await hosts.StrikeAsync(random, freezes: blows % 4 == 3 ? Frozen : null);
                blows++;
            }
        }
        catch (OperationCanceledException)
        {
            return blows;
        }
    }

    private sealed record SimulatedModel(ChildProcess Process, string Url, HttpClient Http) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            Http.Dispose();
            await Process.DisposeAsync();
        }
    }
}
