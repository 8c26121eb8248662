using System.Globalization;

namespace Pollard.Simulation;

/// <summary>
/// Whole-engine runs. <c>POLLARD_SEEDS</c> says how many (default 1,000), <c>POLLARD_SEED</c> replays one and prints what happened.
/// </summary>
public class SimulationTests
{
    private const int Steps = 1_500;

    [Fact]
    public void Whatever_breaks_what_clients_were_told_stays_true()
    {
        if (Environment.GetEnvironmentVariable("POLLARD_SEED") is { Length: > 0 } one)
        {
            Replay(int.Parse(one, CultureInfo.InvariantCulture));
            return;
        }

        var seeds = int.Parse(
            Environment.GetEnvironmentVariable("POLLARD_SEEDS") ?? "1000",
            CultureInfo.InvariantCulture
        );
        var continued = 0;
        for (var seed = 1; seed <= seeds; seed++)
        {
            continued += Replay(seed);
        }

        Assert.True(
            continued > seeds / 10,
            $"Of all answers only {continued} went on on another host: that rule is not tried."
        );
    }

    /// <summary>How many answers went on on another host.</summary>
    private static int Replay(int seed)
    {
        var world = new SimulatedWorld(seed);
        try
        {
            world.Run(Steps);
            return world.Continued;
        }
        catch (Exception e)
        {
            throw new InvalidOperationException(
                $"Seed {seed} fails; replay it with POLLARD_SEED={seed}. It ended with:\n{string.Join('\n', world.Trace.TakeLast(40))}",
                e
            );
        }
    }
}
