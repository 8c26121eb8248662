using Pollard.Tasks.Validation;

namespace Pollard.Tasks;

/// <summary>The rules of an answer that must pass checks.</summary>
internal static partial class TaskMachine
{
    private static Transition WhileValidating(TaskRow row, TaskChange change, DateTimeOffset now) =>
        change switch
        {
            TaskChange.Passed passed when passed.Fence == row.Fence => End(row, TaskState.Completed, now),
            TaskChange.Rejected rejected when rejected.Fence == row.Fence => Reject(row, rejected, now),
            TaskChange.NotJudged failed when failed.Fence == row.Fence => End(
                row with
                {
                    Error = failed.Error,
                    Fence = failed.NextFence,
                },
                TaskState.Failed,
                now
            ),
            TaskChange.Claimed or TaskChange.Adopted or TaskChange.QueueTimedOut or TaskChange.Extended => new(
                row,
                TransitionOutcome.NotAllowed
            ),
            _ => new(row, TransitionOutcome.StaleFence), // Words of the attempt that has answered, or of an earlier judgement.
        };

    private static Transition WhileInputIsNeeded(TaskRow row, TaskChange change, DateTimeOffset now) =>
        change switch
        {
            TaskChange.InputGiven given => Hear(row, given, now),
            TaskChange.QueueTimedOut => End(row with { Error = ReviewRules.NobodyAnswered }, TaskState.Timeout, now),
            _ => new(row, TransitionOutcome.NotAllowed),
        };

    private static Transition Answer(TaskRow row, TaskChange.Answered answered) =>
        Changed(
            row with
            {
                Fence = answered.NextFence,
                Stage = TaskStage.Validating,
                ValidationAttempts = row.ValidationAttempts + 1,
                Usage = UsageSum.Of(row.Usage, answered.Usage),
            }
        );

    private static Transition Reject(TaskRow row, TaskChange.Rejected rejected, DateTimeOffset now)
    {
        var plan = row.Validation!;
        return ReviewRules.After(row, plan) switch
        {
            AfterRejection.Again => Requeue(
                AskAgain(Rested(row, now)),
                rejected.NextFence,
                rejected.RetryIn > TimeSpan.Zero ? now + rejected.RetryIn : null
            ),
            AfterRejection.Person => Requeue(
                row with
                {
                    Stage = TaskStage.InputNeeded,
                    QueueDeadline = now + ReviewRules.InputTimeout(plan),
                },
                rejected.NextFence,
                null
            ),
            _ => End(
                row with
                {
                    Error = ReviewRules.NotPassed(row, rejected.Judgement),
                    Fence = rejected.NextFence,
                },
                TaskState.Failed,
                now
            ),
        };
    }

    private static Transition Hear(TaskRow row, TaskChange.InputGiven given, DateTimeOffset now)
    {
        var heard = row with { Fence = given.NextFence };
        return given.Input.Action switch
        {
            InputAction.Accept => End(heard, TaskState.Completed, now),
            InputAction.Reject => End(
                heard with
                {
                    Error = ReviewRules.RejectedByPerson(given.Input),
                },
                TaskState.Failed,
                now
            ),
            _ => Requeue(
                AskAgain(heard) with
                {
                    ValidationBase = row.ValidationAttempts,
                    QueueDeadline = null, // A person waits for it from here on.
                },
                given.NextFence,
                null
            ),
        };
    }

    // The tries of hosts that fail are one answer's.
    private static TaskRow AskAgain(TaskRow row) => row with { Attempt = 0, Stage = TaskStage.None };
}
