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
        + "requires, metadata, validation, name";

    /// <summary>?1 to ?15 are bound by <see cref="BindChanging"/>, ?16 to ?19 by <see cref="BindEnd"/>, the rest by <see cref="BindFixed"/>.</summary>
    public const string Insert = """
        INSERT OR IGNORE INTO task (version, state, priority, attempt, max_attempts, fence, host, generation, run_at,
          queue_deadline, started_at, run_timeout, flags, event_count, usage, final, ended_at, retention, error,
          id, owner, kind, model, created_at, requires, metadata, idempotency_key, validation, name)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19,
          ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29)
        """;

    /// <summary>For a row that goes on: touches no index. ?16 is the id, ?17 the version that the row must have, ?18 its retention.</summary>
    public const string UpdateLive = $"""
        UPDATE task SET {SetChanging}
        WHERE id = ?16 AND version = ?17 AND retention IS ?18 AND final = 0 AND ended_at IS NULL AND error IS NULL
        """;

    /// <summary>For every row. ?20 is the id, ?21 the version that the row must have.</summary>
    public const string Update = $"""
        UPDATE task SET {SetChanging}, final = ?16, ended_at = ?17, retention = ?18, error = ?19
        WHERE id = ?20 AND version = ?21
        """;

    private const string SetChanging =
        "version = ?1, state = ?2, priority = ?3, attempt = ?4, max_attempts = ?5, fence = ?6, host = ?7, generation = ?8, "
        + "run_at = ?9, queue_deadline = ?10, started_at = ?11, run_timeout = ?12, flags = ?13, event_count = ?14, usage = ?15";

    private const int StreamFlag = 1;
    private const int RelaxedFlag = 2;
    private const int FailLostFlag = 4;
    private const int StageShift = 3; // Two bits.
    private const int ContinuationsShift = 5; // Two bits.
    private const int AttemptsShift = 8; // A byte, see TaskRow.MostValidationAttempts; the view of tasks reads it too.
    private const int BaseShift = 16; // A byte.

    /// <summary>True for a row that <see cref="UpdateLive"/> can write, when the stored one is such a row too.</summary>
    public static bool IsLive(TaskRow row) => row is { IsFinal: false, EndedAt: null, Error: null };

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
            .Bind(12, (long)row.RunTimeout.TotalMilliseconds)
            .Bind(13, Flags(row))
            .Bind(14, row.EventCount)
            .Bind(15, row.Usage);

    public static void BindEnd(SqliteStatement statement, TaskRow row) =>
        statement
            .Bind(16, row.IsFinal ? 1 : 0)
            .Bind(17, Moment(row.EndedAt))
            .Bind(18, Retention(row))
            .Bind(19, row.Error is null ? null : JsonSerializer.Serialize(row.Error, StoreJson.Default.TaskError));

    public static void BindFixed(SqliteStatement statement, TaskRow row, string? idempotencyKey) =>
        statement
            .Bind(20, row.Id.Value)
            .Bind(21, row.Owner)
            .Bind(22, row.Kind)
            .Bind(23, row.Model)
            .Bind(24, row.CreatedAt.ToUnixTimeMilliseconds())
            .Bind(
                25,
                row.Requires is null ? null : JsonSerializer.Serialize(row.Requires, StoreJson.Default.TaskRequirements)
            )
            .Bind(26, row.Metadata)
            .Bind(27, idempotencyKey)
            .Bind(
                28,
                row.Validation is null
                    ? null
                    : JsonSerializer.Serialize(row.Validation, StoreJson.Default.ValidationPlan)
            )
            .Bind(29, row.Name);

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
            Validation = row.IsNull(25)
                ? null
                : JsonSerializer.Deserialize(row.Bytes(25), StoreJson.Default.ValidationPlan),
            Name = row.OptionalText(26),
            Stage = (TaskStage)((flags >> StageShift) & 3),
            Continuations = (Continuations)((flags >> ContinuationsShift) & 3),
            ValidationAttempts = (int)(flags >> AttemptsShift) & byte.MaxValue,
            ValidationBase = (int)(flags >> BaseShift) & byte.MaxValue,
        };
    }

    /// <summary>In milliseconds.</summary>
    public static long? Retention(TaskRow row) => row.Retention is { } kept ? (long?)kept.TotalMilliseconds : null;

    private static long? Moment(DateTimeOffset? moment) => moment?.ToUnixTimeMilliseconds();

    private static DateTimeOffset? Moment(long? milliseconds) =>
        milliseconds is { } some ? DateTimeOffset.FromUnixTimeMilliseconds(some) : null;

    private static long Flags(TaskRow row) =>
        (row.Stream ? StreamFlag : 0)
        | (row.Durability == Durability.Relaxed ? RelaxedFlag : 0)
        | (row.LostOutput == LostOutput.Fail ? FailLostFlag : 0)
        | ((int)row.Stage << StageShift)
        | ((int)row.Continuations << ContinuationsShift)
        | (row.ValidationAttempts << AttemptsShift)
        | (row.ValidationBase << BaseShift);
}
