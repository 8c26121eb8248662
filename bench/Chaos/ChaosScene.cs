using System.Diagnostics;
using Pollard.Bench.Machine;

namespace Pollard.Bench.Chaos;

/// <summary>How a run is.</summary>
internal sealed record ChaosPlan
{
    /// <summary>How long hosts are struck at least; what is read then is read to its end.</summary>
    public required TimeSpan Duration { get; init; }

    /// <summary>How often they are struck at least.</summary>
    public int LeastBlows { get; init; }

    /// <summary>Hosts.</summary>
    public required int Hosts { get; init; }

    /// <summary>Readers, each of one stream at a time.</summary>
    public int Streams { get; init; } = 64;

    /// <summary>Of each stream.</summary>
    public int TokensPerSecond { get; init; } = 25;

    /// <summary>The length of each answer.</summary>
    public int Tokens { get; init; } = 250;

    /// <summary>The time between two blows.</summary>
    public TimeSpan Pause { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>All hosts together have room for all streams twice.</summary>
    public int SlotsOfHost => Math.Max(2, Streams * 2 / Hosts);
}

/// <summary>What came of a run.</summary>
/// <param name="Blows">What happened to hosts, in order.</param>
/// <param name="Streams">How each stream ended.</param>
internal sealed record ChaosOutcome(IReadOnlyList<Blow> Blows, IReadOnlyList<StreamEnd> Streams)
{
    /// <summary>What readers were told instead of an end.</summary>
    public IEnumerable<string> Errors => Streams.Select(static end => end.Error).OfType<string>();

    /// <summary>Streams that ended well and are not what the model says.</summary>
    public int Wrong => Streams.Count(static end => end is { Error: null, IsWhole: false });

    /// <summary>Streams that are what the model says, each token of it once.</summary>
    public int Whole => Streams.Count(static end => end is { Error: null, IsWhole: true });

    /// <summary>Streams that more than one host had.</summary>
    public int GoneOnWith => Streams.Count(static end => end.Attempts > 1);
}

/// <summary>A gateway with hosts that are struck at random while streams are read, and a model that says what these must be.</summary>
internal sealed class ChaosScene : IAsyncDisposable
{
    private readonly ChaosPlan _plan;
    private readonly HostPark _park;
    private readonly StreamEnd[] _expected;

    private ChaosScene(ChaosPlan plan, RunningGateway gateway, HostPark park) =>
        (_plan, Gateway, _park, _expected) = (plan, gateway, park, new StreamEnd[plan.Streams]);

    /// <summary>The gateway.</summary>
    public RunningGateway Gateway { get; }

    /// <summary>Starts all of it.</summary>
    /// <param name="plan">How it is.</param>
    /// <param name="network">A machine for each host and one more, for the gateway; null: all run on this one.</param>
    /// <param name="ct">Gives up.</param>
    public static async Task<ChaosScene> StartAsync(ChaosPlan plan, MachineNetwork? network, CancellationToken ct)
    {
        var gateway = await RunningGateway.StartAsync(machine: network?.Machines[^1]);
        var token = network is null ? null : await gateway.NewTokenAsync(plan.Hosts);
        var scene = new ChaosScene(plan, gateway, new HostPark(plan, gateway, token, network?.Machines));
        try
        {
            await scene.LearnAsync(ct);
            await scene._park.StartAllAsync(ct);
            return scene;
        }
        catch
        {
            await scene.DisposeAsync();
            throw;
        }
    }

    /// <summary>Reads and strikes.</summary>
    public async Task<ChaosOutcome> RunAsync(CancellationToken ct)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var readers = Enumerable.Range(0, _plan.Streams).Select(client => ReadAsync(client, stop.Token, ct)).ToArray();
        var blows = await StrikeAsync(ct);
        await stop.CancelAsync();
        var read = await Task.WhenAll(readers);
        ct.ThrowIfCancellationRequested();
        return new ChaosOutcome(blows, [.. read.SelectMany(static ended => ended)]);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _park.DisposeAsync();
        await Gateway.DisposeAsync();
    }

    // What is answered when nothing breaks, by a model that is asked directly.
    private async Task LearnAsync(CancellationToken ct)
    {
        await using var model = await SimulatedModel.StartAsync("openai", tokensPerSecond: 0, _plan.Tokens);
        using var http = new HttpClient { BaseAddress = new Uri(model.Url) };
        for (var client = 0; client < _expected.Length; client++)
        {
            _expected[client] = await StreamReader.ReadAsync(http, client, ct);
        }
    }

    // One client: reads one answer after the other, the same each time.
    private async Task<List<StreamEnd>> ReadAsync(int client, CancellationToken stop, CancellationToken ct)
    {
        var (ends, expected) = (new List<StreamEnd>(), _expected[client]);
        while (!stop.IsCancellationRequested)
        {
            var end = await StreamReader.ReadAsync(Gateway.Http, client, ct);
            ends.Add(end with { IsWhole = end.Text == expected.Text && end.Usage == expected.Usage });
        }

        return ends;
    }

    private async Task<List<Blow>> StrikeAsync(CancellationToken ct)
    {
        var blows = new List<Blow>();
        using var timer = new PeriodicTimer(_plan.Pause);
        var began = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(began) < _plan.Duration || blows.Count < _plan.LeastBlows)
        {
            await timer.WaitForNextTickAsync(ct);
            if (await _park.StrikeAsync(ct) is { } blow)
            {
                blows.Add(blow);
            }
        }

        return blows;
    }
}
