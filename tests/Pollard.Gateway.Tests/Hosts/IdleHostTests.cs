using Microsoft.Extensions.Time.Testing;
using Pollard.Gateway.Hosts;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;

namespace Pollard.Gateway.Tests.Hosts;

/// <summary>Very many idle hosts are asked the seldomer whether they live; a host that works is asked as ever.</summary>
public sealed class IdleHostTests
{
    [Theory]
    [InlineData(0, 5)]
    [InlineData(1, 5)]
    [InlineData(1000, 5)]
    [InlineData(1001, 10)]
    [InlineData(10_000, 50)]
    [InlineData(1_000_000, 60)]
    public void The_heartbeat_of_idle_hosts_stretches_with_their_number(int hosts, int seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), HostLinkServer.IdleHeartbeatOf(hosts));

    [Fact]
    public async Task Many_idle_hosts_are_pinged_seldomer_and_may_be_silent_for_longer()
    {
        var clock = new FakeTimeProvider();
        await using var gateway = await LinkGateway.StartAsync(time: clock);
        var links = new List<RawLink>();
        for (var i = 0; i < 1001; i++)
        {
            links.Add(await RawLink.OpenAsync(gateway, $"host-{i}"));
            links[i].Say(FrameType.Pong);
        }

        Turn(clock, seconds: 6); // Each is told at the first ping, and echoes.
        foreach (var link in links)
        {
            var config = (await link.UntilAsync(FrameType.Config)).Payload;
            Assert.Equal(10, LinkJson.Read(config, ProtocolJson.Default.Config).IdleHeartbeatSeconds);
            await link.UntilAsync(FrameType.Ping);
            link.Say(FrameType.Pong);
        }

        Turn(clock, seconds: 8);
        Assert.All(links, link => Assert.Empty(link.TakeAll()));
        Turn(clock, seconds: 7); // 15 s since they were heard of: more than a host with work may be silent.
        Assert.All(links, link => Assert.Equal(FrameType.Ping, Assert.Single(link.TakeAll()).Header.Type));
        Assert.Equal(1001, gateway.Engine.Hosts.List().Count);
        Turn(clock, seconds: 4);

        Assert.Empty(gateway.Engine.Hosts.List());
        foreach (var link in links)
        {
            link.End();
        }
    }

    [Fact]
    public async Task An_agent_that_thinks_itself_busy_hears_of_the_gateway_when_it_asks()
    {
        var clock = new FakeTimeProvider();
        await using var gateway = await LinkGateway.StartAsync(time: clock);
        var links = new List<RawLink>();
        for (var i = 0; i < 1001; i++)
        {
            links.Add(await RawLink.OpenAsync(gateway, $"host-{i}"));
            links[i].Say(FrameType.Pong);
        }

        Turn(clock, seconds: 6);
        links[7].TakeAll();
        links[8].TakeAll();
        Turn(clock, seconds: 5);
        links[7].Say(FrameType.Heartbeat);
        Turn(clock, seconds: 1);

        Assert.Equal(FrameType.Ping, Assert.Single(links[7].TakeAll()).Header.Type);
        Assert.Empty(links[8].TakeAll());
        foreach (var link in links)
        {
            link.End();
        }
    }

    private static void Turn(FakeTimeProvider clock, int seconds)
    {
        for (var i = 0; i < seconds; i++)
        {
            clock.Advance(TimeSpan.FromSeconds(1));
        }
    }
}
