using System.Text.Json;

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
            case TaskChange.Claimed or TaskChange.Adopted:
                Leased(task, at);
                break;
            case TaskChange.Completed done:
                if (row.Usage is { } usage)
                {
                    Add(task, TaskEventType.Usage, System.Text.Encoding.UTF8.GetBytes(usage), at);
                }

                Add(task, TaskEventType.Completed, done.Finish, at);
                break;
            case TaskChange.Failed { Error: var failure } when !row.IsFinal:
                Lost(task, failure, at);
                break;
            case TaskChange.Lost { Error: var loss } when !row.IsFinal:
                Lost(task, loss, at);
                break;
            case TaskChange.Released back:
                Lost(task, back.Why, at);
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
                    Add(
                        task,
                        row.State == TaskState.Timeout ? TaskEventType.Timeout : TaskEventType.Failed,
                        JsonSerializer.SerializeToUtf8Bytes(row.Error!, EngineJson.Default.TaskError),
                        at
                    );
                }

                break;
        }
    }

    /// <summary>Notes that the task was accepted. The caller holds the log's gate, or nobody else has the task yet.</summary>
    public static void Submitted(LiveTask task) =>
        Add(task, TaskEventType.Submitted, ReadOnlyMemory<byte>.Empty, task.Row.CreatedAt.ToUnixTimeMilliseconds());

    private static void Leased(LiveTask task, long at) =>
        Add(
            task,
            TaskEventType.Leased,
            JsonSerializer.SerializeToUtf8Bytes(
                new LeasedData(task.Row.Host ?? "", task.Row.Attempt),
                EngineJson.Default.LeasedData
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

    private static void Lost(LiveTask task, TaskError error, long at)
    {
        Add(
            task,
            TaskEventType.Lost,
            JsonSerializer.SerializeToUtf8Bytes(
                new LostData(error.Code, error.Message, task.Row.RunAt),
                EngineJson.Default.LostData
            ),
            at
        );
        Add(task, TaskEventType.Redispatched, ReadOnlyMemory<byte>.Empty, at);
    }

    private static void Add(LiveTask task, TaskEventType type, ReadOnlyMemory<byte> data, long at) =>
        task.Log.Append(type, data, at);
}
