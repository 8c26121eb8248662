using System.Text;
using Pollard.Tasks.Dispatch;
using Pollard.Tasks.Tests.Support;
using Pollard.Tasks.Validation;
using Pollard.Testing;

namespace Pollard.Tasks.Tests;

/// <summary>Answers that must pass checks: judged, asked for again with what was wrong, given to a person, and ended.</summary>
public sealed class ReviewTests
{
    [Fact]
    public async Task An_answer_that_passes_is_the_result_and_its_verdict_an_event()
    {
        await using var world = await TestEngine.StartAsync();
        var host = new TestHost(world.Engine, "h", "m").Ready();
        var task = await world.SubmitAsync(with: Planned());

        await AnswerAsync(host, "good");

        var row = await TestEngine.EndAsync(task);
        Assert.Equal((TaskState.Completed, 1, TaskStage.None), (row.State, row.ValidationAttempts, row.Stage));
        Assert.Equal("good", await TestEngine.ResultAsync(task));
        Assert.Equal(["Submitted", "Leased", "Delta", "Answered", "Validation", "Completed"], await TypesAsync(task));
    }

    [Fact]
    public async Task A_rejected_answer_is_asked_for_again_with_what_was_wrong()
    {
        await using var world = await TestEngine.StartAsync();
        RejectUnless(world, "good");
        var host = new TestHost(world.Engine, "h", "m").Ready();
        var task = await world.SubmitAsync(with: Planned());

        await AnswerAsync(host, "bad");
        await UntilAsync(task, static row => row.State == TaskState.Pending);
        world.Clock.Advance(TimeSpan.FromSeconds(2));
        var second = await host.UntilWorkAsync();
        Assert.Equal("""{"messages":[]}|bad:not good:""", Encoding.UTF8.GetString(second.Request.Span));
        TestHost.Say(second, "good");
        TestHost.Finish(second);

        var row = await TestEngine.EndAsync(task);
        Assert.Equal((TaskState.Completed, 2), (row.State, row.ValidationAttempts));
        Assert.Equal("good", await TestEngine.ResultAsync(task));
    }

