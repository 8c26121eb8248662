using System.Net;
using CsCheck;
using Microsoft.Extensions.Time.Testing;
using Pollard.Agent.Retry;

namespace Pollard.Agent.Tests.Retry;

public sealed class RetryPolicyTests
{
    private readonly FakeTimeProvider _clock = new();

    [Fact]
    public void Waits_grow_to_their_bound()
    {
        var run = new RetryPolicy
        {
            MaxTries = null,
            Budget = null,
            Jitter = 0,
            FirstDelay = TimeSpan.FromSeconds(1),
            MaxDelay = TimeSpan.FromSeconds(5),
        }.Start(_clock, new Random(1));

        var waits = Enumerable.Range(0, 5).Select(_ => run.Next()!.Value.TotalSeconds);

        Assert.Equal([1, 2, 4, 5, 5], waits);
    }

    [Fact]
    public void A_wait_is_never_longer_than_it_may_be_however_often_it_failed() =>
        Gen.Select(Gen.Int[0, 2000], Gen.Int, Gen.Double[0, 1])
            .Sample(
                (failures, seed, jitter) =>
                {
                    var run = (RetryPolicy.Reconnect with { Jitter = jitter }).Start(_clock, new Random(seed));
                    for (var i = 0; i < failures; i++)
                    {
                        run.Next();
                    }

                    return run.Next() is { } wait && wait >= TimeSpan.Zero && wait <= TimeSpan.FromSeconds(64);
                }
            );

    [Fact]
    public void A_lost_link_is_tried_at_once_and_then_within_a_window_that_doubles_from_1_to_64_seconds() =>
        Gen.Int.Sample(seed =>
        {
            var run = RetryPolicy.Reconnect.Start(_clock, new Random(seed));
            int[] windows = [0, 1, 2, 4, 8, 16, 32, 64, 64, 64];

            return windows.All(window =>
                run.Next() is { } wait && wait.TotalSeconds >= 0 && wait.TotalSeconds <= window
            );
        });

    [Fact]
    public void Hosts_that_come_back_spread_over_the_whole_window()
    {
        var waits = Enumerable
            .Range(0, 2000)
            .Select(seed => RetryPolicy.Reconnect.Start(_clock, new Random(seed)).Within(TimeSpan.FromSeconds(8)))
            .ToArray();

        for (var second = 0; second < 8; second++)
        {
            Assert.InRange(waits.Count(wait => (int)wait.TotalSeconds == second), 175, 325);
        }
    }

    [Fact]
    public void A_window_that_the_gateway_gave_doubles_when_it_is_not_back_by_then() =>
        Gen.Select(Gen.Double[-1, 1e6], Gen.Int)
            .Sample(
                (given, seed) =>
                {
                    var run = RetryPolicy.Reconnect.Start(_clock, new Random(seed));
                    var first = run.Within(TimeSpan.FromSeconds(given)).TotalSeconds;
                    var most = Math.Clamp(given, 0, 64);
                    var isWithin = first >= 0 && first <= most;
                    for (var i = 0; i < 8; i++)
                    {
                        most = Math.Min(64, Math.Max(2, 4 * most)); // Rounded up to the next window, then doubled.
                        isWithin &= run.Next() is { } wait && wait.TotalSeconds >= 0 && wait.TotalSeconds <= most;
                    }

                    return isWithin;
                }
            );

    [Fact]
    public void The_last_try_is_the_last()
    {
        var run = new RetryPolicy { MaxTries = 3 }.Start(_clock, new Random(1));

        Assert.NotNull(run.Next());
        Assert.NotNull(run.Next());
        Assert.Null(run.Next());
    }

    [Fact]
    public void The_budget_ends_it_too()
    {
        var run = new RetryPolicy { MaxTries = null }.Start(_clock, new Random(1));
        Assert.NotNull(run.Next());

        _clock.Advance(TimeSpan.FromSeconds(31));

        Assert.Null(run.Next());
    }

    [Fact]
    public void A_longer_wait_is_granted_when_the_other_end_asks_and_the_budget_allows()
    {
        var run = new RetryPolicy().Start(_clock, new Random(1));

        Assert.Equal(TimeSpan.FromSeconds(20), run.Next(TimeSpan.FromSeconds(20)));
        Assert.Null(run.Next(TimeSpan.FromSeconds(40)));
    }

    [Fact]
    public void A_success_starts_the_count_again()
    {
        var run = new RetryPolicy { MaxTries = 2 }.Start(_clock, new Random(1));
        run.Next();

        run.Succeeded();

        Assert.NotNull(run.Next());
    }

    [Theory]
    [InlineData(0.9, 64)] // As for any other failure.
    [InlineData(1, 1)]
    [InlineData(5, 4)]
    [InlineData(100, 64)]
    public void After_a_link_that_stood_for_a_while_the_wait_is_no_longer_than_that(double stood, double longest)
    {
        var policy = RetryPolicy.Reconnect with { Jitter = 0 };
        var run = policy.Start(_clock, new Random(1));
        for (var i = 0; i < 20; i++)
        {
            run.Next();
        }

        run.Lasted(TimeSpan.FromSeconds(stood));

        Assert.Equal(TimeSpan.FromSeconds(longest), run.Next());
    }

    [Fact]
    public void A_link_that_breaks_again_and_again_after_a_while_does_not_make_waits_grow()
    {
        var run = (RetryPolicy.Reconnect with { Jitter = 0 }).Start(_clock, new Random(1));
        for (var i = 0; i < 20; i++)
        {
            run.Next(); // The gateway is away,
            run.Lasted(TimeSpan.FromSeconds(5)); // is there and crashes.

            Assert.InRange(run.Next()!.Value, TimeSpan.Zero, TimeSpan.FromSeconds(4));
        }
    }

    [Fact]
    public async Task A_wait_is_over_when_the_clock_says_so()
    {
        var run = new RetryPolicy { Jitter = 0, FirstDelay = TimeSpan.FromSeconds(3) }.Start(_clock, new Random(1));
        var wait = run.WaitAsync(null, TestContext.Current.CancellationToken);
        Assert.False(wait.IsCompleted);

        _clock.Advance(TimeSpan.FromSeconds(3));

        Assert.True(await wait);
    }

    [Theory]
    [InlineData(HttpStatusCode.TooManyRequests, true)]
    [InlineData(HttpStatusCode.RequestTimeout, true)]
    [InlineData(HttpStatusCode.BadGateway, true)]
    [InlineData(HttpStatusCode.NotImplemented, false)]
    [InlineData(HttpStatusCode.BadRequest, false)]
    [InlineData(HttpStatusCode.OK, false)]
    public void Only_what_may_pass_counts(HttpStatusCode status, bool counts) =>
        Assert.Equal(counts, RetryPolicy.IsTransient(status));
}
