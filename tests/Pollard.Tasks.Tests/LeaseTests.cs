using Pollard.Tasks.Dispatch;
using Pollard.Tasks.Events;
using Pollard.Tasks.Tests.Support;

namespace Pollard.Tasks.Tests;

public class LeaseTests
{
    [Fact]
    public async Task A_silent_host_loses_its_task()
    {
        await using var gateway = await TestEngine.StartAsync();
        var silent = new TestHost(gateway.Engine, "silent", "m").Ready();
        var task = await gateway.SubmitAsync();
        var lost = await silent.UntilWorkAsync();

        gateway.Clock.Advance(TimeSpan.FromSeconds(13));
        gateway.Clock.Advance(TimeSpan.FromSeconds(1));
        var other = new TestHost(gateway.Engine, "other", "m").Ready();
        var again = await other.UntilWorkAsync();

        Assert.Equal("silence", silent.Closed?.Code);
        Assert.Equal(task.Row.Id, again.TaskId);
        Assert.Equal(AppendOutcome.Fenced, TestHost.Say(lost, "late"));
        TestHost.Say(again, "right");
        TestHost.Finish(again);
        Assert.Equal("right", await TestEngine.ResultAsync(task));
    }

    [Fact]
    public async Task A_host_that_is_heard_of_keeps_its_task()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = new TestHost(gateway.Engine, "host", "m").Ready();
        var task = await gateway.SubmitAsync();
        await host.UntilWorkAsync();

        for (var i = 0; i < 10; i++)
        {
            gateway.Clock.Advance(TimeSpan.FromSeconds(5));
            host.Connection.Touch();
        }

