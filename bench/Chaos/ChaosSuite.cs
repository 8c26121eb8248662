using System.Globalization;
using Pollard.Bench.Machine;

namespace Pollard.Bench.Chaos;

/// <summary>
/// Readers of streams while every two seconds a host, drawn at random, is killed, frozen or, in namespaces, loses its network: how
/// many answers end whole, how many with an error that the reader sees, and whether any has a token twice or not at all.
/// </summary>
internal static class ChaosSuite
{
    private const int MostErrorsShown = 5;

    public static async Task<IReadOnlyList<BenchResult>> RunAsync(BenchArguments arguments)
    {
        using var interruption = new Interruption();
        try
        {
            return [await RunAsync(arguments, interruption.Token)];
        }
        catch (Exception e) when (interruption.Token.IsCancellationRequested)
        {
            throw new OperationCanceledException("It was interrupted.", e); // Ctrl-C is for the hosts too, which then break.
        }
    }

    private static async Task<BenchResult> RunAsync(BenchArguments arguments, CancellationToken ct)
    {
        var plan = new ChaosPlan { Duration = arguments.Duration, Hosts = arguments.Number("hosts", 32) };
        using var network = arguments.Has("namespaces") ? NetworkFor(plan) : null;
        await using var scene = await ChaosScene.StartAsync(plan, network, ct);
        var measured = new Measurement(scene.Gateway.Process);
        var outcome = await scene.RunAsync(ct);

        foreach (var error in outcome.Errors.Distinct(StringComparer.Ordinal).Take(MostErrorsShown))
        {
            await Console.Error.WriteLineAsync(error);
        }

        return measured.End(
            $"streams under hosts that {(network is null ? "die" : "die or vanish")}, {plan.Streams} x {plan.TokensPerSecond}/s",
            "streams",
            [.. outcome.Streams.Select(static end => end.LongestPause)],
            Note(outcome)
        );
    }

    private static MachineNetwork NetworkFor(ChaosPlan plan) =>
        MachineNetwork.TryCreate(plan.Hosts + 1, out var why) ?? throw new UnfitException(why);

    private static string Note(ChaosOutcome outcome)
    {
        var blows = outcome.Blows.CountBy(static blow => blow).ToDictionary();
        return string.Create(
            CultureInfo.InvariantCulture,
            $"hosts: {blows.GetValueOrDefault(Blow.Killed)} killed, {blows.GetValueOrDefault(Blow.Frozen)} frozen, {blows.GetValueOrDefault(Blow.Unplugged)} without network; {outcome.Streams.Count} streams: {outcome.Whole} whole, {outcome.Errors.Count()} with an error, {outcome.Wrong} wrong; {outcome.GoneOnWith} were gone on with; longest pauses in ms"
        );
    }
}