    [Fact]
    public async Task After_the_last_answer_the_task_fails_and_says_what_was_wrong()
    {
        await using var world = await TestEngine.StartAsync();
        RejectUnless(world, "good");
        var host = new TestHost(world.Engine, "h", "m").Ready();
        var task = await world.SubmitAsync(with: Planned(maxAttempts: 2));

        await AnswerAsync(host, "bad");
        await UntilAsync(task, static row => row.State == TaskState.Pending);
        world.Clock.Advance(TimeSpan.FromSeconds(2));
        await AnswerAsync(host, "worse");

        var row = await TestEngine.EndAsync(task);
        Assert.Equal((TaskState.Failed, 2), (row.State, row.ValidationAttempts));
        Assert.Equal("validation_failed", row.Error!.Code);
        Assert.Contains("scripted: not good", row.Error.Message, StringComparison.Ordinal);
        Assert.Null(await task.ReadResultAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task The_waits_between_answers_grow_as_the_plan_says()
    {
        var plan = ScriptedReview.Plan(maxAttempts: 9) with { MaxDelay = 5 };
        var row = StoreSamples.Pending(1) with { Validation = plan };

        var waits = Enumerable
            .Range(1, 4)
            .Select(n => ReviewRules.Backoff(row with { ValidationAttempts = n }, plan, 0.5).TotalSeconds);
        var longest = ReviewRules.Backoff(row with { ValidationAttempts = 1 }, plan with { JitterRange = 0.1 }, 1);

        Assert.Equal([1, 2, 4, 5], waits);
        Assert.Equal(1.1, longest.TotalSeconds, 6);
    }

    [Fact]
    public async Task A_person_who_is_asked_can_have_it_tried_again()
    {
        await using var world = await TestEngine.StartAsync();
        RejectUnless(world, "good");
        var host = new TestHost(world.Engine, "h", "m").Ready();
        var task = await world.SubmitAsync(with: Planned(maxAttempts: 5, humanAfter: 1));
        await AnswerAsync(host, "bad");
        await UntilAsync(task, static row => row.Stage == TaskStage.InputNeeded);
        Assert.False(host.HasOffer);

        Assert.True(await GiveAsync(world, task, InputAction.Retry, "be good"));

        var again = await host.UntilWorkAsync();
        Assert.EndsWith("|bad:not good:be good", Encoding.UTF8.GetString(again.Request.Span), StringComparison.Ordinal);
        TestHost.Say(again, "good");
        TestHost.Finish(again);
        Assert.Equal(TaskState.Completed, (await TestEngine.EndAsync(task)).State);
    }

    [Fact]
    public async Task A_person_can_take_the_answer_after_all_also_after_a_restart()
    {
        await using var world = await TestEngine.StartAsync();
        RejectUnless(world, "good");
        var host = new TestHost(world.Engine, "h", "m").Ready();
        var task = await world.SubmitAsync(with: Planned(humanAfter: 1));
        await AnswerAsync(host, "nearly");
        await UntilAsync(task, static row => row.Stage == TaskStage.InputNeeded);

        await using var restarted = await world.CrashAndRestartAsync();
        var found = await FindAsync(restarted, task);
        Assert.True(await GiveAsync(restarted, found, InputAction.Accept, null));

        Assert.Equal("nearly", await TestEngine.ResultAsync(found));
        Assert.Equal(["Validation", "InputNeeded", "Input", "Completed"], (await TypesAsync(found)).TakeLast(4));
        Assert.False(await GiveAsync(restarted, found, InputAction.Reject, null));
    }

    [Fact]
    public async Task A_person_can_end_it_and_one_who_does_not_answer_lets_it_time_out()
    {
        await using var world = await TestEngine.StartAsync();
        RejectUnless(world, "good");
        var host = new TestHost(world.Engine, "h", 2, HostRole.Worker, "m").Ready();
        var ended = await world.SubmitAsync(with: Planned(humanAfter: 1));
        var ignored = await world.SubmitAsync(with: Planned(humanAfter: 1));
        await AnswerAsync(host, "bad");
        await AnswerAsync(host, "bad");
        await UntilAsync(ended, static row => row.Stage == TaskStage.InputNeeded);
        await UntilAsync(ignored, static row => row.Stage == TaskStage.InputNeeded);

        await GiveAsync(world, ended, InputAction.Reject, "no use");
        world.Clock.Advance(TimeSpan.FromDays(1) + TimeSpan.FromSeconds(1));

        var row = await TestEngine.EndAsync(ended);
        Assert.Equal((TaskState.Failed, "rejected", "no use"), (row.State, row.Error!.Code, row.Error.Message));
        var timedOut = await TestEngine.EndAsync(ignored);
        Assert.Equal((TaskState.Timeout, "input_timeout"), (timedOut.State, timedOut.Error!.Code));
    }

    [Fact]
    public async Task An_answer_that_was_being_judged_at_a_crash_is_judged_again()
    {
        await using var world = await TestEngine.StartAsync();
        var entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        world.Review.Judge = async (_, ct) =>
        {
            entered.TrySetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, ct);
            return [];
        };
        var host = new TestHost(world.Engine, "h", "m").Ready();
        var task = await world.SubmitAsync(with: Planned());
        await AnswerAsync(host, "good");
        await entered.Task;

        world.Review.Judge = null;
        await using var restarted = await world.CrashAndRestartAsync();

        var found = await FindAsync(restarted, task);
        Assert.Equal(TaskState.Completed, (await TestEngine.EndAsync(found)).State);
        Assert.Equal("good", await TestEngine.ResultAsync(found));
        Assert.Equal(1, found.Row.ValidationAttempts);
    }

    [Fact]
    public async Task A_rejected_answer_from_before_a_crash_is_in_the_request_after_it()
    {
        await using var world = await TestEngine.StartAsync();
        RejectUnless(world, "good");
        var host = new TestHost(world.Engine, "h", "m").Ready();
        var task = await world.SubmitAsync(with: Planned());
        await AnswerAsync(host, "bad");
        await UntilAsync(task, static row => row.State == TaskState.Pending);

        await using var restarted = await world.CrashAndRestartAsync();
        var back = new TestHost(restarted.Engine, "h", "m").Ready();
        restarted.Clock.Advance(TimeSpan.FromSeconds(2));

        var again = await back.UntilWorkAsync();
        Assert.EndsWith("|bad:not good:", Encoding.UTF8.GetString(again.Request.Span), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cancelling_ends_the_judging()
    {
        await using var world = await TestEngine.StartAsync();
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        world.Review.Judge = async (_, ct) =>
        {
            await using var registration = ct.Register(() => stopped.TrySetResult());
            entered.TrySetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, ct);
            return [];
        };
        var host = new TestHost(world.Engine, "h", "m").Ready();
        var task = await world.SubmitAsync(with: Planned());
        await AnswerAsync(host, "good");
        await entered.Task;

        await world.Engine.CancelAsync(task, "enough", TestContext.Current.CancellationToken);

        await stopped.Task.WaitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(TaskState.Cancelled, (await TestEngine.EndAsync(task)).State);
    }

    [Fact]
    public async Task A_check_that_cannot_be_made_fails_the_task_and_blames_no_answer()
    {
        await using var world = await TestEngine.StartAsync();
        var tries = 0;
        world.Review.Judge = (_, _) =>
        {
            tries++;
            throw new ReviewException("its model is away");
        };
        var host = new TestHost(world.Engine, "h", "m").Ready();
        var task = await world.SubmitAsync(with: Planned());

        await AnswerAsync(host, "good");
        while (!task.Row.IsFinal)
        {
            world.Clock.Advance(TimeSpan.FromSeconds(2));
            await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System, TestContext.Current.CancellationToken);
        }

        Assert.Equal("check_failed", task.Row.Error!.Code);
        Assert.Equal(3, tries);
        Assert.DoesNotContain("Validation", await TypesAsync(task));
    }

    [Fact]
    public async Task A_check_may_ask_a_model_by_a_task_of_its_own()
    {
        await using var world = await TestEngine.StartAsync();
        world.Review.Judge = async (answer, ct) =>
        {
            var asked = await answer.AskAsync(
                new NewTask
                {
                    Owner = answer.Row.Owner,
                    Kind = "chat",
                    Model = "judge",
                    Request = Encoding.UTF8.GetBytes("{}"),
                    IdempotencyKey = $"validate:{answer.PublicId}:{answer.Number}",
                },
                ct
            );
            return ScriptedReview.Says(Encoding.UTF8.GetString(asked.Result!.Value.Span) == "yes");
        };
        var host = new TestHost(world.Engine, "h", "m").Ready();
        var judge = new TestHost(world.Engine, "j", "judge").Ready();
        var task = await world.SubmitAsync(with: Planned());

        await AnswerAsync(host, "good");
        await AnswerAsync(judge, "yes");

        Assert.Equal(TaskState.Completed, (await TestEngine.EndAsync(task)).State);
    }

    [Fact]
    public async Task The_tries_of_a_host_that_fails_are_one_answers()
    {
        await using var world = await TestEngine.StartAsync();
        RejectUnless(world, "good");
        var host = new TestHost(world.Engine, "h", "m").Ready();
        var task = await world.SubmitAsync(with: task => Planned()(task) with { MaxAttempts = 2 });

        for (var answer = 0; answer < 2; answer++)
        {
            TestHost.Fail(await host.UntilWorkAsync());
            await UntilAsync(task, static row => row.State == TaskState.Pending);
            world.Clock.Advance(TimeSpan.FromMinutes(1));
            await AnswerAsync(host, answer == 0 ? "bad" : "good");
            await UntilAsync(task, row => row.IsFinal || row is { State: TaskState.Pending });
            world.Clock.Advance(TimeSpan.FromMinutes(1));
        }

        Assert.Equal(TaskState.Completed, (await TestEngine.EndAsync(task)).State);
    }

    [Fact]
    public async Task A_model_that_keeps_failing_is_spared_by_tasks_that_ask_for_it()
    {
        await using var world = await TestEngine.StartAsync();
        RejectUnless(world, "good");
        var breaker = new BreakerSpec(FailureThreshold: 2, WindowSeconds: 60, OpenSeconds: 30, SuccessThreshold: 1);
        var plan = ScriptedReview.Plan(maxAttempts: 1) with { Breaker = breaker };
        var host = new TestHost(world.Engine, "h", "m").Ready();
        for (var i = 0; i < 2; i++)
        {
            var failed = await world.SubmitAsync(with: task => task with { Validation = plan });
            await AnswerAsync(host, "bad");
            await TestEngine.EndAsync(failed);
        }

        var spared = await TestEngine.EndAsync(await world.SubmitAsync(with: task => task with { Validation = plan }));
        Assert.Equal(
            ("circuit_open", true, 30.0),
            (spared.Error!.Code, spared.Error.Retryable, spared.Error.RetryAfterSeconds)
        );
        var other = await world.SubmitAsync(with: Planned());
        await AnswerAsync(host, "good");
        Assert.Equal(TaskState.Completed, (await TestEngine.EndAsync(other)).State);

        world.Clock.Advance(TimeSpan.FromSeconds(31)); // The host is silent for too long, too.
        var tries = await world.SubmitAsync(with: task => task with { Validation = plan });
        await AnswerAsync(new TestHost(world.Engine, "h2", "m").Ready(), "good");
        Assert.Equal(TaskState.Completed, (await TestEngine.EndAsync(tries)).State);
    }

    [Theory]
    [InlineData("""{"a":1,"b":{"c":2.5}}""", """{"a":2,"b":{"c":1},"d":3}""", """{"a":3,"b":{"c":3.5},"d":3}""")]
    [InlineData(null, """{"a":2}""", """{"a":2}""")]
    [InlineData("""{"a":2}""", null, """{"a":2}""")]
    [InlineData("""{"a":"x"}""", """{"a":1}""", """{"a":1}""")]
    public void What_answers_cost_is_added_up(string? one, string? other, string sum) =>
        Assert.Equal(sum, UsageSum.Of(one, other));

    private static Func<NewTask, NewTask> Planned(int maxAttempts = 3, int? humanAfter = null) =>
        task => task with { Validation = ScriptedReview.Plan(maxAttempts, humanAfter) };

    private static void RejectUnless(TestEngine world, string good) =>
        world.Review.Judge = (answer, _) =>
            Task.FromResult(ScriptedReview.Says(answer.Text == good, answer.Text == good ? null : "not good"));

    private static async Task AnswerAsync(TestHost host, string text)
    {
        var attempt = await host.UntilWorkAsync();
        TestHost.Say(attempt, text);
        TestHost.Finish(attempt);
    }

    private static async Task UntilAsync(TaskHandle task, Func<TaskRow, bool> holds)
    {
        var reader = task.ReadEvents();
        while (true)
        {
            while (reader.TryRead(out _)) { }

            if (holds(task.Row)) // After the reading: what happens later brings an event.
            {
                return;
            }

            Assert.False(task.Row.IsFinal, task.Row.Error?.Message);
            await reader.WaitAsync(Timeout.InfiniteTimeSpan, TestContext.Current.CancellationToken);
        }
    }

    private static ValueTask<bool> GiveAsync(TestEngine world, TaskHandle task, InputAction action, string? text) =>
        world.Engine.GiveInputAsync(task, new TaskInput(action, text), TestContext.Current.CancellationToken);

    private static async Task<TaskHandle> FindAsync(TestEngine world, TaskHandle task) =>
        (await world.Engine.FindAsync(task.Row.Id, null, TestContext.Current.CancellationToken))!;

    private static async Task<List<string>> TypesAsync(TaskHandle task) =>
        [.. (await TestEngine.EventsAsync(task)).Select(static item => item.Type.ToString())];
}
