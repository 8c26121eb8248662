using CsCheck;
using Microsoft.Extensions.Time.Testing;
using Pollard.Tasks.Leases;

namespace Pollard.Tasks.Tests;

public class TimerWheelTests
{
    [Fact]
    public void Timers_fire_once_and_never_early_and_at_most_two_ticks_late()
    {
        var delays = Gen.OneOf(Gen.Int[0, 50], Gen.Int[0, 5_000], Gen.Int[0, 10_000_000]);
        Gen.Select(Gen.Select(delays, Gen.Int[0, 3_000]).List[1, 60], Gen.Int[1, 700])
            .Sample(
                (timers, step) =>
                {
                    var clock = new FakeTimeProvider();
                    using var wheel = new TimerWheel(clock, Fail);
                    var set = new List<Probe>();
                    foreach (var (delay, pause) in timers)
                    {
                        var probe = new Probe(clock, clock.GetUtcNow().AddMilliseconds(delay));
                        wheel.Set(probe, TimeSpan.FromMilliseconds(delay));
                        set.Add(probe);
                        clock.Advance(TimeSpan.FromMilliseconds(pause));
                    }

                    var end = set.Max(static probe => probe.At).AddMilliseconds(20);
                    while (clock.GetUtcNow() < end)
                    {
                        clock.Advance(
                            TimeSpan.FromMilliseconds(Math.Max(step, (end - clock.GetUtcNow()).TotalMilliseconds / 50))
                        );
                    }

                    Assert.All(set, static probe => Assert.Single(probe.Fired));
                    Assert.All(set, static probe => Assert.True(probe.Fired[0] >= probe.At));
                }
            );
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(639)]
    [InlineData(640)]
    [InlineData(41_000)]
    [InlineData(3_600_000)]
    [InlineData(90_000_000)]
    public void A_timer_is_at_most_two_ticks_late(int milliseconds)
    {
        var clock = new FakeTimeProvider();
        using var wheel = new TimerWheel(clock, Fail);
        clock.Advance(TimeSpan.FromMilliseconds(12_345));
        var probe = new Probe(clock, clock.GetUtcNow().AddMilliseconds(milliseconds));

        wheel.Set(probe, TimeSpan.FromMilliseconds(milliseconds));
        clock.Advance(TimeSpan.FromMilliseconds(milliseconds + 20));

        Assert.Single(probe.Fired);
    }

    [Fact]
    public void A_stopped_timer_does_not_fire_and_a_moved_one_fires_at_its_new_time()
    {
        var clock = new FakeTimeProvider();
        using var wheel = new TimerWheel(clock, Fail);
        var stopped = new Probe(clock, clock.GetUtcNow());
        var moved = new Probe(clock, clock.GetUtcNow().AddSeconds(5));
        wheel.Set(stopped, TimeSpan.FromSeconds(1));
        wheel.Set(moved, TimeSpan.FromSeconds(1));

        wheel.Stop(stopped);
        wheel.Set(moved, TimeSpan.FromSeconds(5));
        clock.Advance(TimeSpan.FromSeconds(4));
        var before = moved.Fired.Count;
        clock.Advance(TimeSpan.FromSeconds(2));

        Assert.Empty(stopped.Fired);
        Assert.Equal((0, 1), (before, moved.Fired.Count));
    }

    [Fact]
    public void A_timer_that_throws_is_told_and_keeps_no_other_from_firing()
    {
        var clock = new FakeTimeProvider();
        var failures = new List<Exception>();
        using var wheel = new TimerWheel(clock, failures.Add);
        var probe = new Probe(clock, clock.GetUtcNow());
        wheel.Set(new Broken(), TimeSpan.FromSeconds(1));
        wheel.Set(probe, TimeSpan.FromSeconds(1));
        wheel.Set(new Broken(), TimeSpan.FromSeconds(1));

        clock.Advance(TimeSpan.FromSeconds(2));

        Assert.Equal((1, 2), (probe.Fired.Count, failures.Count));
    }

    [Fact]
    public void A_time_far_away_can_be_set_on_a_real_clock_too()
    {
        using var wheel = new TimerWheel(TimeProvider.System, Fail); // Its timers take 49 days at the most.
        var probe = new Probe(new FakeTimeProvider(), default);

        wheel.Set(probe, TimeSpan.MaxValue);
        wheel.Set(new Broken(), TimeSpan.FromDays(60));

        Assert.Empty(probe.Fired);
    }

    [Fact]
    public void A_time_far_away_comes_in_days()
    {
        var clock = new FakeTimeProvider();
        using var wheel = new TimerWheel(clock, Fail);
        var probe = new Probe(clock, clock.GetUtcNow().AddDays(100));
        wheel.Set(probe, TimeSpan.FromDays(100));

        clock.Advance(TimeSpan.FromDays(99));
        var before = probe.Fired.Count;
        clock.Advance(TimeSpan.FromDays(1) + TimeSpan.FromSeconds(1));

        Assert.Equal((0, 1), (before, probe.Fired.Count));
    }

    private static void Fail(Exception exception) => Assert.Fail(exception.ToString());

    private sealed class Broken : WheelTimer
    {
        internal override void Fire() => throw new InvalidOperationException("broken");
    }

    private sealed class Probe(FakeTimeProvider clock, DateTimeOffset due) : WheelTimer
    {
        public DateTimeOffset At { get; } = due;

        public List<DateTimeOffset> Fired { get; } = [];

        internal override void Fire() => Fired.Add(clock.GetUtcNow());
    }
}
