using System.Buffers;
using System.Text;
using Pollard.Tasks.Dispatch;
using Pollard.Tasks.Events;
using Pollard.Tasks.Storage;
using Pollard.Tasks.Tests.Support;

namespace Pollard.Tasks.Tests;

public class DurabilityTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_durable_task_waits_through_a_crash()
    {
        var before = await TestEngine.StartAsync();
        var task = await before.SubmitAsync(durability: Durability.Full);

        await using var after = await before.CrashAndRestartAsync();
        var host = new TestHost(after.Engine, "host", "m").Ready();
        var attempt = await host.UntilWorkAsync();
        TestHost.Say(attempt, "kept");
        TestHost.Finish(attempt);

        var found = await after.Engine.FindAsync(task.Row.Id, "", Token);
        Assert.Equal("kept", await TestEngine.ResultAsync(found!));
        Assert.Equal(task.PublicId, found!.PublicId);
    }

    [Fact]
    public async Task A_running_task_goes_on_with_its_host_after_a_crash()
    {
        var before = await TestEngine.StartAsync();
        var host = new TestHost(before.Engine, "host", "m").Ready();
        var task = await before.SubmitAsync(durability: Durability.Full);
        var attempt = await host.UntilWorkAsync();
        TestHost.Say(attempt, "one ");
        Assert.Equal(1, await host.UntilAcknowledgedAsync());

        await using var after = await before.CrashAndRestartAsync();
        var back = new TestHost(after.Engine, "host", "m");
        var resumed = back.Connection.Resume(attempt.Token, 1);
        Assert.Equal(1, resumed?.NextSeq);
        TestHost.Say(resumed!, "two");
        TestHost.Finish(resumed!);

        var found = await after.Engine.FindAsync(task.Row.Id, null, Token);
        Assert.Equal("one two", await TestEngine.ResultAsync(found!));
        Assert.Equal(1, found!.Row.Attempt);
    }

    [Fact]
    public async Task A_host_whose_claim_was_not_on_disk_is_adopted_after_a_crash()
    {
        var (before, attempt) = await ClaimedButNotStoredAsync();

        await using var after = await TestEngine.StartAsync(before.Store.Crash(), before.Clock);
        var back = new TestHost(after.Engine, "host", "m");
        var adopted = back.Connection.Resume(attempt.Token, 0);

        Assert.NotNull(adopted);
        Assert.Equal(0, adopted.NextSeq);
    }

    [Fact]
    public async Task A_host_is_not_adopted_when_another_was_given_the_task_meanwhile()
    {
        var (before, attempt) = await ClaimedButNotStoredAsync();

        await using var after = await TestEngine.StartAsync(before.Store.Crash(), before.Clock);
        var other = new TestHost(after.Engine, "other", "m").Ready();
        after.Store.CommitPending();
        await other.UntilWorkAsync();
        var back = new TestHost(after.Engine, "host", "m");

        Assert.Null(back.Connection.Resume(attempt.Token, 0));
    }

    [Fact]
    public async Task A_running_task_whose_host_does_not_come_back_goes_to_another()
    {
        var before = await TestEngine.StartAsync();
        var host = new TestHost(before.Engine, "host", "m").Ready();
        await before.SubmitAsync(durability: Durability.Full);
        TestHost.Say(await host.UntilWorkAsync(), "one");
        await host.UntilAcknowledgedAsync();

        await using var after = await before.CrashAndRestartAsync();
        var other = new TestHost(after.Engine, "other", "m").Ready();
        Assert.False(other.HasOffer);
        after.Clock.Advance(TimeSpan.FromSeconds(10));
        other.Connection.Touch();
        after.Clock.Advance(TimeSpan.FromSeconds(6));

        await other.UntilOfferAsync();
    }

    [Fact]
    public async Task Output_of_a_durable_task_is_shown_and_acknowledged_only_when_it_is_on_disk()
    {
        await using var gateway = await ByHandAsync();
        var host = new TestHost(gateway.Engine, "host", "m").Ready();
        var submit = gateway.SubmitAsync(durability: Durability.Full);
        gateway.Store.CommitPending();
        var task = await submit;
        var attempt = await host.UntilWorkAsync();
        await CommitAsync(gateway, task, 2);
        TestHost.Say(attempt, "one");
        var reader = task.ReadEvents(1);

        Assert.Equal(EventWait.TimedOut, await WaitBrieflyAsync(gateway, reader));
        gateway.Store.CommitPending();
        Assert.Equal(EventWait.Ready, await reader.WaitAsync(Timeout.InfiniteTimeSpan, Token));
        Assert.True(reader.TryRead(out var shown));
        Assert.Equal("one", Encoding.UTF8.GetString(shown.Data.Span));
        Assert.Equal(1, await host.UntilAcknowledgedAsync());
    }

    [Fact]
    public async Task The_end_of_a_durable_task_is_shown_only_when_it_is_on_disk()
    {
        await using var gateway = await ByHandAsync();
        var host = new TestHost(gateway.Engine, "host", "m").Ready();
        var submit = gateway.SubmitAsync(durability: Durability.Full);
        gateway.Store.CommitPending();
        var task = await submit;
        var attempt = await host.UntilWorkAsync();
        await CommitAsync(gateway, task, 2);

        TestHost.Finish(attempt);
        Assert.Equal(TaskState.Running, task.Row.State);
        gateway.Store.CommitPending();

        Assert.Equal(TaskState.Completed, (await TestEngine.EndAsync(task)).State);
        Assert.Equal(1, await host.UntilAcknowledgedAsync());
    }

    [Fact]
    public async Task While_the_disk_is_full_new_tasks_are_refused_and_ends_wait_for_it()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = new TestHost(gateway.Engine, "host", "m").Ready();
        var task = await gateway.SubmitAsync(durability: Durability.Full);
        var attempt = await host.UntilWorkAsync();
        gateway.Store.FailWrites("the disk is full");

        TestHost.Finish(attempt);
        var refused = await gateway.Engine.SubmitAsync(
            new NewTask
            {
                Owner = "",
                Kind = "chat",
                Model = "m",
                Request = default,
            },
            Token
        );
        Assert.Equal(SubmitOutcome.NotStored, refused.Outcome);
        Assert.Equal("the disk is full", refused.Reason);
        Assert.False(task.Row.IsFinal);
        gateway.Store.FailWrites(null);
        var end = TestEngine.EndAsync(task);
        while (!end.IsCompleted)
        {
            gateway.Clock.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }

        Assert.Equal(TaskState.Completed, (await end).State);
    }

    [Fact]
    public async Task The_same_idempotency_key_is_the_same_task()
    {
        await using var gateway = await TestEngine.StartAsync();
        var task = await gateway.SubmitAsync(with: static task => task with { IdempotencyKey = "k" });
        var same = new NewTask
        {
            Owner = "",
            Kind = "chat",
            Model = "m",
            Request = Encoding.UTF8.GetBytes("""{"messages":[]}"""),
            IdempotencyKey = "k",
        };

        var again = await gateway.Engine.SubmitAsync(same, Token);
        var other = await gateway.Engine.SubmitAsync(same with { Model = "x" }, Token);
        var foreign = await gateway.Engine.SubmitAsync(same with { Owner = "somebody" }, Token);

        Assert.Equal((SubmitOutcome.Existing, task.Row.Id), (again.Outcome, again.Task?.Row.Id));
        Assert.Equal(SubmitOutcome.IdempotencyConflict, other.Outcome);
        Assert.Equal(SubmitOutcome.Accepted, foreign.Outcome);
    }

    [Fact]
    public async Task A_batch_is_taken_whole_and_in_order()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = new TestHost(gateway.Engine, "host", "m").Ready();
        var tasks = Enumerable
            .Range(0, 5)
            .Select(static i => new NewTask
            {
                Owner = "",
                Kind = "chat",
                Model = "m",
                Request = Encoding.UTF8.GetBytes($"{i}"),
            })
            .ToArray();

        var answers = await gateway.Engine.SubmitAsync(tasks, Token);

        foreach (var answer in answers)
        {
            var attempt = await host.UntilWorkAsync();
            Assert.Equal(answer.Task!.Row.Id, attempt.TaskId);
            TestHost.Finish(attempt);
        }
    }

    [Fact]
    public async Task A_relaxed_task_is_recorded_behind_its_answer()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = new TestHost(gateway.Engine, "host", "m").Ready();
        var task = await gateway.SubmitAsync();
        var attempt = await host.UntilWorkAsync();
        Assert.Null(await gateway.Store.FindAsync(task.Row.Id, Token));
        TestHost.Say(attempt, "text");
        TestHost.Finish(attempt);
        await TestEngine.EndAsync(task);

        var row = await gateway.Store.FindAsync(task.Row.Id, Token);
        Assert.Equal(TaskState.Completed, row?.State);
        Assert.Equal(
            "text",
            Encoding.UTF8.GetString(
                (await gateway.Store.ReadBodyAsync(task.Row.Id, BodyKind.Result, Token))!.Value.Span
            )
        );
    }

    [Fact]
    public async Task A_task_that_failed_is_started_over_by_hand()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = new TestHost(gateway.Engine, "host", "m").Ready();
        var task = await gateway.SubmitAsync();
        TestHost.Fail(await host.UntilWorkAsync(), retryable: false);
        Assert.Equal(TaskState.Failed, (await TestEngine.EndAsync(task)).State);
        var found = (await gateway.Engine.FindAsync(task.Row.Id, "", Token))!;

        Assert.True(await gateway.Engine.RetryAsync(found, Token));
        var attempt = await host.UntilWorkAsync();
        TestHost.Say(attempt, "now");
        TestHost.Finish(attempt);

        Assert.Equal("now", await TestEngine.ResultAsync(found));
        Assert.Equal(2, found.Row.Generation);
        Assert.False(await gateway.Engine.RetryAsync(found, Token));
    }

    [Fact]
    public async Task A_relaxed_task_is_started_over_while_its_end_is_on_its_way_to_disk()
    {
        await using var gateway = await ByHandAsync();
        var host = new TestHost(gateway.Engine, "host", "m").Ready();
        var task = await gateway.SubmitAsync();
        TestHost.Fail(await host.UntilWorkAsync(), retryable: false);
        Assert.True(task.Row.IsFinal);

        var retry = gateway.Engine.RetryAsync(task, Token).AsTask();
        await CommitUntilAsync(gateway, retry); // The end, and after it the new start.
        Assert.True(await retry);
        var attempt = await host.UntilWorkAsync();
        TestHost.Say(attempt, "now");
        TestHost.Finish(attempt);
        var result = TestEngine.ResultAsync(task);
        await CommitUntilAsync(gateway, result);

        Assert.Equal("now", await result);
        Assert.False(await gateway.Engine.RetryAsync(task, Token));
        var row = await gateway.Store.FindAsync(task.Row.Id, Token);
        Assert.Equal((TaskState.Completed, 2), (row!.State, row.Generation));
    }

    [Fact]
    public async Task A_durable_task_is_started_over_when_that_is_on_disk_and_not_before()
    {
        await using var gateway = await ByHandAsync();
        var task = await CancelledAsync(gateway);

        var retry = gateway.Engine.RetryAsync(task, Token).AsTask();
        await Task.Yield();
        Assert.False(retry.IsCompleted);
        Assert.Equal(TaskState.Cancelled, task.Row.State); // What is not on disk is not shown.
        gateway.Store.CommitPending();

        Assert.True(await retry);
        Assert.Equal((TaskState.Pending, 2), (task.Row.State, task.Row.Generation));
    }

    [Fact]
    public async Task A_new_start_that_does_not_come_to_disk_in_time_is_said_and_still_made()
    {
        await using var gateway = await ByHandAsync();
        var task = await CancelledAsync(gateway);

        var retry = gateway.Engine.RetryAsync(task, Token).AsTask();
        await Task.Yield();
        Assert.False(retry.IsCompleted);
        gateway.Clock.Advance(TimeSpan.FromSeconds(31));
        Assert.Equal(StoreFault.Slow, (await Assert.ThrowsAsync<StoreException>(() => retry)).Fault);
        gateway.Store.CommitPending();

        Assert.Equal(EventWait.Ready, await task.ReadEvents(1).WaitAsync(TimeSpan.FromMinutes(1), Token));
        Assert.Equal(TaskState.Pending, task.Row.State);
    }

    [Fact]
    public async Task Who_reads_on_behind_what_is_there_waits_for_what_is_not()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = new TestHost(gateway.Engine, "host", "m").Ready();
        var task = await gateway.SubmitAsync();
        var attempt = await host.UntilWorkAsync();
        var reader = task.ReadEvents(3);

        var wait = reader.WaitAsync(Timeout.InfiniteTimeSpan, Token).AsTask();
        TestHost.Say(attempt, "two"); // The events 2 and 3.
        TestHost.Say(attempt, "three");
        Assert.False(wait.IsCompleted);
        TestHost.Say(attempt, "four");

        Assert.Equal(EventWait.Ready, await wait);
        Assert.True(reader.TryRead(out var read));
        Assert.Equal(4, read.Seq);
    }

    private static async Task<TestEngine> ByHandAsync()
    {
        var clock = new Microsoft.Extensions.Time.Testing.FakeTimeProvider(DateTimeOffset.UnixEpoch.AddYears(60));
        return await TestEngine.StartAsync(new MemoryTaskStore(clock, MemoryCommits.ByHand), clock);
    }

    private static async Task<TaskHandle> CancelledAsync(TestEngine gateway)
    {
        var submit = gateway.SubmitAsync(durability: Durability.Full);
        gateway.Store.CommitPending();
        var task = await submit;
        var cancel = gateway.Engine.CancelAsync(task, "no more", Token).AsTask();
        gateway.Store.CommitPending();
        Assert.True(await cancel);
        return task;
    }

    // A gateway that gave a task to a host and died before the claim was committed.
    private static async Task<(TestEngine Gateway, Attempt Attempt)> ClaimedButNotStoredAsync()
    {
        var gateway = await ByHandAsync();
        var host = new TestHost(gateway.Engine, "host", "m").Ready();
        var submit = gateway.SubmitAsync(durability: Durability.Full);
        gateway.Store.CommitPending();
        await submit;
        return (gateway, await host.UntilWorkAsync());
    }

    private static async Task CommitAsync(TestEngine gateway, TaskHandle task, int events)
    {
        gateway.Store.CommitPending();
        var reader = task.ReadEvents(events - 2);
        await reader.WaitAsync(Timeout.InfiniteTimeSpan, Token);
    }

    private static async Task CommitUntilAsync(TestEngine gateway, Task done)
    {
        while (!done.IsCompleted)
        {
            gateway.Store.CommitPending();
            await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System, Token);
        }
    }

    private static async Task<EventWait> WaitBrieflyAsync(TestEngine gateway, TaskEventReader reader)
    {
        var wait = reader.WaitAsync(TimeSpan.FromMilliseconds(100), Token);
        gateway.Clock.Advance(TimeSpan.FromMilliseconds(200));
        return await wait;
    }
}
