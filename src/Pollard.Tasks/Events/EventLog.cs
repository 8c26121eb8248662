using System.Text;
using System.Text.Json;
using Pollard.Tasks.Leases;
using Pollard.Tasks.Validation;

namespace Pollard.Tasks.Events;

/// <summary>Writes what happened to a task into its log.</summary>
internal static class EventLog
{
    /// <summary>Notes a change that was applied. The caller holds the log's gate.</summary>
    public static void Note(LiveTask task, TaskRow before, TaskChange change, DateTimeOffset now)
    {
        var at = now.ToUnixTimeMilliseconds();
        var row = task.Row;
        switch (change)
        {
            case TaskChange.Claimed when before.Stage == TaskStage.Interrupted:
                Continued(task, at);
                break;
            case TaskChange.Claimed or TaskChange.Adopted or TaskChange.Overtaken:
                Leased(task, at);
                break;
            case TaskChange.Completed done:
                Usage(task, row.Usage, at);
                Add(task, TaskEventType.Completed, done.Finish, at);
                break;
            case TaskChange.Answered answered:
                Usage(task, answered.Usage, at);
                Add(task, TaskEventType.Answered, answered.Finish, at);
                break;
            case TaskChange.Passed passed:
                Judged(task, passed.Judgement, at);
                Add(task, TaskEventType.Completed, passed.Finish, at);
                break;
            case TaskChange.Rejected rejected:
                Judged(task, rejected.Judgement, at);
                Rejected(task, rejected.Judgement, at);
                break;
            case TaskChange.InputGiven given:
                Heard(task, given, at);
                break;
            case TaskChange.Failed
            or TaskChange.Lost
            or TaskChange.Interrupted
            or TaskChange.NotContinued
            or TaskChange.Released when !row.IsFinal:
                GaveUp(task, ErrorOf(change), at);
                break;
            case TaskChange.Cancelled cancelled:
                Cancelled(task, cancelled.Reason, at);
                break;
            case TaskChange.Retried:
                Add(task, TaskEventType.Retried, ReadOnlyMemory<byte>.Empty, at);
                break;
            default:
                if (row.IsFinal && !before.IsFinal)
                {
                    Ended(task, at);
                }

                break;
        }
    }

    /// <summary>Notes that the task was accepted. The caller holds the log's gate, or nobody else has the task yet.</summary>
    public static void Submitted(LiveTask task) =>
        Add(task, TaskEventType.Submitted, ReadOnlyMemory<byte>.Empty, task.Row.CreatedAt.ToUnixTimeMilliseconds());

    private static void Usage(LiveTask task, string? usage, long at)
    {
        if (usage is not null)
        {
            Add(task, TaskEventType.Usage, Encoding.UTF8.GetBytes(usage), at);
        }
    }

    private static void Judged(LiveTask task, Judgement judgement, long at) =>
        Add(
            task,
            TaskEventType.Validation,
            JsonSerializer.SerializeToUtf8Bytes(judgement, EngineJson.Default.Judgement),
            at
        );

    private static void Rejected(LiveTask task, Judgement judgement, long at)
    {
        switch (task.Row)
        {
            case { IsFinal: true }:
                Ended(task, at);
                break;
            case { Stage: TaskStage.InputNeeded } row:
                Add(
                    task,
                    TaskEventType.InputNeeded,
                    JsonSerializer.SerializeToUtf8Bytes(
                        new InputNeededData(ReviewRules.WhyAPerson(row, judgement), row.QueueDeadline),
                        EngineJson.Default.InputNeededData
                    ),
                    at
                );
                break;
            default:
                Add(task, TaskEventType.Redispatched, ReadOnlyMemory<byte>.Empty, at);
                break;
        }
    }

    private static void Heard(LiveTask task, TaskChange.InputGiven given, long at)
    {
        var data = JsonSerializer.SerializeToUtf8Bytes(given.Input, EngineJson.Default.TaskInput);
        Add(task, TaskEventType.Input, data, at);
        switch (task.Row.State)
        {
            case TaskState.Completed:
                Add(task, TaskEventType.Completed, given.Finish, at);
                break;
            case TaskState.Pending:
                Add(task, TaskEventType.Redispatched, ReadOnlyMemory<byte>.Empty, at);
                break;
            default:
                Ended(task, at);
                break;
        }
    }

    private static void Ended(LiveTask task, long at) =>
        Add(
            task,
            task.Row.State == TaskState.Timeout ? TaskEventType.Timeout : TaskEventType.Failed,
            JsonSerializer.SerializeToUtf8Bytes(task.Row.Error!, EngineJson.Default.TaskError),
            at
        );

    private static void Leased(LiveTask task, long at) =>
        Add(
            task,
            TaskEventType.Leased,
            JsonSerializer.SerializeToUtf8Bytes(
                new LeasedData(task.Row.Host ?? "", task.Row.Attempt, Fences.Format(task.Row.Fence)),
                EngineJson.Default.LeasedData
            ),
            at
        );

    private static void Continued(LiveTask task, long at) =>
        Add(
            task,
            TaskEventType.Continued,
            JsonSerializer.SerializeToUtf8Bytes(
                new ContinuedData(task.Row.Host ?? "", task.Row.Attempt, task.Cut!.Word, Fences.Format(task.Row.Fence)),
                EngineJson.Default.ContinuedData
            ),
            at
        );

    private static void Cancelled(LiveTask task, string reason, long at) =>
        Add(
            task,
            TaskEventType.Cancelled,
            JsonSerializer.SerializeToUtf8Bytes(new CancelledData(reason), EngineJson.Default.CancelledData),
            at
        );

    private static TaskError ErrorOf(TaskChange change) =>
        change switch
        {
            TaskChange.Failed failed => failed.Error,
            TaskChange.Lost lost => lost.Error,
            TaskChange.Interrupted cut => cut.Error,
            TaskChange.NotContinued gone => gone.Error,
            _ => ((TaskChange.Released)change).Why,
        };

    // A try has ended and the task has not: what it wrote stands where another host is to go on with it, and is void else.
    private static void GaveUp(LiveTask task, TaskError error, long at)
    {
        var stands = task.Row.Stage == TaskStage.Interrupted;
        Add(
            task,
            stands ? TaskEventType.Interrupted : TaskEventType.Lost,
            JsonSerializer.SerializeToUtf8Bytes(
                new LostData(error.Code, error.Message, task.Row.RunAt),
                EngineJson.Default.LostData
            ),
            at
        );
        if (!stands)
        {
            Add(task, TaskEventType.Redispatched, ReadOnlyMemory<byte>.Empty, at);
        }
    }

    private static void Add(LiveTask task, TaskEventType type, ReadOnlyMemory<byte> data, long at) =>
        task.Log.Append(type, data, at);
}
