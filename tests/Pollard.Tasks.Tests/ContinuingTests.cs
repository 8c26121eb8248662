using System.Text;
using Microsoft.Extensions.Time.Testing;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Dispatch;
using Pollard.Tasks.Events;
using Pollard.Tasks.Storage;
using Pollard.Tasks.Tests.Support;
using static Pollard.Tasks.Tests.Support.BegunAnswer;

namespace Pollard.Tasks.Tests;

public class ContinuingTests
{
    [Fact]
    public async Task Another_host_goes_on_where_the_answer_was_cut()
    {
        await using var gateway = await TestEngine.StartAsync();
        var (task, attempt, first) = await BegunAsync(gateway);
        TestHost.Say(attempt, "one ");
        TestHost.Say(attempt, "two ");
        var second = Able(gateway, "second");

        Lose(gateway, first);
        var going = await second.UntilWorkAsync();
        TestHost.Say(going, "three");
        TestHost.Finish(going, """{"prompt_tokens":12,"completion_tokens":3,"total_tokens":15,"cached":4}""");

        Assert.Equal("one two three", await TestEngine.ResultAsync(task));
        Assert.Equal(("prefill", "one two ", 2), Told(going));
        var events = await TestEngine.EventsAsync(task);
        Assert.Equal(
            [
                TaskEventType.Submitted,
                TaskEventType.Leased,
                TaskEventType.Delta,
                TaskEventType.Delta,
                TaskEventType.Interrupted,
                TaskEventType.Continued,
                TaskEventType.Delta,
                TaskEventType.Usage,
                TaskEventType.Completed,
            ],
            events.Select(static item => item.Type)
        );
        Assert.Contains("host_lost", Encoding.UTF8.GetString(events[4].Data.Span), StringComparison.Ordinal);
        Assert.Equal(
            """{"host":"second","attempt":2,"mode":"prefill","fence":"1.3"}""",
            Encoding.UTF8.GetString(events[5].Data.Span)
        );

        // What the first wrote was a prompt to the second, and is a part of the answer: it counts there, and once.
        Assert.Equal("""{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,"cached":4}""", task.Row.Usage);
        Assert.Equal(AppendOutcome.Fenced, TestHost.Say(attempt, "late"));
    }

    [Fact]
    public async Task An_answer_outlives_more_hosts_than_it_may_have_tries_in_vain()
    {
        await using var gateway = await TestEngine.StartAsync();
        var (task, attempt, host) = await BegunAsync(gateway);
        TestHost.Say(attempt, "0");
        for (var i = 1; i < 8; i++)
        {
            var next = Able(gateway, $"host{i}");
            Lose(gateway, host);
            for (var n = 0; n < 10 && !next.HasOffer; n++)
            {
                Pass(gateway, TimeSpan.FromSeconds(2), next); // So many links that break are taken for the gateway's own trouble.
            }

            (attempt, host) = (await next.UntilWorkAsync(), next);
            TestHost.Say(attempt, $"{i}");
        }

        TestHost.Finish(attempt);

        Assert.Equal("01234567", await TestEngine.ResultAsync(task));
        Assert.Equal("0123456", attempt.Continue?.Text);
    }

    [Fact]
    public async Task Hosts_that_add_nothing_use_up_the_tries()
    {
        await using var gateway = await TestEngine.StartAsync();
        var (task, attempt, host) = await BegunAsync(gateway);
        TestHost.Say(attempt, "one");
        for (var i = 0; task.Row.State != TaskState.Failed; i++)
        {
            Assert.InRange(i, 0, 4);
            var next = Able(gateway, $"host{i}");
            Lose(gateway, host);
            if (task.Row.State != TaskState.Failed)
            {
                await next.UntilWorkAsync();
            }

            host = next;
        }

        Assert.Equal("host_lost", task.Row.Error?.Code);
    }

