using Microsoft.Extensions.Time.Testing;
using Pollard.Agent.Sources.Gateway;

namespace Pollard.Agent.Tests.Link;

/// <summary>Which carrier is tried: what worked last, then the next one down, and the best again every half hour.</summary>
public sealed class CarrierLadderTests
{
    private readonly FakeTimeProvider _clock = new();
    private readonly IReadOnlyList<ILinkCarrier> _carriers = [new Carrier("h2"), new Carrier("turn")];

    [Theory]
    [InlineData(null, "h2")]
    [InlineData("h2", "h2")]
    [InlineData("turn", "turn")]
    [InlineData("one that is no more", "h2")]
    public void It_begins_with_what_worked_last(string? remembered, string first) =>
        Assert.Equal(first, new CarrierLadder(_carriers, remembered, _clock).Current.Name);

    [Fact]
    public void It_goes_down_step_by_step_and_begins_again_at_the_top()
    {
        var ladder = new CarrierLadder(_carriers, null, _clock);

        Assert.True(ladder.TryNext());
        Assert.Equal("turn", ladder.Current.Name);
        Assert.False(ladder.TryNext()); // All were tried: the agent waits before the next round.
        Assert.Equal("h2", ladder.Current.Name);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_best_is_tried_again_half_an_hour_after_it_was_tried_last(bool isRemembered)
    {
        var ladder = new CarrierLadder(_carriers, isRemembered ? "turn" : null, _clock);
        if (!isRemembered)
        {
            ladder.TryNext();
        }

        _clock.Advance(TimeSpan.FromMinutes(29));
        ladder.ProbeUpward();
        Assert.Equal("turn", ladder.Current.Name);
        _clock.Advance(TimeSpan.FromMinutes(1));
        ladder.ProbeUpward();
        Assert.Equal("h2", ladder.Current.Name);

        ladder.TryNext(); // It does not get through: the next try is half an hour away again.
        _clock.Advance(TimeSpan.FromMinutes(29));
        ladder.ProbeUpward();
        Assert.Equal("turn", ladder.Current.Name);
    }

    [Fact]
    public void Only_a_session_on_a_lesser_carrier_ends_for_the_sake_of_a_better_one()
    {
        var ladder = new CarrierLadder(_carriers, null, _clock);
        Assert.Null(ladder.SessionLimit);
        ladder.TryNext();
        Assert.Equal(TimeSpan.FromMinutes(30), ladder.SessionLimit);
    }

    private sealed class Carrier(string name) : ILinkCarrier
    {
        public string Name => name;

        public Task<LinkConnection> ConnectAsync(ReadOnlyMemory<byte> hello, CancellationToken ct) =>
            throw new NotSupportedException();
    }
}
