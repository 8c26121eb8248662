using System.Globalization;

namespace Pollard.Tasks;

/// <summary>The rules of a task's life: a pure function of the row, what happened, and when. Nothing else changes a state.</summary>
internal static partial class TaskMachine
{
    public static Transition Apply(TaskRow row, TaskChange change, DateTimeOffset now) =>
        (row.State, change) switch
        {
            (_, TaskChange.Retried retried) => Retry(row, retried, now),
            (_, _) when row.IsFinal => new(row, TransitionOutcome.Final),
            (_, TaskChange.Cancelled cancelled) => Cancel(row, cancelled, now),
            (TaskState.Pending, _) when row.Stage == TaskStage.InputNeeded => WhileInputIsNeeded(row, change, now),
            (TaskState.Pending, _) => WhilePending(row, change, now),
            _ when row.Stage == TaskStage.Validating => WhileValidating(row, change, now),
            _ => WhileRunning(row, change, now),
        };

    private static Transition WhilePending(TaskRow row, TaskChange change, DateTimeOffset now) =>
        change switch
        {
            TaskChange.Spared spared => End(row with { Error = spared.Error }, TaskState.Failed, now),
            TaskChange.Claimed claimed => Claim(row, claimed, now),
            TaskChange.Adopted when row.Stage == TaskStage.Interrupted => new(row, TransitionOutcome.NotAllowed),
            TaskChange.Adopted adopted => adopted.Fence > row.Fence
                ? Run(row, adopted.Fence, adopted.Host, now)
                : new(row, TransitionOutcome.StaleFence),
            TaskChange.QueueTimedOut => End(row with { Error = QueuedTooLong }, TaskState.Timeout, now),
            TaskChange.NotContinued gone when row.Stage == TaskStage.Interrupted => StartOver(row, gone, now),
            TaskChange.Extended or TaskChange.NotContinued => new(row, TransitionOutcome.NotAllowed),
            _ => new(row, TransitionOutcome.StaleFence), // Words of an attempt that is no more.
        };

    private static Transition WhileRunning(TaskRow row, TaskChange change, DateTimeOffset now) =>
        change switch
        {
            TaskChange.Completed done when done.Fence == row.Fence => End(
                row with
                {
                    Usage = done.Usage,
                },
                TaskState.Completed,
                now
            ),
            TaskChange.Answered answered when answered.Fence == row.Fence => Answer(row, answered),
            TaskChange.Failed failed when failed.Fence == row.Fence => Fail(row, failed, now),
            TaskChange.Lost lost when lost.Fence == row.Fence => Lose(row, lost, now),
            TaskChange.Interrupted cut when cut.Fence == row.Fence => Interrupt(row, cut, now),
            TaskChange.Overtaken second when second.Fence == row.Fence => Changed(
                row with
                {
                    Fence = second.NextFence,
                    Host = second.Host,
                }
            ),
            TaskChange.Released back when back.Fence == row.Fence => Requeue(
                row with
                {
                    Attempt = row.Attempt - 1,
                    Host = null,
                    Stage = back.GoesOn ? TaskStage.Interrupted : TaskStage.None,
                },
                back.NextFence,
                null
            ),
            TaskChange.RunTimedOut late when late.Fence == row.Fence => End(
                row with
                {
                    Fence = late.NextFence,
                    Error = RanTooLong(row.RunTimeout),
                },
                TaskState.Timeout,
                now
            ),
            TaskChange.Extended more => Changed(row with { MaxAttempts = row.MaxAttempts + more.Tries }),
            TaskChange.Claimed
            or TaskChange.Adopted
            or TaskChange.QueueTimedOut
            or TaskChange.NotContinued
            or TaskChange.InputGiven
            or TaskChange.Spared => new(row, TransitionOutcome.NotAllowed),
            _ => new(row, TransitionOutcome.StaleFence),
        };

    /// <summary>From here on each try of a task counts, however far it got.</summary>
    internal const int MostTries = 50;

    private static TaskError QueuedTooLong { get; } =
        new("queued_too_long", "no host took the task in the time that it was to wait", Retryable: true);

    private static TaskError RanTooLong(TimeSpan limit) =>
        new(
            "timeout",
            string.Create(CultureInfo.InvariantCulture, $"the run took longer than {limit.TotalSeconds:0.###} seconds")
        );