    [Fact]
    public async Task A_host_that_stands_still_is_followed_by_another()
    {
        await using var gateway = await TestEngine.StartAsync();
        var (task, attempt, first) = await BegunAsync(gateway);
        TestHost.Say(attempt, "one ");
        var second = Able(gateway, "second");
        for (var i = 0; i < 40 && !second.HasOffer; i++)
        {
            gateway.Clock.Advance(TimeSpan.FromSeconds(2));
            first.Connection.Touch();
            second.Connection.Touch();
        }

        var going = await second.UntilWorkAsync();
        TestHost.Say(going, "two");
        TestHost.Finish(going);

        Assert.Equal("one two", await TestEngine.ResultAsync(task));
        Assert.Equal("stalled", (await first.UntilCancelAsync()).Reason);
    }

    [Fact]
    public async Task What_a_host_gives_up_half_done_goes_on_on_another()
    {
        await using var gateway = await TestEngine.StartAsync();
        var (task, attempt, _) = await BegunAsync(gateway);
        TestHost.Say(attempt, "one ");
        var second = Able(gateway, "second");

        TestHost.Fail(attempt, "draining");
        var going = await second.UntilWorkAsync();
        TestHost.Say(going, "two");
        TestHost.Finish(going);

        Assert.Equal("one two", await TestEngine.ResultAsync(task));
    }

    [Fact]
    public async Task A_host_that_cannot_is_not_asked_to_go_on()
    {
        await using var gateway = await TestEngine.StartAsync();
        var (task, attempt, first) = await BegunAsync(gateway);
        TestHost.Say(attempt, "one ");
        var unable = new TestHost(gateway.Engine, "unable", "m").Ready();

        Lose(gateway, first);
        Assert.False(unable.HasOffer);
        Assert.Equal(TaskState.Pending, task.Row.State);
        Assert.Contains("amid the answer", gateway.Engine.Why(task).Summary, StringComparison.Ordinal);

        // And one that can comes late, but in time.
        gateway.Clock.Advance(TimeSpan.FromSeconds(10));
        var going = await Able(gateway, "able").UntilWorkAsync();
        TestHost.Say(going, "two");
        TestHost.Finish(going);
        Assert.Equal("one two", await TestEngine.ResultAsync(task));
    }

    [Fact]
    public async Task A_stream_fails_when_nobody_can_go_on_with_it()
    {
        await using var gateway = await TestEngine.StartAsync();
        var (task, attempt, first) = await BegunAsync(gateway);
        TestHost.Say(attempt, "one ");

        Lose(gateway, first);
        Pass(gateway, CutAnswer.WaitsFor + TimeSpan.FromSeconds(2));

        Assert.Equal((TaskState.Failed, "host_lost"), (task.Row.State, task.Row.Error?.Code));
    }

    [Fact]
    public async Task A_stream_waits_for_those_who_can_and_are_busy()
    {
        await using var gateway = await TestEngine.StartAsync();
        var (task, attempt, first) = await BegunAsync(gateway);
        TestHost.Say(attempt, "one ");
        var busy = Able(gateway, "busy");
        await gateway.SubmitAsync();
        var other = await busy.UntilWorkAsync();

        Lose(gateway, first);
        Pass(gateway, 2 * CutAnswer.WaitsFor, busy);
        Assert.Equal(TaskState.Pending, task.Row.State);
        TestHost.Finish(other);

        var going = await busy.UntilWorkAsync();
        TestHost.Say(going, "two");
        TestHost.Finish(going);
        Assert.Equal("one two", await TestEngine.ResultAsync(task));
    }

    [Fact]
    public async Task A_task_that_may_start_over_does_so_when_nobody_can_go_on()
    {
        await using var gateway = await TestEngine.StartAsync();
        var (task, attempt, first) = await BegunAsync(gateway, LostOutput.Restart);
        TestHost.Say(attempt, "one ");
        var unable = new TestHost(gateway.Engine, "unable", "m").Ready();

        Lose(gateway, first);
        var again = await unable.UntilWorkAsync();
        TestHost.Say(again, "anew");
        TestHost.Finish(again);

        Assert.Null(again.Continue);
        Assert.Equal("anew", await TestEngine.ResultAsync(task));
        Assert.Contains(await TestEngine.EventsAsync(task), static item => item.Type == TaskEventType.Redispatched);
    }

