using Pollard.Bench.Chaos;
using Pollard.Bench.Machine;
using Pollard.EndToEnd.Support;

namespace Pollard.EndToEnd;

/// <summary>
/// Hosts that come and go all the time, as volunteers' machines do: whoever reads an answer sees one unbroken stream with every
/// token once, whatever became of the hosts that wrote it. The long form is the benchmark <c>chaos</c>.
/// </summary>
public sealed class ChurnTests
{
    private static readonly ChaosPlan Plan = new()
    {
        Duration = TimeSpan.FromSeconds(20),
        LeastBlows = 4,
        Hosts = 5,
        Streams = 16,
        Tokens = 150,
    };

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    [Fact]
    public async Task Streams_go_on_while_their_hosts_are_killed_and_frozen_and_lose_their_networks()
    {
        PollardProgram.File = PollardProcess.Executable;
        using var network = MachineNetwork.TryCreate(Plan.Hosts + 1, out _); // Without root, they keep their networks.
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(Patience);
        await using var scene = await ChaosScene.StartAsync(Plan, network, limit.Token);

        var outcome = await scene.RunAsync(limit.Token);

        Blow[] kinds = network is null ? [Blow.Killed, Blow.Frozen] : [Blow.Killed, Blow.Frozen, Blow.Unplugged];
        Assert.Equal(kinds, outcome.Blows.Distinct().Order());
        Assert.Empty(outcome.Errors);
        Assert.Equal((outcome.Streams.Count, 0), (outcome.Whole, outcome.Wrong));
        Assert.NotEqual(0, outcome.GoneOnWith);
    }
}
