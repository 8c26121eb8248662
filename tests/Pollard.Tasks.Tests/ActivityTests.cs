using Pollard.Tasks.Tests.Support;

namespace Pollard.Tasks.Tests;

/// <summary>What the engine tells those who watch.</summary>
public sealed class ActivityTests
{
    [Fact]
    public async Task A_watch_names_each_task_that_changed_once_until_it_is_asked()
    {
        await using var engine = await TestEngine.StartAsync();
        var host = new TestHost(engine.Engine, "host", "m").Ready();
        using var watch = engine.Engine.Activity.Watch();
        var task = await engine.SubmitAsync("m");
        TestHost.Finish(await host.UntilWorkAsync());
        await TestEngine.EndAsync(task);

        var (changed, leftOff) = watch.Drain();

        Assert.Equal(task.PublicId, Assert.Single(changed).PublicId);
        Assert.Equal(TaskState.Completed, changed[0].Row.State);
        Assert.False(leftOff);
        Assert.Empty(watch.Drain().Tasks);
    }

    [Fact]
    public async Task A_watch_that_is_not_asked_says_that_it_left_some_off()
    {
        await using var engine = await TestEngine.StartAsync();
        using var watch = engine.Engine.Activity.Watch();
        for (var i = 0; i < 1_001; i++)
        {
            await engine.SubmitAsync("m");
        }

        var (changed, leftOff) = watch.Drain();

        Assert.Equal((1_000, true), (changed.Count, leftOff));
        Assert.False(watch.Drain().LeftOff);
    }

    [Fact]
    public async Task Nothing_is_gathered_for_one_who_watches_no_more()
    {
        await using var engine = await TestEngine.StartAsync();
        var watch = engine.Engine.Activity.Watch();
        watch.Dispose();
        await engine.SubmitAsync("m");

        Assert.Empty(watch.Drain().Tasks);
    }

    [Fact]
    public async Task Tokens_count_while_they_are_written_and_by_the_hosts_word_at_the_end()
    {
        await using var engine = await TestEngine.StartAsync();
        var host = new TestHost(engine.Engine, "host", "m").Ready();
        var task = await engine.SubmitAsync("m", owner: "ada");
        var attempt = await host.UntilWorkAsync();
        TestHost.Say(attempt, "twelve bytes");

        var during = engine.Engine.Activity.Count();
        var running = Assert.Single(engine.Engine.Activity.Running(10));
        TestHost.Finish(attempt, """{"prompt_tokens":7,"completion_tokens":5}""");
        await TestEngine.EndAsync(task);
        var after = engine.Engine.Activity.Count();

        Assert.Equal((3, 0), (during.TokensUnderWay, during.OutputTokens));
        Assert.Equal((task.PublicId, 3), (running.Task.PublicId, running.Tokens));
        Assert.Equal((0, 5, 7), (after.TokensUnderWay, after.OutputTokens, after.InputTokens));
        var use = engine.Engine.Activity.UseOf("ada")!;
        Assert.Equal((1, 1, 0, 7, 5), (use.Tasks, use.Completed, use.Failed, use.InputTokens, use.OutputTokens));
        Assert.Null(engine.Engine.Activity.UseOf("nobody"));
    }

    [Fact]
    public async Task A_queue_is_as_old_as_its_oldest_task_whatever_goes_first()
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.SubmitAsync("m", owner: "ada");
        engine.Clock.Advance(TimeSpan.FromSeconds(20));
        await engine.SubmitAsync("m", owner: "bob");
        engine.Clock.Advance(TimeSpan.FromSeconds(5));

        var queue = Assert.Single(engine.Engine.Activity.Queues());

        Assert.Equal((2, 25), (queue.Depth, queue.OldestWait.TotalSeconds));
    }

    [Fact]
    public async Task A_hosts_history_says_how_its_tries_ended_and_why_it_went()
    {
        await using var engine = await TestEngine.StartAsync(options: new TaskEngineOptions { MaxAttempts = 1 });
        var host = new TestHost(engine.Engine, "host", "m").Ready();
        var failed = await engine.SubmitAsync("m");
        TestHost.Fail(await host.UntilWorkAsync(), retryable: false);
        await TestEngine.EndAsync(failed);
        var done = await engine.SubmitAsync("m");
        TestHost.Finish(await host.UntilWorkAsync());
        await TestEngine.EndAsync(done);
        engine.Clock.Advance(TimeSpan.FromSeconds(1));
        _ = new TestHost(engine.Engine, "host", "m").Ready();
        engine.Engine.Hosts.Evict("host", "revoked", "an admin said so");

        var history = engine.Engine.Activity.HistoryOf("host")!;

        Assert.Equal((1, 1, 0), (history.Completed, history.Failed, history.Lost));
        Assert.Equal(["revoked", "replaced"], history.Connections.Select(static connection => connection.Reason));
        Assert.Equal("failed", Assert.Single(engine.Engine.Activity.Failures()).State.ToString().ToLowerInvariant());
        Assert.Null(engine.Engine.Activity.HistoryOf("nobody"));
    }
}