    [Fact]
    public async Task A_host_that_fails_to_go_on_is_not_the_end_of_a_task_that_may_start_over()
    {
        await using var gateway = await TestEngine.StartAsync();
        var (task, attempt, first) = await BegunAsync(gateway, LostOutput.Restart);
        TestHost.Say(attempt, "one ");
        var second = Able(gateway, "second");
        Lose(gateway, first);

        TestHost.Fail(await second.UntilWorkAsync(), "bad_request", retryable: false);
        Pass(gateway, TimeSpan.FromSeconds(2), second);
        var again = await second.UntilWorkAsync();
        TestHost.Say(again, "anew");
        TestHost.Finish(again);

        Assert.Null(again.Continue);
        Assert.Equal("anew", await TestEngine.ResultAsync(task));
    }

    [Fact]
    public async Task An_offer_to_go_on_that_is_not_taken_goes_to_the_next()
    {
        await using var gateway = await TestEngine.StartAsync();
        var (task, attempt, first) = await BegunAsync(gateway);
        TestHost.Say(attempt, "one ");
        var second = Able(gateway, "second");
        Lose(gateway, first);
        (await second.UntilOfferAsync()).Refuse("busy", "all slots are taken");

        var third = Able(gateway, "third");
        var going = await third.UntilWorkAsync();
        TestHost.Say(going, "two");
        TestHost.Finish(going);

        Assert.Equal(("prefill", "one ", 1), Told(going));
        Assert.Equal("one two", await TestEngine.ResultAsync(task));
    }

    [Theory]
    [InlineData(DeltaKind.ToolCall, 0)]
    [InlineData(DeltaKind.LogProbabilities, 0)]
    [InlineData(DeltaKind.Reasoning, 0)] // After text: no order in which a template has it.
    [InlineData(DeltaKind.Content, 1)]
    public async Task There_is_no_seam_in(DeltaKind kind, int choice)
    {
        await using var gateway = await TestEngine.StartAsync();
        var (task, attempt, first) = await BegunAsync(gateway);
        Able(gateway, "second");
        TestHost.Say(attempt, "one ");
        TestHost.Say(attempt, "{}", kind, (ushort)choice);

        Lose(gateway, first);

        Assert.Equal((TaskState.Failed, "host_lost"), (task.Row.State, task.Row.Error?.Code));
    }

    [Fact]
    public async Task There_is_no_seam_within_a_character()
    {
        await using var gateway = await TestEngine.StartAsync();
        var (task, attempt, first) = await BegunAsync(gateway);
        Able(gateway, "second");
        TestHost.Say(attempt, "schö"u8[..^1].ToArray());

        Lose(gateway, first);

        Assert.Equal(TaskState.Failed, task.Row.State);
    }

