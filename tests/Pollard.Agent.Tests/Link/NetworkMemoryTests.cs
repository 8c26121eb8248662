using Pollard.Agent.Sources.Gateway;

namespace Pollard.Agent.Tests.Link;

/// <summary>What a cut link tells of the way to the gateway.</summary>
public sealed class NetworkMemoryTests
{
    [Theory]
    [InlineData(4, null)] // It was not idle.
    [InlineData(30, 18.0)]
    [InlineData(67, 40.2)]
    [InlineData(115, 60.0)] // More than that no gateway takes.
    [InlineData(8 * 3600, null)] // The machine slept.
    public void A_link_that_is_cut_when_idle_is_to_hear_something_before_that(int quietSeconds, double? expected)
    {
        var after = new NetworkMemory("home", "h2").CutAfter(TimeSpan.FromSeconds(quietSeconds));

        Assert.Equal(expected, after.IdleHeartbeatSeconds is { } seconds ? Math.Round(seconds, 1) : null);
        Assert.Equal("h2", after.Carrier);
    }

    [Fact]
    public void The_shortest_silence_counts() =>
        Assert.Equal(
            12.0,
            new NetworkMemory("home")
                .CutAfter(TimeSpan.FromSeconds(20))
                .CutAfter(TimeSpan.FromSeconds(60))
                .IdleHeartbeatSeconds
        );
}