        Assert.Null(host.Closed);
        Assert.Equal(TaskState.Running, task.Row.State);
    }

    [Fact]
    public async Task A_host_that_comes_back_in_time_goes_on_where_it_was()
    {
        await using var gateway = await TestEngine.StartAsync();
        var first = new TestHost(gateway.Engine, "host", "m").Ready();
        var task = await gateway.SubmitAsync(with: static task =>
            task with
            {
                Stream = true,
                LostOutput = LostOutput.Fail,
            }
        );
        var attempt = await first.UntilWorkAsync();
        TestHost.Say(attempt, "one ");

        first.Connection.Disconnect();
        gateway.Clock.Advance(TimeSpan.FromMilliseconds(300));
        var second = new TestHost(gateway.Engine, "host", "m");
        var resumed = second.Connection.Resume(attempt.Token, 0);

        Assert.NotNull(resumed);
        Assert.Equal(1, resumed.NextSeq);
        TestHost.Say(resumed, "two");
        TestHost.Finish(resumed);
        Assert.Equal("one two", await TestEngine.ResultAsync(task));
        Assert.Equal(1, task.Row.Attempt);
    }

    [Fact]
    public async Task A_host_that_comes_back_too_late_is_fenced()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = new TestHost(gateway.Engine, "host", "m").Ready();
        var task = await gateway.SubmitAsync();
        var attempt = await host.UntilWorkAsync();

        host.Connection.Disconnect();
        gateway.Clock.Advance(TimeSpan.FromSeconds(1));
        var back = new TestHost(gateway.Engine, "host", "m");

        Assert.Null(back.Connection.Resume(attempt.Token, 0));
        Assert.Equal(TaskState.Pending, task.Row.State);
    }

    [Fact]
    public async Task A_host_that_comes_back_without_its_work_is_not_waited_for()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = new TestHost(gateway.Engine, "host", "m").Ready();
        var other = new TestHost(gateway.Engine, "other").Ready();
        var task = await gateway.SubmitAsync(durability: Durability.Full);
        await host.UntilWorkAsync();
        host.Connection.Disconnect();
        other.Connection.SetModels([new Protocol.ModelInfo { Name = "m" }]);
        Assert.False(other.HasOffer);

        new TestHost(gateway.Engine, "host", "m").Ready(); // A new process, which knows nothing of it.

        Assert.Equal(task.Row.Id, (await other.UntilOfferAsync()).TaskId);
    }

    [Fact]
    public async Task Another_host_cannot_take_up_an_attempt()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = new TestHost(gateway.Engine, "host", "m").Ready();
        await gateway.SubmitAsync();
        var attempt = await host.UntilWorkAsync();
        host.Connection.Disconnect();

        var thief = new TestHost(gateway.Engine, "thief", "m");

        Assert.Null(thief.Connection.Resume(attempt.Token, 0));
    }

    [Fact]
    public async Task A_newer_session_of_a_host_replaces_the_older()
    {
        await using var gateway = await TestEngine.StartAsync();
        var older = new TestHost(gateway.Engine, "host", "m").Ready();

        var newer = new TestHost(gateway.Engine, "host", "m").Ready();
        await gateway.SubmitAsync();

        await newer.UntilOfferAsync();
        Assert.Equal("replaced", older.Closed?.Code);
        Assert.True(newer.Connection.SessionEpoch > older.Connection.SessionEpoch);
    }

    [Fact]
    public async Task An_offer_that_is_not_taken_in_time_goes_elsewhere_and_does_not_count()
    {
        await using var gateway = await TestEngine.StartAsync();
        var asleep = new TestHost(gateway.Engine, "asleep", "m").Ready();
        var task = await gateway.SubmitAsync();
        var offered = await asleep.UntilOfferAsync();

        gateway.Clock.Advance(TimeSpan.FromSeconds(3));
        Assert.Same(offered, Assert.Single(asleep.FencedAttempts));
        var awake = new TestHost(gateway.Engine, "awake", "m").Ready();
        var attempt = await awake.UntilWorkAsync();

        Assert.False(asleep.HasOffer);
        Assert.Equal((task.Row.Id, 1), (attempt.TaskId, task.Row.Attempt));
        Assert.Equal(AppendOutcome.Fenced, TestHost.Finish(offered));
    }

    [Fact]
    public async Task A_host_that_slept_gets_work_again_once_it_is_heard_of()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = new TestHost(gateway.Engine, "host", "m").Ready();
        await gateway.SubmitAsync();
        await host.UntilOfferAsync();
        gateway.Clock.Advance(TimeSpan.FromSeconds(3));
        Assert.False(host.HasOffer);

        host.Connection.Touch();

        await host.UntilOfferAsync();
    }

    [Fact]
    public async Task A_host_that_says_busy_is_not_asked_again_at_once()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = new TestHost(gateway.Engine, "host", "m").Ready();
        var task = await gateway.SubmitAsync();

        (await host.UntilOfferAsync()).Refuse("busy", "no slot");
        Assert.False(host.HasOffer);
        host.Connection.Touch();
        await host.UntilOfferAsync();

        Assert.Equal(1, task.Row.Attempt);
    }

    [Fact]
    public async Task A_run_that_takes_too_long_ends_and_its_backend_is_stopped()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = new TestHost(gateway.Engine, "host", "m").Ready();
        var task = await gateway.SubmitAsync(with: static task => task with { RunTimeout = TimeSpan.FromSeconds(8) });
        var attempt = await host.UntilWorkAsync();

        gateway.Clock.Advance(TimeSpan.FromSeconds(9));

        Assert.Equal(TaskState.Timeout, (await TestEngine.EndAsync(task)).State);
        Assert.Same(attempt, (await host.UntilCancelAsync()).Attempt);
        Assert.Equal(AppendOutcome.Fenced, TestHost.Finish(attempt));
    }

    [Fact]
    public async Task A_host_that_stops_in_the_middle_is_stopped_and_replaced()
    {
        await using var gateway = await TestEngine.StartAsync();
        var stalled = new TestHost(gateway.Engine, "stalled", "m").Ready();
        var task = await gateway.SubmitAsync();
        TestHost.Say(await stalled.UntilWorkAsync(), "half");

        for (var i = 0; i < 7; i++)
        {
            gateway.Clock.Advance(TimeSpan.FromSeconds(10));
            stalled.Connection.Touch();
        }

        Assert.Equal("stalled", (await stalled.UntilCancelAsync()).Reason);
        var other = new TestHost(gateway.Engine, "other", "m").Ready();
        var again = await other.UntilWorkAsync();
        TestHost.Say(again, "whole");
        TestHost.Finish(again);
        Assert.Equal("whole", await TestEngine.ResultAsync(task));
    }

    [Fact]
    public async Task A_word_on_loading_gives_the_first_token_more_time()
    {
        var options = new TaskEngineOptions { FirstToken = (TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(30)) };
        await using var gateway = await TestEngine.StartAsync(options: options);
        var host = new TestHost(gateway.Engine, "host", "m").Ready();
        var task = await gateway.SubmitAsync();
        var attempt = await host.UntilWorkAsync();

        for (var i = 0; i < 2; i++)
        {
            gateway.Clock.Advance(TimeSpan.FromSeconds(10));
            host.Connection.Touch();
            attempt.Append(i, Protocol.HostLink.DeltaKind.Progress, 0, new("{}"u8.ToArray()));
        }

        Assert.Equal(TaskState.Running, task.Row.State);
        gateway.Clock.Advance(TimeSpan.FromSeconds(11)); // Past the cap, however often it says that it loads.
        Assert.Equal("first_token_late", (await host.UntilCancelAsync()).Reason);
    }

    [Fact]
    public async Task A_word_on_loading_shows_nothing_so_that_a_stream_may_still_start_over()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = new TestHost(gateway.Engine, "host", "m").Ready();
        await gateway.SubmitAsync(with: static task => task with { Stream = true, LostOutput = LostOutput.Fail });
        var attempt = await host.UntilWorkAsync();
        attempt.Append(0, Protocol.HostLink.DeltaKind.Progress, 0, new("{}"u8.ToArray()));

        TestHost.Fail(attempt);
        gateway.Clock.Advance(TimeSpan.FromSeconds(2));

        Assert.Equal(attempt.TaskId, (await host.UntilOfferAsync()).TaskId);
    }

    [Fact]
    public async Task A_lost_host_fails_a_stream_that_was_shown_and_says_so()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = new TestHost(gateway.Engine, "host", "m").Ready();
        var task = await gateway.SubmitAsync(with: static task =>
            task with
            {
                Stream = true,
                LostOutput = LostOutput.Fail,
            }
        );
        TestHost.Say(await host.UntilWorkAsync(), "shown");

        host.Connection.Disconnect();
        gateway.Clock.Advance(TimeSpan.FromSeconds(1));

        var row = await TestEngine.EndAsync(task);
        Assert.Equal((TaskState.Failed, "host_lost"), (row.State, row.Error?.Code));
    }

    [Fact]
    public async Task A_lost_host_that_had_shown_nothing_is_replaced_unnoticed()
    {
        await using var gateway = await TestEngine.StartAsync();
        var dead = new TestHost(gateway.Engine, "dead", "m").Ready();
        var task = await gateway.SubmitAsync(with: static task =>
            task with
            {
                Stream = true,
                LostOutput = LostOutput.Fail,
            }
        );
        await dead.UntilWorkAsync();
        var other = new TestHost(gateway.Engine, "other", "m").Ready();

        dead.Connection.Disconnect();
        gateway.Clock.Advance(TimeSpan.FromSeconds(1));
        var again = await other.UntilWorkAsync();
        TestHost.Say(again, "answer");
        TestHost.Finish(again);

        Assert.Equal("answer", await TestEngine.ResultAsync(task));
        Assert.Contains(await TestEngine.EventsAsync(task), static item => item.Type == TaskEventType.Lost);
    }

    [Fact]
    public async Task A_failed_try_waits_before_the_next_on_the_only_host_but_goes_to_another_at_once()
    {
        await using var gateway = await TestEngine.StartAsync();
        var one = new TestHost(gateway.Engine, "one", "m").Ready();
        await gateway.SubmitAsync();
        TestHost.Fail(await one.UntilWorkAsync());
        Assert.False(one.HasOffer);
        gateway.Clock.Advance(TimeSpan.FromSeconds(2));
        one.Connection.Touch();
        var second = await one.UntilWorkAsync();
        var two = new TestHost(gateway.Engine, "two", "m").Ready();

        TestHost.Fail(second);

        await two.UntilOfferAsync();
    }

    [Fact]
    public async Task When_the_workers_are_used_up_the_fallback_has_one_try()
    {
        await using var gateway = await TestEngine.StartAsync();
        var worker = new TestHost(gateway.Engine, "worker", "m").Ready();
        var upstream = new TestHost(gateway.Engine, "upstream", slots: 5, HostRole.Fallback, "*").Ready();
        var task = await gateway.SubmitAsync(with: static task => task with { MaxAttempts = 1 });

        TestHost.Fail(await worker.UntilWorkAsync());
        var last = await upstream.UntilWorkAsync();
        TestHost.Say(last, "saved");
        TestHost.Finish(last);

        Assert.Equal("saved", await TestEngine.ResultAsync(task));
    }

    [Fact]
    public async Task A_stream_that_was_shown_gets_no_further_try_on_the_fallback()
    {
        await using var gateway = await TestEngine.StartAsync();
        var worker = new TestHost(gateway.Engine, "worker", "m").Ready();
        var upstream = new TestHost(gateway.Engine, "upstream", slots: 5, HostRole.Fallback, "*").Ready();
        var task = await gateway.SubmitAsync(with: static task =>
            task with
            {
                MaxAttempts = 1,
                Stream = true,
                LostOutput = LostOutput.Fail,
            }
        );
        TestHost.Say(await worker.UntilWorkAsync(), "shown");
        _ = new TestHost(gateway.Engine, "second worker", "m").Ready();

        worker.Connection.Disconnect();
        gateway.Clock.Advance(TimeSpan.FromSeconds(1));

        var row = await TestEngine.EndAsync(task);
        Assert.Equal((TaskState.Failed, 1), (row.State, row.MaxAttempts));
        Assert.False(upstream.HasOffer);
    }

    [Fact]
    public async Task An_evicted_host_loses_its_tasks_at_once()
    {
        await using var gateway = await TestEngine.StartAsync();
        var revoked = new TestHost(gateway.Engine, "revoked", "m").Ready();
        var task = await gateway.SubmitAsync();
        await revoked.UntilWorkAsync();
        var other = new TestHost(gateway.Engine, "other", "m").Ready();

        Assert.True(gateway.Engine.Hosts.Evict("revoked", "revoked", "not welcome"));

        Assert.Equal(task.Row.Id, (await other.UntilOfferAsync()).TaskId);
        Assert.Equal("revoked", revoked.Closed?.Code);
    }

    [Fact]
    public async Task A_cancelled_tasks_slot_stays_taken_until_its_backend_has_stopped()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = new TestHost(gateway.Engine, "host", "m").Ready();
        var task = await gateway.SubmitAsync();
        var attempt = await host.UntilWorkAsync();
        await gateway.SubmitAsync();

        Assert.True(await gateway.Engine.CancelAsync(task, "enough", TestContext.Current.CancellationToken));
        Assert.Equal("enough", (await host.UntilCancelAsync()).Reason);
        Assert.False(host.HasOffer);
        attempt.Free();

        await host.UntilOfferAsync();
        Assert.False(await gateway.Engine.CancelAsync(task, "again", TestContext.Current.CancellationToken));
        Assert.Equal(TaskState.Cancelled, task.Row.State);
    }

    [Fact]
    public async Task A_slot_whose_host_never_says_free_is_free_after_a_while()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = new TestHost(gateway.Engine, "host", "m").Ready();
        var task = await gateway.SubmitAsync();
        await host.UntilWorkAsync();
        await gateway.SubmitAsync();
        await gateway.Engine.CancelAsync(task, "enough", TestContext.Current.CancellationToken);

        gateway.Clock.Advance(TimeSpan.FromSeconds(6));

        await host.UntilOfferAsync();
    }
}