    [Fact]
    public async Task Thoughts_are_said_again_by_the_same_weights_and_left_out()
    {
        await using var gateway = await TestEngine.StartAsync();
        var (task, attempt, first) = await BegunAsync(
            gateway,
            allowed: Continuations.Prefill | Continuations.Replay,
            digest: "sha256:1"
        );
        TestHost.Say(attempt, "hm ", DeltaKind.Reasoning);
        var others = TestHost.That(gateway.Engine, "others", "sha256:2", ModelInfo.Prefill, ModelInfo.Replay).Ready();
        var same = TestHost.That(gateway.Engine, "same", "sha256:1", ModelInfo.Replay).Ready();

        Lose(gateway, first);
        var going = await same.UntilWorkAsync();
        TestHost.Say(going, "yes");
        TestHost.Finish(going, """{"prompt_tokens":12,"completion_tokens":3,"total_tokens":15}""");

        Assert.False(others.HasOffer);
        Assert.Equal("hm yes", await TestEngine.ResultAsync(task));
        Assert.Equal(("replay", ""), (going.Continue?.Mode, going.Continue?.Text));
        Assert.Equal("hm ", going.Continue?.Reasoning);
        Assert.Contains("\"prompt_tokens\":12", task.Row.Usage, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_said_something_else_the_second_time_is_not_asked_again()
    {
        await using var gateway = await TestEngine.StartAsync();
        var (task, attempt, first) = await BegunAsync(gateway, allowed: Continuations.Replay, digest: "sha256:1");
        TestHost.Say(attempt, "one");
        var same = TestHost.That(gateway.Engine, "same", "sha256:1", ModelInfo.Replay).Ready();
        Lose(gateway, first);

        TestHost.Fail(await same.UntilWorkAsync(), "replay_diverged", retryable: false);

        Assert.Equal((TaskState.Failed, "replay_diverged"), (task.Row.State, task.Row.Error?.Code));
    }

    [Fact]
    public async Task What_different_weights_have_written_none_of_them_says_again()
    {
        await using var gateway = await TestEngine.StartAsync();
        var (task, attempt, first) = await BegunAsync(
            gateway,
            LostOutput.Restart,
            allowed: Continuations.Prefill | Continuations.Replay,
            digest: "sha256:1"
        );
        TestHost.Say(attempt, "one ");
        var second = TestHost.That(gateway.Engine, "second", "sha256:2", ModelInfo.Prefill).Ready();
        Lose(gateway, first);
        TestHost.Say(await second.UntilWorkAsync(), "two ");
        var same = TestHost.That(gateway.Engine, "same", "sha256:2", ModelInfo.Replay).Ready();

        Lose(gateway, second);

        Assert.Null((await same.UntilWorkAsync()).Continue); // It begins anew.
        Assert.Equal(TaskState.Running, task.Row.State);
    }

    [Fact]
    public async Task A_cut_answer_outlives_the_gateway()
    {
        var before = await TestEngine.StartAsync();
        var (task, attempt, first) = await BegunAsync(before, LostOutput.Restart, Durability.Full);
        TestHost.Say(attempt, "one ");
        await first.UntilAcknowledgedAsync();
        first.Connection.Disconnect();
        before.Clock.Advance(TimeSpan.FromSeconds(4));
        Assert.Equal(TaskStage.Interrupted, task.Row.Stage);

        var after = await before.CrashAndRestartAsync();
        var second = Able(after, "second");
        var going = await second.UntilWorkAsync();
        Assert.Equal("one ", going.Continue?.Text);
        TestHost.Say(going, "two ");
        await second.UntilAcknowledgedAsync();
        await using var last = await after.CrashAndRestartAsync();
        var able = Able(last, "third");
        Pass(last, TimeSpan.FromSeconds(16), able); // As long as its host has to come back.
        var third = await able.UntilWorkAsync();
        TestHost.Say(third, "three");
        TestHost.Finish(third);

        Assert.Equal("one two ", third.Continue?.Text);
        var found = await last.Engine.FindAsync(task.Row.Id, null, TestContext.Current.CancellationToken);
        Assert.Equal("one two three", await TestEngine.ResultAsync(found!));
    }

    [Fact]
    public async Task A_beginning_that_the_crash_took_is_not_gone_on_with()
    {
        var clock = new FakeTimeProvider(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
        var before = await TestEngine.StartAsync(new MemoryTaskStore(clock, MemoryCommits.ByHand), clock);
        var beginning = BegunAsync(before, LostOutput.Restart, Durability.Full);
        before.Store.CommitPending();
        var (_, attempt, first) = await beginning;
        TestHost.Say(attempt, "one ");
        var second = Able(before, "second");
        first.Connection.Disconnect();
        clock.Advance(TimeSpan.FromSeconds(4));
        var going = await second.UntilWorkAsync();
        Assert.Equal("one ", going.Continue?.Text);

        await using var after = await before.CrashAndRestartAsync(); // All that is known is that it was accepted.
        var back = Able(after, "second");

        Assert.Null(back.Connection.Resume(going.Token, 0));
        Assert.Null((await back.UntilWorkAsync()).Continue);
    }

    private static (string?, string?, int?) Told(Attempt attempt) =>
        (attempt.Continue?.Mode, attempt.Continue?.Text, attempt.Continue?.Tokens);
}
