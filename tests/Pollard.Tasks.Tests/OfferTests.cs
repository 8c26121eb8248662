using Pollard.Protocol.HostLink;
using Pollard.Tasks.Dispatch;
using Pollard.Tasks.Tests.Support;

namespace Pollard.Tasks.Tests;

/// <summary>Offers that were not taken yet, on links that are slow or break; and credit that survives a break.</summary>
public sealed class OfferTests
{
    [Fact]
    public async Task A_host_that_comes_back_with_what_it_was_offered_has_taken_it()
    {
        await using var gateway = await TestEngine.StartAsync();
        var first = new TestHost(gateway.Engine, "host", "m").Ready();
        var task = await gateway.SubmitAsync();
        var offered = await first.UntilOfferAsync();

        first.Connection.Disconnect(); // The word that it was taken is lost.
        gateway.Clock.Advance(TimeSpan.FromMilliseconds(400));
        var second = new TestHost(gateway.Engine, "host", "m");
        var resumed = second.Connection.Resume(offered.Token, 0);
        second.Ready();

        Assert.NotNull(resumed);
        gateway.Clock.Advance(TimeSpan.FromSeconds(3)); // No deadline of the offer is left.
        TestHost.Say(resumed, "once");
        TestHost.Finish(resumed);
        Assert.Equal("once", await TestEngine.ResultAsync(task));
        Assert.Equal(1, task.Row.Attempt);
        Assert.False(second.HasOffer);
    }

    [Fact]
    public async Task An_offer_that_was_lost_on_the_way_is_made_again_as_soon_as_the_host_is_back()
    {
        await using var gateway = await TestEngine.StartAsync();
        var first = new TestHost(gateway.Engine, "host", "m").Ready();
        var task = await gateway.SubmitAsync();
        var lost = await first.UntilOfferAsync();

        first.Connection.Disconnect();
        var second = new TestHost(gateway.Engine, "host", "m").Ready(); // It names nothing: it heard of nothing.

        var again = await second.UntilWorkAsync();
        Assert.NotEqual(lost.Token, again.Token);
        Assert.Equal(AppendOutcome.Fenced, TestHost.Say(lost, "late"));
        TestHost.Finish(again);
        Assert.Equal(1, (await TestEngine.EndAsync(task)).Attempt);
    }

    [Theory]
    [InlineData(Durability.Relaxed, 0, 500)]
    [InlineData(Durability.Full, 0, 2000)]
    [InlineData(Durability.Full, 1900, 100)]
    public async Task An_offer_to_a_host_that_stays_away_goes_to_another_in_time(
        Durability durability,
        int beforeMilliseconds,
        int afterMilliseconds
    )
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = new TestHost(gateway.Engine, "host", "m").Ready();
        await gateway.SubmitAsync(durability: durability);
        await host.UntilOfferAsync();

        gateway.Clock.Advance(TimeSpan.FromMilliseconds(beforeMilliseconds));
        host.Connection.Disconnect();
        var other = new TestHost(gateway.Engine, "other", "m").Ready();
        gateway.Clock.Advance(TimeSpan.FromMilliseconds(afterMilliseconds - 50));
        Assert.False(other.HasOffer);
        gateway.Clock.Advance(TimeSpan.FromMilliseconds(150));