    private static Transition Cancel(TaskRow row, TaskChange.Cancelled cancelled, DateTimeOffset now) =>
        End(
            row with
            {
                Fence = cancelled.NextFence,
                Error = new TaskError("cancelled", cancelled.Reason),
            },
            TaskState.Cancelled,
            now
        );

    private static Transition Claim(TaskRow row, TaskChange.Claimed claimed, DateTimeOffset now) =>
        row.RunAt > now || claimed.Fence <= row.Fence
            ? new(row, TransitionOutcome.NotAllowed)
            : Run(row, claimed.Fence, claimed.Host, now);

    private static Transition Run(TaskRow row, long fence, string host, DateTimeOffset now) =>
        Changed(
            row with
            {
                State = TaskState.Running,
                Stage = TaskStage.None,
                Attempt = row.Attempt + 1,
                Fence = fence,
                Host = host,
                StartedAt = now,
                RunAt = null,
            }
        );

    private static Transition Fail(TaskRow row, TaskChange.Failed failed, DateTimeOffset now) =>
        failed.Error.Retryable && row.Attempt < row.MaxAttempts
            ? Requeue(Rested(row, now), failed.NextFence, failed.RetryIn > TimeSpan.Zero ? now + failed.RetryIn : null)
            : End(row with { Error = failed.Error, Fence = failed.NextFence }, TaskState.Failed, now);

    private static Transition Lose(TaskRow row, TaskChange.Lost lost, DateTimeOffset now)
    {
        var mayRestart = !lost.OutputShown || row.LostOutput == LostOutput.Restart;
        return mayRestart && row.Attempt < row.MaxAttempts
            ? Requeue(Rested(row, now), lost.NextFence, null)
            : End(row with { Error = lost.Error, Fence = lost.NextFence }, TaskState.Failed, now);
    }

    // A try that got on was not in vain and does not count, so that a long answer outlives many hosts; but not without end.
    private static Transition Interrupt(TaskRow row, TaskChange.Interrupted cut, DateTimeOffset now)
    {
        var tries = cut.GotOn && row.Attempt < MostTries ? row.MaxAttempts + 1 : row.MaxAttempts;
        return row.Attempt < tries
            ? Requeue(
                Rested(row, now) with
                {
                    MaxAttempts = tries,
                    Stage = TaskStage.Interrupted,
                },
                cut.NextFence,
                cut.RetryIn > TimeSpan.Zero ? now + cut.RetryIn : null
            )
            : End(row with { Error = cut.Error, Fence = cut.NextFence }, TaskState.Failed, now);
    }

    private static Transition StartOver(TaskRow row, TaskChange.NotContinued gone, DateTimeOffset now) =>
        row.LostOutput == LostOutput.Restart
            ? Requeue(row with { Stage = TaskStage.None }, gone.NextFence, null)
            : End(row with { Error = gone.Error, Fence = gone.NextFence }, TaskState.Failed, now);

    // The time to wait does not pass while a host works; a try that never began has not interrupted the waiting.
    private static TaskRow Rested(TaskRow row, DateTimeOffset now) =>
        row is { QueueDeadline: { } deadline, StartedAt: { } started } && started < now
            ? row with
            {
                QueueDeadline = deadline + (now - started),
            }
            : row;

    private static Transition Requeue(TaskRow row, long nextFence, DateTimeOffset? runAt) =>
        Changed(row with { State = TaskState.Pending, Fence = nextFence, RunAt = runAt });

    private static Transition Retry(TaskRow row, TaskChange.Retried retried, DateTimeOffset now) =>
        row.State is TaskState.Failed or TaskState.Timeout or TaskState.Cancelled
            ? Changed(
                row with
                {
                    State = TaskState.Pending,
                    Generation = row.Generation + 1,
                    Attempt = 0,
                    ValidationAttempts = 0,
                    ValidationBase = 0,
                    Fence = retried.NextFence,
                    Host = null,
                    Error = null,
                    EndedAt = null,
                    StartedAt = null,
                    RunAt = null,
                    Durability = Durability.Full, // Whoever starts it over wants it kept.
                    Stream = false, // Who read along has gone.
                    QueueDeadline = now + retried.QueueTimeout,
                }
            )
            : new(row, TransitionOutcome.NotAllowed);

    private static Transition End(TaskRow row, TaskState state, DateTimeOffset now) =>
        Changed(row with { State = state, Stage = TaskStage.None, EndedAt = now, RunAt = null });

    private static Transition Changed(TaskRow row) =>
        new(row with { Version = row.Version + 1 }, TransitionOutcome.Applied);
}
