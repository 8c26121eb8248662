using System.Buffers;
using System.Text;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Dispatch;
using Pollard.Tasks.Events;
using Pollard.Tasks.Storage;
using Pollard.Tasks.Tests.Support;

namespace Pollard.Tasks.Tests;

/// <summary>What clients read of tasks: by id, in lists, and event by event.</summary>
public class ReadingTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Another_owners_task_is_not_there()
    {
        await using var gateway = await TestEngine.StartAsync();
        var task = await gateway.SubmitAsync(owner: "mine");

        Assert.NotNull(await gateway.Engine.FindAsync(task.Row.Id, "mine", Token));
        Assert.NotNull(await gateway.Engine.FindAsync(task.Row.Id, null, Token));
        Assert.Null(await gateway.Engine.FindAsync(task.Row.Id, "yours", Token));
        Assert.Null(await gateway.Engine.FindAsync(task.Row.Id, "", Token));
    }

    [Fact]
    public async Task Lists_show_waiting_running_and_ended_tasks_newest_first()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = new TestHost(gateway.Engine, "host", "m").Ready();
        var ended = await gateway.SubmitAsync();
        TestHost.Finish(await host.UntilWorkAsync());
        var running = await gateway.SubmitAsync(durability: Durability.Full);
        await host.UntilWorkAsync();
        var waiting = await gateway.SubmitAsync();

        var all = await gateway.Engine.ListAsync(new TaskQuery { Owner = "" }, Token);
        var pending = await gateway.Engine.ListAsync(new TaskQuery { State = TaskState.Pending }, Token);
        var older = await gateway.Engine.ListAsync(new TaskQuery { Before = running.Row.Id }, Token);

        Assert.Equal([waiting.Row.Id, running.Row.Id, ended.Row.Id], all.Rows.Select(static row => row.Id));
        Assert.Equal([waiting.Row.Id], pending.Rows.Select(static row => row.Id));
        Assert.Equal([ended.Row.Id], older.Rows.Select(static row => row.Id));
        Assert.Equal([1, 2, ended.EventCount], all.Rows.Select(static row => row.EventCount)); // Submitted; and leased.
    }

    [Fact]
    public async Task Events_have_no_gaps_and_are_read_on_from_any_number()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = new TestHost(gateway.Engine, "host", "m").Ready();
        var task = await gateway.SubmitAsync();
        var attempt = await host.UntilWorkAsync();
        TestHost.Say(attempt, "a");
        TestHost.Say(attempt, "b");
        TestHost.Finish(attempt);

        var events = await TestEngine.EventsAsync(task);
        var rest = await TestEngine.EventsAsync(task, after: 2);

        Assert.Equal(Enumerable.Range(0, 5), events.Select(static item => item.Seq));
        Assert.Equal(
            [
                TaskEventType.Submitted,
                TaskEventType.Leased,
                TaskEventType.Delta,
                TaskEventType.Delta,
                TaskEventType.Completed,
            ],
            events.Select(static item => item.Type)
        );
        Assert.Equal(events.Skip(3), rest);
    }

    [Fact]
    public async Task Doubled_and_skipped_output_is_told_apart()
    {
        await using var gateway = await TestEngine.StartAsync();
        var host = new TestHost(gateway.Engine, "host", "m").Ready();
        var task = await gateway.SubmitAsync();
        var attempt = await host.UntilWorkAsync();
        var text = new ReadOnlySequence<byte>("x"u8.ToArray());

        Assert.Equal(AppendOutcome.Taken, attempt.Append(0, DeltaKind.Content, 0, text));
        Assert.Equal(AppendOutcome.Duplicate, attempt.Append(0, DeltaKind.Content, 0, text));
        Assert.Equal(AppendOutcome.Gap, attempt.Append(2, DeltaKind.Content, 0, text));
        Assert.Equal(AppendOutcome.Gap, attempt.Finish(3, new Messages.Finish()));
        Assert.Equal(AppendOutcome.Taken, attempt.Finish(1, new Messages.Finish()));
        Assert.Equal(AppendOutcome.Fenced, attempt.Finish(1, new Messages.Finish()));
        Assert.Equal("x", await TestEngine.ResultAsync(task));
    }

    [Fact]
    public async Task A_slow_reader_holds_its_own_host_back()
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
        var attempt = await host.UntilWorkAsync();
        var large = new string('x', 100_000);

        TestHost.Say(attempt, large);
        TestHost.Say(attempt, large);
        Assert.Empty(host.Credits);
        var reader = task.ReadEvents();
        while (reader.TryRead(out _)) { }

        Assert.Equal(200_000, host.Credits.Sum());
    }

    [Fact]
    public async Task Too_much_output_fails_the_task()
    {
        await using var gateway = await TestEngine.StartAsync(options: new TaskEngineOptions { MaxOutputBytes = 10 });
        var host = new TestHost(gateway.Engine, "host", "m").Ready();
        var task = await gateway.SubmitAsync();

        Assert.Equal(AppendOutcome.Fenced, TestHost.Say(await host.UntilWorkAsync(), "more than ten bytes"));

        Assert.Equal("output_too_large", (await TestEngine.EndAsync(task)).Error?.Code);
    }

    [Fact]
    public async Task Requests_beyond_the_memory_for_them_are_read_again_from_the_store()
    {
        await using var gateway = await TestEngine.StartAsync(
            options: new TaskEngineOptions { RequestMemoryBytes = 0 }
        );
        await gateway.SubmitAsync(durability: Durability.Full);

        var host = new TestHost(gateway.Engine, "host", "m").Ready();

        Assert.Equal("""{"messages":[]}""", Encoding.UTF8.GetString((await host.UntilOfferAsync()).Request.Span));
    }

    [Fact]
    public async Task A_wait_ends_in_time_without_the_task()
    {
        await using var gateway = await TestEngine.StartAsync();
        var task = await gateway.SubmitAsync();

        var wait = task.WaitAsync(TimeSpan.FromSeconds(30), Token);
        Assert.False(wait.IsCompleted);
        gateway.Clock.Advance(TimeSpan.FromSeconds(31));

        Assert.Equal(TaskState.Pending, (await wait).State);
    }
}
