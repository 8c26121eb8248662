using Microsoft.Extensions.Time.Testing;
using Pollard.Protocol.HostLink;

namespace Pollard.Gateway.Tests.Hosts;

/// <summary>A host that sends more frames than the link allows is cut off and told why; a fast one is not.</summary>
public sealed class FloodTests
{
    private readonly FakeTimeProvider _clock = new();

    [Fact]
    public async Task Too_many_frames_about_an_attempt_end_the_link()
    {
        await using var gateway = await LinkGateway.StartAsync(time: _clock);
        var (link, handle) = await RunAsync(gateway);

        for (uint i = 0; i < 10 * LinkLimits.FramesPerSecond; i++)
        {
            link.Say(FrameType.Delta, "x", handle, i);
        }

        var goAway = await link.UntilGoAwayAsync();
        Assert.Equal("protocol", goAway.Code);
        Assert.Contains("2000 frames a second about an attempt", goAway.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task As_many_frames_as_the_link_allows_pass()
    {
        await using var gateway = await LinkGateway.StartAsync(time: _clock);
        var (link, handle) = await RunAsync(gateway);

        for (uint i = 0; i < 25 * LinkLimits.FramesPerSecond; i++)
        {
            link.Say(FrameType.Delta, "x", handle, i);
            if (i % (LinkLimits.FramesPerSecond / 10) == 0)
            {
                _clock.Advance(TimeSpan.FromMilliseconds(101));
                link.Say(FrameType.Pong);
            }
        }

        Assert.DoesNotContain(link.TakeAll(), frame => frame.Header.Type == FrameType.GoAway);
        link.End();
    }

    [Theory]
    [InlineData(FrameType.Heartbeat, 0)]
    [InlineData(FrameType.Pong, 0)]
    [InlineData(FrameType.Delta, 1)]
    public async Task Too_many_frames_about_the_host_itself_or_about_what_is_over_end_the_link(
        FrameType type,
        uint handle
    )
    {
        await using var gateway = await LinkGateway.StartAsync(time: _clock);
        var (link, offered) = await RunAsync(gateway);
        link.Say(FrameType.Fail, """{"code":"x","message":"x","retryable":false}""", offered);
        link.Say(FrameType.Free, handle: offered);

        for (uint i = 0; i < 10 * LinkLimits.HostFramesPerSecond; i++)
        {
            link.Say(type, handle: handle, sequence: i);
        }

        Assert.Contains("200 frames a second", (await link.UntilGoAwayAsync()).Reason, StringComparison.Ordinal);
    }

    private static async Task<(RawLink Link, uint Handle)> RunAsync(LinkGateway gateway)
    {
        var link = await RawLink.OpenAsync(gateway);
        link.Say(FrameType.Pong);
        await gateway.SubmitAsync();
        var handle = await link.UntilOfferAsync();
        link.Say(FrameType.Accept, handle: handle);
        return (link, handle);
    }
}
