using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using Pollard.Bench.Machine;

namespace Pollard.Bench.Chaos;

/// <summary>Hosts that are struck at random.</summary>
internal sealed class HostPark : IAsyncDisposable
{
    private static readonly TimeSpan StartApart = TimeSpan.FromMilliseconds(50); // They would all keep each other from starting.
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan Frozen = TimeSpan.FromSeconds(20); // Longer than silence is borne.
    private const int LeastSecondsUnplugged = 1; // What a link outlives,
    private const int MostSecondsUnplugged = 20; // and what it does not.
    private readonly Random _random = new(1);
    private readonly BenchFolder _folder = new(null);
    private readonly CancellationTokenSource _over = new();
    private readonly RunningGateway _gateway;
    private readonly Blow[] _blows;
    private readonly ParkedHost[] _hosts;
    private readonly List<Task> _suffering = [];
    private int _struck;

    /// <param name="plan">How many they are, and what they are like.</param>
    /// <param name="gateway">Whom they serve.</param>
    /// <param name="token">What they join with; null: nothing.</param>
    /// <param name="machines">Where they run, each on one of its own; null: all beside this process.</param>
    public HostPark(ChaosPlan plan, RunningGateway gateway, string? token, IReadOnlyList<NetworkMachine>? machines)
    {
        _gateway = gateway;
        _blows = machines is null
            ? [Blow.Killed, Blow.Frozen, Blow.Killed, Blow.Killed]
            : [Blow.Killed, Blow.Frozen, Blow.Unplugged, Blow.Killed];
        _hosts =
        [
            .. Enumerable
                .Range(0, plan.Hosts)
                .Select(static number => $"host{number.ToString(CultureInfo.InvariantCulture)}")
                .Select(
                    (name, number) =>
                        new ParkedHost(
                            name,
                            plan,
                            gateway.Url,
                            token,
                            Path.Combine(_folder.Path, name),
                            machines?[number]
                        )
                ),
        ];
    }

    /// <summary>Starts all of them and waits until they are there and can go on with answers.</summary>
    public async Task StartAllAsync(CancellationToken ct)
    {
        foreach (var host in _hosts)
        {
            await host.StartAsync();
            await Task.Delay(StartApart, ct);
        }

        while ((await AbleAsync(ct)).Count < _hosts.Length)
        {
            await Task.Delay(LookEvery, ct);
        }
    }

    /// <summary>Strikes one that is there and can go on with answers. It comes back by itself.</summary>
    /// <returns>What happened to it; null when only half of them or fewer are: some must be left to do the work.</returns>
    public async Task<Blow?> StrikeAsync(CancellationToken ct)
    {
        var able = await AbleAsync(ct);
        var well = _hosts.Where(host => host.IsWell && able.Contains(host.Name)).ToArray();
        if (well.Length * 2 <= _hosts.Length)
        {
            return null;
        }

        var blow = _blows[_struck++ % _blows.Length];
        var away =
            blow == Blow.Frozen
                ? Frozen
                : TimeSpan.FromSeconds(_random.Next(LeastSecondsUnplugged, MostSecondsUnplugged + 1));
        _suffering.Add(well[_random.Next(well.Length)].SufferAsync(blow, away, _over.Token));
        return blow;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        await ((Task)Task.WhenAll(_suffering)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        foreach (var host in _hosts)
        {
            await host.DisposeAsync();
        }

        _over.Dispose();
        _folder.Dispose();
    }

    // Those of which the gateway knows that their model goes on with what others have begun.
    private async Task<HashSet<string>> AbleAsync(CancellationToken ct)
    {
        var list = await _gateway.Http.GetFromJsonAsync<JsonElement>(
            new Uri("/v1/hosts?state=online&limit=1000", UriKind.Relative),
            ct
        );
        return
        [
            .. list.GetProperty("hosts")
                .EnumerateArray()
                .Where(static host => host.GetRawText().Contains("\"prefill\"", StringComparison.Ordinal))
                .Select(static host => host.GetProperty("name").GetString()!),
        ];
    }
}
