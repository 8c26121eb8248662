using System.Text.Json;
using Pollard.Tasks;

namespace Pollard.Storage.Sqlite;

/// <summary>How a <see cref="TaskRow"/> lies in the columns of <c>task</c>.</summary>
internal static class RowColumns
{
    /// <summary>All columns that make a row, in the order of <see cref="Read"/>.</summary>
    public const string All =
        "id, version, state, owner, kind, model, priority, attempt, max_attempts, fence, host, generation, created_at, "
        + "run_at, queue_deadline, started_at, ended_at, run_timeout, retention, flags, event_count, error, usage, "
        + "requires, metadata";

    /// <summary>?1 to ?17 are bound by <see cref="BindChanging"/>, the rest by <see cref="BindFixed"/>.</summary>
    public const string Insert = """
        INSERT OR IGNORE INTO task (version, state, priority, attempt, max_attempts, fence, host, generation, run_at,
          queue_deadline, started_at, ended_at, run_timeout, retention, flags, event_count, error, usage,
          id, owner, kind, model, created_at, requires, metadata, idempotency_key)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
          ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26)
        """;

    /// <summary>?19 is the id, ?20 the version that the row must have.</summary>
    public const string Update = """
        UPDATE task SET version = ?1, state = ?2, priority = ?3, attempt = ?4, max_attempts = ?5, fence = ?6, host = ?7,
          generation = ?8, run_at = ?9, queue_deadline = ?10, started_at = ?11, ended_at = ?12, run_timeout = ?13,
          retention = ?14, flags = ?15, event_count = ?16, error = ?17, usage = ?18
        WHERE id = ?19 AND version = ?20
        """;

    private const int StreamFlag = 1;
    private const int RelaxedFlag = 2;
    private const int FailLostFlag = 4;

    public static void BindChanging(SqliteStatement statement, TaskRow row) =>
        statement
            .Bind(1, row.Version)
            .Bind(2, (long)row.State)
            .Bind(3, row.Priority)
            .Bind(4, row.Attempt)
            .Bind(5, row.MaxAttempts)
            .Bind(6, row.Fence)
            .Bind(7, row.Host)
            .Bind(8, row.Generation)
            .Bind(9, Moment(row.RunAt))
            .Bind(10, Moment(row.QueueDeadline))
            .Bind(11, Moment(row.StartedAt))
            .Bind(12, Moment(row.EndedAt))
            .Bind(13, (long)row.RunTimeout.TotalMilliseconds)
            .Bind(14, row.Retention is { } kept ? (long?)kept.TotalMilliseconds : null)
            .Bind(15, Flags(row))
            .Bind(16, row.EventCount)
            .Bind(17, row.Error is null ? null : JsonSerializer.Serialize(row.Error, StoreJson.Default.TaskError))
            .Bind(18, row.Usage);

    public static void BindFixed(SqliteStatement statement, TaskRow row, string? idempotencyKey) =>
        statement
            .Bind(19, row.Id.Value)
            .Bind(20, row.Owner)
            .Bind(21, row.Kind)
            .Bind(22, row.Model)
            .Bind(23, row.CreatedAt.ToUnixTimeMilliseconds())
            .Bind(
                24,
                row.Requires is null ? null : JsonSerializer.Serialize(row.Requires, StoreJson.Default.TaskRequirements)
            )
            .Bind(25, row.Metadata)
            .Bind(26, idempotencyKey);

    public static TaskRow Read(SqliteStatement row)
    {
        var flags = row.Integer(19);
        return new TaskRow
        {
            Id = new TaskId(row.Integer(0)),
            Version = row.Integer(1),
            State = (TaskState)row.Integer(2),
            Owner = row.Text(3),
            Kind = row.Text(4),
            Model = row.Text(5),
            Priority = (int)row.Integer(6),
            Attempt = (int)row.Integer(7),
            MaxAttempts = (int)row.Integer(8),
            Fence = row.Integer(9),
            Host = row.OptionalText(10),
            Generation = (int)row.Integer(11),
            CreatedAt = DateTimeOffset.FromUnixTimeMilliseconds(row.Integer(12)),
            RunAt = Moment(row.OptionalInteger(13)),
            QueueDeadline = Moment(row.OptionalInteger(14)),
            StartedAt = Moment(row.OptionalInteger(15)),
            EndedAt = Moment(row.OptionalInteger(16)),
            RunTimeout = TimeSpan.FromMilliseconds(row.Integer(17)),
            Retention = row.OptionalInteger(18) is { } kept ? TimeSpan.FromMilliseconds(kept) : null,
            Stream = (flags & StreamFlag) != 0,
            Durability = (flags & RelaxedFlag) != 0 ? Durability.Relaxed : Durability.Full,
            LostOutput = (flags & FailLostFlag) != 0 ? LostOutput.Fail : LostOutput.Restart,
            EventCount = (int)row.Integer(20),
            Error = row.IsNull(21) ? null : JsonSerializer.Deserialize(row.Bytes(21), StoreJson.Default.TaskError),
            Usage = row.OptionalText(22),
            Requires = row.IsNull(23)
                ? null
                : JsonSerializer.Deserialize(row.Bytes(23), StoreJson.Default.TaskRequirements),
            Metadata = row.OptionalText(24),
        };
    }

    private static long? Moment(DateTimeOffset? moment) => moment?.ToUnixTimeMilliseconds();

    private static DateTimeOffset? Moment(long? milliseconds) =>
        milliseconds is { } some ? DateTimeOffset.FromUnixTimeMilliseconds(some) : null;

    private static long Flags(TaskRow row) =>
        (row.Stream ? StreamFlag : 0)
        | (row.Durability == Durability.Relaxed ? RelaxedFlag : 0)
        | (row.LostOutput == LostOutput.Fail ? FailLostFlag : 0);
}
