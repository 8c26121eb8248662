using CsCheck;
using Pollard.Tasks.Validation;
using Pollard.Testing;

namespace Pollard.Tasks.Tests;

public class TaskMachineTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private static readonly TaskRow New = new()
    {
        Id = new TaskId(1),
        Owner = "",
        Kind = "chat",
        Model = "m",
        CreatedAt = Now,
        MaxAttempts = 2,
        Version = 1,
    };

    private static readonly TaskError Broken = new("backend_error", "it broke", Retryable: true);

    [Fact]
    public void A_pending_task_is_claimed_under_a_new_fence()
    {
        var claimed = Apply(New, new TaskChange.Claimed(7, "host"));

        Assert.Equal(TaskState.Running, claimed.State);
        Assert.Equal((7, 1, "host"), (claimed.Fence, claimed.Attempt, claimed.Host));
        Assert.Equal(Now, claimed.StartedAt);
    }

    [Fact]
    public void A_task_is_not_claimed_before_its_time() =>
        Refused(
            New with
            {
                RunAt = Now.AddSeconds(1),
            },
            new TaskChange.Claimed(7, "host"),
            TransitionOutcome.NotAllowed
        );

    [Fact]
    public void A_claim_with_an_old_fence_is_refused() =>
        Refused(New with { Fence = 8 }, new TaskChange.Claimed(7, "host"), TransitionOutcome.NotAllowed);

    [Fact]
    public void Only_the_current_fence_completes()
    {
        var running = Apply(New, new TaskChange.Claimed(7, "host"));

        Refused(running, new TaskChange.Completed(6, null, default), TransitionOutcome.StaleFence);
        Assert.Equal(TaskState.Completed, Apply(running, new TaskChange.Completed(7, null, default)).State);
    }

    [Fact]
    public void A_failed_try_waits_for_another_and_the_last_one_fails_the_task()
    {
        var first = Apply(New, new TaskChange.Claimed(7, "host"));
        var waiting = Apply(first, new TaskChange.Failed(7, 8, Broken, TimeSpan.FromSeconds(3)));
        var second = Apply(waiting with { RunAt = null }, new TaskChange.Claimed(9, "host"));
        var failed = Apply(second, new TaskChange.Failed(9, 10, Broken, TimeSpan.Zero));

        Assert.Equal((TaskState.Pending, Now.AddSeconds(3)), (waiting.State, waiting.RunAt));
        Assert.Equal((TaskState.Failed, "backend_error"), (failed.State, failed.Error?.Code));
    }

    [Fact]
    public void A_failure_that_is_not_retryable_ends_the_task()
    {
        var running = Apply(New, new TaskChange.Claimed(7, "host"));

        var failed = Apply(running, new TaskChange.Failed(7, 8, Broken with { Retryable = false }, TimeSpan.Zero));

        Assert.Equal(TaskState.Failed, failed.State);
    }

    [Fact]
    public void A_lost_try_whose_output_was_shown_ends_the_task_when_it_may_not_restart()
    {
        var row = New with { LostOutput = LostOutput.Fail };
        var running = Apply(row, new TaskChange.Claimed(7, "host"));

        Assert.Equal(TaskState.Pending, Apply(running, new TaskChange.Lost(7, 8, Broken, OutputShown: false)).State);
        Assert.Equal(TaskState.Failed, Apply(running, new TaskChange.Lost(7, 8, Broken, OutputShown: true)).State);
    }

    [Fact]
    public void A_try_that_is_given_back_does_not_count()
    {
        var running = Apply(New, new TaskChange.Claimed(7, "host"));

        var back = Apply(running, new TaskChange.Released(7, 8, Broken));

        Assert.Equal((TaskState.Pending, 0, 8), (back.State, back.Attempt, back.Fence));
    }

    [Fact]
    public void A_host_of_before_the_restart_is_adopted_unless_a_newer_fence_was_issued()
    {
        var adopted = Apply(New with { Fence = 5 }, new TaskChange.Adopted(6, "host"));

        Assert.Equal((TaskState.Running, 6), (adopted.State, adopted.Fence));
        Refused(New with { Fence = 7 }, new TaskChange.Adopted(6, "host"), TransitionOutcome.StaleFence);
    }

    [Fact]
    public void An_ended_task_is_started_over_as_a_new_generation_unless_it_completed()
    {
        var cancelled = Apply(New, new TaskChange.Cancelled(2, "enough"));
        var again = Apply(cancelled, new TaskChange.Retried(3, null));

        Assert.Equal((TaskState.Pending, 2, 0), (again.State, again.Generation, again.Attempt));
        Refused(
            New with
            {
                State = TaskState.Completed,
            },
            new TaskChange.Retried(3, null),
            TransitionOutcome.NotAllowed
        );
    }

    [Fact]
    public void Whatever_happens_fences_grow_versions_grow_and_the_end_is_the_end()
    {
        Gen.Select(Gen.Int[0, 14], Gen.Int[0, 6])
            .List[1, 40]
            .Sample(steps =>
            {
                var row = New with { Validation = ScriptedReview.Plan(maxAttempts: 3, humanAfter: 2) };
                foreach (var (what, fence) in steps)
                {
                    var next = TaskMachine.Apply(row, Change(what, row.Fence - 3 + fence, row), Now);
                    Assert.True(next.Row.Fence >= row.Fence);
                    Assert.Equal(next.Applied ? row.Version + 1 : row.Version, next.Row.Version);
                    Assert.InRange(next.Row.Attempt, 0, next.Row.MaxAttempts);
                    Assert.False(row.IsFinal && next.Applied && what != 9);
                    Assert.Equal(next.Row.IsFinal, next.Row.EndedAt is not null);
                    Assert.Equal(
                        TaskState.Running,
                        next.Row.Stage == TaskStage.Validating ? next.Row.State : TaskState.Running
                    );
                    Assert.Equal(
                        TaskState.Pending,
                        next.Row.Stage == TaskStage.InputNeeded ? next.Row.State : TaskState.Pending
                    );
                    Assert.InRange(next.Row.ValidationBase, 0, next.Row.ValidationAttempts);
                    row = next.Row;
                }
            });
    }

    private static TaskChange Change(int what, long fence, TaskRow row) =>
        what switch
        {
            0 or 1 => new TaskChange.Claimed(fence, "host"),
            2 => new TaskChange.Adopted(fence, "host"),
            3 => new TaskChange.Completed(fence, null, default),
            4 => new TaskChange.Failed(fence, row.Fence + 1, Broken, TimeSpan.Zero),
            5 => new TaskChange.Lost(fence, row.Fence + 1, Broken, OutputShown: fence % 2 == 0),
            6 => new TaskChange.Released(fence, row.Fence + 1, Broken),
            7 => new TaskChange.RunTimedOut(fence, row.Fence + 1),
            8 => new TaskChange.Cancelled(row.Fence + 1, "enough"),
            9 => new TaskChange.Retried(row.Fence + 1, null),
            10 => new TaskChange.Answered(fence, row.Fence + 1, null, default),
            11 => new TaskChange.Passed(fence, default, No with { Valid = true }),
            12 => new TaskChange.Rejected(fence, row.Fence + 1, No, TimeSpan.Zero),
            13 => new TaskChange.NotJudged(fence, row.Fence + 1, Broken),
            _ => new TaskChange.InputGiven(row.Fence + 1, new TaskInput((InputAction)(fence & 1), null), default),
        };

    private static Judgement No { get; } = new(1, 3, false, ScriptedReview.Says(false, "no"));

    private static TaskRow Apply(TaskRow row, TaskChange change)
    {
        var transition = TaskMachine.Apply(row, change, Now);
        Assert.Equal(TransitionOutcome.Applied, transition.Outcome);
        return transition.Row;
    }

    private static void Refused(TaskRow row, TaskChange change, TransitionOutcome outcome)
    {
        var transition = TaskMachine.Apply(row, change, Now);
        Assert.Equal((outcome, row), (transition.Outcome, transition.Row));
    }
}
