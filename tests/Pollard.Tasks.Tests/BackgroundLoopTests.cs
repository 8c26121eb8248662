using Microsoft.Extensions.Time.Testing;

namespace Pollard.Tasks.Tests;

public sealed class BackgroundLoopTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(60);
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void A_round_that_hangs_is_late()
    {
        var loop = new BackgroundLoop("writes", Deadline, interval: null, _time);

        loop.Begin();
        _time.Advance(Deadline);
        var atTheDeadline = loop.Look();
        _time.Advance(TimeSpan.FromTicks(1));

        Assert.False(atTheDeadline.IsLate);
        Assert.Equal(new LoopState("writes", LastRan: null, IsLate: true), loop.Look());
    }

    [Fact]
    public void A_loop_that_waits_for_work_is_never_late()
    {
        var loop = new BackgroundLoop("writes", Deadline, interval: null, _time);

        loop.Begin();
        loop.End();
        var ended = _time.GetUtcNow();
        _time.Advance(TimeSpan.FromDays(1));

        Assert.Equal(new LoopState("writes", ended, IsLate: false), loop.Look());
    }

    [Fact]
    public void A_loop_with_an_interval_is_late_when_it_no_longer_runs()
    {
        var loop = new BackgroundLoop("retention", Deadline, Interval, _time);

        _time.Advance(Interval + Deadline);
        var beforeItsFirst = loop.Look().IsLate;
        loop.Begin();
        loop.End();
        _time.Advance(Interval + Deadline);
        var inTime = loop.Look().IsLate;
        _time.Advance(TimeSpan.FromTicks(1));

        Assert.False(beforeItsFirst);
        Assert.False(inTime);
        Assert.True(loop.Look().IsLate);
    }
}