        await other.UntilOfferAsync();
    }

    [Fact]
    public async Task A_task_that_is_cancelled_while_its_offer_is_lost_is_offered_to_nobody()
    {
        await using var gateway = await TestEngine.StartAsync();
        var first = new TestHost(gateway.Engine, "host", "m").Ready();
        var task = await gateway.SubmitAsync();
        var offered = await first.UntilOfferAsync();

        first.Connection.Disconnect();
        await gateway.Engine.CancelAsync(task, "the client left", TestContext.Current.CancellationToken);
        var second = new TestHost(gateway.Engine, "host", "m");

        Assert.Null(second.Connection.Resume(offered.Token, 0));
        second.Ready();
        Assert.False(second.HasOffer);
        Assert.Equal(TaskState.Cancelled, task.Row.State);
    }

    [Fact]
    public async Task The_time_in_which_an_offer_must_be_taken_begins_when_it_has_left()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = new TestHost(gateway.Engine, "host", "m") { OfferLeftAt = null, Time = gateway.Clock }.Ready();
        var task = await gateway.SubmitAsync();
        var attempt = await host.UntilOfferAsync();

        Turn(gateway, host, seconds: 5);
        host.OfferLeftAt = gateway.Clock.GetTimestamp();
        gateway.Clock.Advance(TimeSpan.FromMilliseconds(1900));

        Assert.Empty(host.FencedAttempts);
        attempt.Accept();
        TestHost.Finish(attempt);
        Assert.Equal(1, (await TestEngine.EndAsync(task)).Attempt);
    }

    [Fact]
    public async Task An_offer_that_left_and_is_not_taken_goes_to_another_after_two_seconds()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = new TestHost(gateway.Engine, "host", "m") { OfferLeftAt = null, Time = gateway.Clock }.Ready();
        await gateway.SubmitAsync();
        var attempt = await host.UntilOfferAsync();

        Turn(gateway, host, seconds: 3);
        host.OfferLeftAt = gateway.Clock.GetTimestamp();
        Turn(gateway, host, seconds: 3);

        Assert.Equal(attempt, Assert.Single(host.FencedAttempts));
    }

    [Fact]
    public async Task An_offer_that_never_leaves_is_withdrawn_all_the_same()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = new TestHost(gateway.Engine, "host", "m") { OfferLeftAt = null, Time = gateway.Clock }.Ready();
        await gateway.SubmitAsync();
        await host.UntilOfferAsync();

        Turn(gateway, host, seconds: 11);
        Assert.Empty(host.FencedAttempts);
        Turn(gateway, host, seconds: 2);

        Assert.Single(host.FencedAttempts);
    }

    [Fact]
    public async Task A_resumed_attempt_begins_with_the_credit_that_nobody_has_used()
    {
        const int Piece = 10_000;
        await using var gateway = await TestEngine.StartAsync();
        var host = new TestHost(gateway.Engine, "host", "m").Ready();
        var task = await gateway.SubmitAsync(with: static task =>
            task with
            {
                Stream = true,
                LostOutput = LostOutput.Fail,
            }
        );
        var attempt = await host.UntilWorkAsync();
        var reader = task.ReadEvents();
        for (var i = 0; i < 15; i++)
        {
            TestHost.Say(attempt, new string('x', Piece));
        }

        // Again and again: each break must not give a window anew.
        for (var i = 0; i < 3; i++)
        {
            host.Connection.Disconnect();
            host = new TestHost(gateway.Engine, "host", "m");
            Assert.Same(attempt, host.Connection.Resume(attempt.Token, 0));
            Assert.Equal(LinkLimits.CreditWindowBytes - (15 * Piece), attempt.CreditLeft);
        }

        host.Connection.Disconnect();
        while (reader.TryRead(out _)) { } // Read while no session is there to be given credit.
        host = new TestHost(gateway.Engine, "host", "m");
        host.Connection.Resume(attempt.Token, 0);

        Assert.InRange(
            attempt.CreditLeft,
            LinkLimits.CreditWindowBytes - (LinkLimits.CreditWindowBytes / 4),
            LinkLimits.CreditWindowBytes
        );
        var credit = attempt.CreditLeft;
        TestHost.Say(attempt, new string('x', LinkLimits.CreditWindowBytes / 2));
        while (reader.TryRead(out _)) { }
        Assert.True(credit - (LinkLimits.CreditWindowBytes / 2) + host.Credits.Sum() <= LinkLimits.CreditWindowBytes);
        Assert.NotEmpty(host.Credits);
    }

    [Fact]
    public async Task A_large_request_has_the_time_that_a_slow_wire_takes_for_it()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = new TestHost(gateway.Engine, "host", "m") { OfferLeftAt = null, Time = gateway.Clock }.Ready();
        await gateway.SubmitAsync(with: static task => task with { Request = new byte[20 * 64 * 1024] });
        await host.UntilOfferAsync();

        Turn(gateway, host, seconds: 31);
        Assert.Empty(host.FencedAttempts);
        Turn(gateway, host, seconds: 2);

        Assert.Single(host.FencedAttempts);
    }

    [Fact]
    public async Task A_large_request_that_left_may_still_lie_in_buffers_for_a_while()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = new TestHost(gateway.Engine, "host", "m") { OfferLeftAt = null, Time = gateway.Clock }.Ready();
        await gateway.SubmitAsync(with: static task => task with { Request = new byte[5 * 64 * 1024] });
        await host.UntilOfferAsync();

        host.OfferLeftAt = gateway.Clock.GetTimestamp();
        Turn(gateway, host, seconds: 6);
        Assert.Empty(host.FencedAttempts);
        Turn(gateway, host, seconds: 2);

        Assert.Single(host.FencedAttempts);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_task_that_is_offered_again_and_again_and_never_taken_comes_to_an_end(bool isLinkLost)
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = new TestHost(gateway.Engine, "host", "m") { OfferLeftAt = null, Time = gateway.Clock }.Ready();
        var task = await gateway.SubmitAsync();
        var offers = 0;
        for (var second = 0; second < 600 && task.Row.State is TaskState.Pending or TaskState.Running; second++)
        {
            if (host.HasOffer)
            {
                await host.UntilOfferAsync();
                offers++;
                if (isLinkLost)
                {
                    host.Connection.Disconnect();
                    host = new TestHost(gateway.Engine, "host", "m").Ready();
                }
            }

            Turn(gateway, host, seconds: 1);
        }

        Assert.Equal((TaskState.Failed, "not_accepted"), (task.Row.State, task.Row.Error?.Code));
        Assert.Equal(new TaskEngineOptions().UntakenMost + task.Row.MaxAttempts, offers);
    }

    [Fact]
    public async Task A_task_that_is_taken_at_last_has_all_its_tries()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = new TestHost(gateway.Engine, "host", "m").Ready();
        var task = await gateway.SubmitAsync();
        for (var i = 0; i < new TaskEngineOptions().UntakenMost; i++)
        {
            await host.UntilOfferAsync();
            host.Connection.Disconnect();
            host = new TestHost(gateway.Engine, "host", "m").Ready();
        }

        var attempt = await host.UntilWorkAsync();

        Assert.Equal(1, task.Row.Attempt);
        TestHost.Finish(attempt);
        Assert.Equal(TaskState.Completed, (await TestEngine.EndAsync(task)).State);
    }

    private static void Turn(TestEngine gateway, TestHost host, int seconds)
    {
        for (var i = 0; i < seconds; i++)
        {
            gateway.Clock.Advance(TimeSpan.FromSeconds(1));
            host.Connection.Touch();
        }
    }

    [Fact]
    public async Task The_time_to_wait_does_not_pass_while_a_host_works()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = new TestHost(gateway.Engine, "host", "m").Ready();
        var task = await gateway.SubmitAsync(with: task => task with { QueueTimeout = TimeSpan.FromSeconds(30) });
        var attempt = await host.UntilWorkAsync();

        for (var i = 0; i < 10; i++)
        {
            gateway.Clock.Advance(TimeSpan.FromSeconds(10));
            host.Connection.Touch();
        }

        host.Connection.Drain();
        TestHost.Fail(attempt);
        gateway.Clock.Advance(TimeSpan.FromSeconds(25));
        var waiting = task.Row.State;
        gateway.Clock.Advance(TimeSpan.FromSeconds(10));

        Assert.Equal(TaskState.Pending, waiting);
        Assert.Equal("queued_too_long", (await TestEngine.EndAsync(task)).Error?.Code);
    }

    [Fact]
    public async Task Requests_under_way_have_a_bound_in_memory()
    {
        await using var gateway = await TestEngine.StartAsync(
            options: new TaskEngineOptions { RequestMemoryBytes = 100 }
        );
        var task = new NewTask
        {
            Owner = "",
            Kind = "chat",
            Model = "m",
            Request = new byte[60],
            Durability = Durability.Relaxed,
        };

        var first = await gateway.Engine.SubmitAsync(task, TestContext.Current.CancellationToken);
        var second = await gateway.Engine.SubmitAsync(task, TestContext.Current.CancellationToken);
        var kept = await gateway.Engine.SubmitAsync(
            task with
            {
                Durability = Durability.Full,
            },
            TestContext.Current.CancellationToken
        );
        await gateway.Engine.CancelAsync(first.Task!, "enough", TestContext.Current.CancellationToken);
        var third = await gateway.Engine.SubmitAsync(task, TestContext.Current.CancellationToken);

        Assert.Equal(
            [SubmitOutcome.Accepted, SubmitOutcome.QueueFull, SubmitOutcome.Accepted, SubmitOutcome.Accepted],
            [first.Outcome, second.Outcome, kept.Outcome, third.Outcome]
        );
    }
}
