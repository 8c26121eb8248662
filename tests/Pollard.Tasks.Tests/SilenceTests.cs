using Pollard.Tasks.Tests.Support;

namespace Pollard.Tasks.Tests;

/// <summary>An idle host may be silent for long; one that has work may not, whenever it got it.</summary>
public sealed class SilenceTests
{
    [Fact]
    public async Task An_idle_host_may_be_silent_for_as_long_as_it_was_told()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = new TestHost(gateway.Engine, "host", "m").Ready();
        host.Connection.SetIdleSilence(TimeSpan.FromSeconds(67));

        Turn(gateway, seconds: 66);
        Assert.Null(host.Closed);
        Turn(gateway, seconds: 2);

        Assert.Equal("silence", host.Closed?.Code);
    }

    [Fact]
    public async Task A_host_that_got_work_after_a_long_silence_has_the_short_time_from_then_on()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = new TestHost(gateway.Engine, "host", "m").Ready();
        host.Connection.SetIdleSilence(TimeSpan.FromSeconds(67));
        Turn(gateway, seconds: 50);

        await gateway.SubmitAsync();
        await host.UntilWorkAsync();
        Turn(gateway, seconds: 11);
        Assert.Null(host.Closed);
        Turn(gateway, seconds: 2);

        Assert.Equal("silence", host.Closed?.Code);
    }

    [Fact]
    public async Task A_host_that_froze_while_idle_is_noticed_by_the_first_offer()
    {
        await using var gateway = await TestEngine.StartAsync();
        var frozen = new TestHost(gateway.Engine, "frozen", "m").Ready();
        frozen.Connection.SetIdleSilence(TimeSpan.FromSeconds(67));
        Turn(gateway, seconds: 50);
        await gateway.SubmitAsync();
        await frozen.UntilOfferAsync();
        var other = new TestHost(gateway.Engine, "other", "m").Ready();

        Turn(gateway, seconds: 3);

        await other.UntilOfferAsync();
        Assert.Single(frozen.FencedAttempts);
    }

    private static void Turn(TestEngine gateway, int seconds)
    {
        for (var i = 0; i < seconds; i++)
        {
            gateway.Clock.Advance(TimeSpan.FromSeconds(1));
        }
    }
}
