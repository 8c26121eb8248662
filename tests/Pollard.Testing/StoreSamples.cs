using System.Text;
using System.Text.Json;
using Pollard.Protocol.Api;
using Pollard.Protocol.HostLink;
using Pollard.Tasks;
using Pollard.Tasks.Events;
using Pollard.Tasks.Storage;

namespace Pollard.Testing;

/// <summary>Rows and writes for tests of stores. Moments are whole milliseconds, as stores keep them.</summary>
public static class StoreSamples
{
    /// <summary>When tests begin.</summary>
    public static readonly DateTimeOffset Start = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    /// <summary>A row that waits.</summary>
    public static TaskRow Pending(long id, string owner = "", string model = "m") =>
        new()
        {
            Id = new TaskId(id),
            Owner = owner,
            Kind = "chat",
            Model = model,
            Version = 1,
            CreatedAt = Start.AddMilliseconds(id),
            RunTimeout = TimeSpan.FromMinutes(10),
        };

    /// <summary>A row with something in every member.</summary>
    public static TaskRow Full(long id) =>
        Pending(id, "key_1") with
        {
            Requires = new TaskRequirements
            {
                Labels = ["gpu", "käse"],
                Host = "h1",
                Context = 8_192,
                Features = ["tools"],
            },
            State = TaskState.Failed,
            Priority = -7,
            Attempt = 2,
            MaxAttempts = 3,
            Fence = (9L << 40) | 17,
            Host = "h1",
            Generation = 2,
            RunAt = Start.AddSeconds(1),
            QueueDeadline = Start.AddSeconds(2),
            StartedAt = Start.AddSeconds(3),
            EndedAt = Start.AddSeconds(4),
            Retention = TimeSpan.FromHours(5),
            Durability = Durability.Relaxed,
            LostOutput = LostOutput.Fail,
            Stream = true,
            EventCount = 3,
            Error = new TaskError("out_of_memory", "The model \"m\" did not fit 🙁.", true, 507, 1.5, "model"),
            Usage = """{"total_tokens":12}""",
            Metadata = """{"a":[1,2]}""",
            Validation = ScriptedReview.Plan(maxAttempts: 5, humanAfter: 3) with
            {
                ToolMcpConfig = JsonElement.Parse("""{"mcpServers":{}}"""),
                Breaker = new(5, 60, 30, 3),
            },
            Stage = TaskStage.InputNeeded,
            ValidationAttempts = 7,
            ValidationBase = 4,
            Name = $"name-{id}",
        };

    /// <summary>The same row one change later.</summary>
    public static TaskRow Next(this TaskRow row, TaskState state) =>
        row with
        {
            State = state,
            Version = row.Version + 1,
            EndedAt = state >= TaskState.Completed ? row.EndedAt ?? Start : null,
        };

    /// <summary>A write that inserts.</summary>
    public static StoreWrite Insert(
        TaskRow row,
        string? request = null,
        EventSegment? events = null,
        IdempotencyKey? key = null
    ) =>
        new()
        {
            Id = row.Id,
            Row = row,
            Request = Body(request),
            Events = events,
            Idempotency = key,
        };

    /// <summary>A write that changes a row from the version before.</summary>
    public static StoreWrite Change(TaskRow row, string? result = null, EventSegment? events = null) =>
        new()
        {
            Id = row.Id,
            Row = row,
            ExpectedVersion = row.Version - 1,
            Result = Body(result),
            Events = events,
        };

    /// <summary>A run of events with these data.</summary>
    public static EventSegment Events(int first, params string[] data) =>
        EventSegment.Pack([
            .. data.Select(
                (text, i) =>
                    new TaskEvent(
                        first + i,
                        Start.ToUnixTimeMilliseconds() + first + i,
                        TaskEventType.Delta,
                        (DeltaKind)1,
                        (ushort)i,
                        Encoding.UTF8.GetBytes(text)
                    )
            ),
        ]);

    /// <summary>Hands one write over and waits for it.</summary>
    public static async Task<StoreOutcome> WriteAsync(this ITaskStore store, StoreWrite write)
    {
        store.Enqueue(write);
        return await write.Done;
    }

    /// <summary>A body as text.</summary>
    public static string? Text(ReadOnlyMemory<byte>? body) =>
        body is { } bytes ? Encoding.UTF8.GetString(bytes.Span) : null;

    // Not a conditional of null and bytes: that null would be an empty body.
    private static ReadOnlyMemory<byte>? Body(string? text) =>
        text is null ? default(ReadOnlyMemory<byte>?) : Bytes(text);

    /// <summary>A text as a body.</summary>
    public static ReadOnlyMemory<byte> Bytes(string text) => Encoding.UTF8.GetBytes(text);

    /// <summary>A row as text, so that lists inside it are compared too.</summary>
    public static string Show(TaskRow? row) =>
        row is null
            ? "none"
            : $"{row with { Requires = null, Validation = null }} {JsonSerializer.Serialize(row.Requires)} {JsonSerializer.Serialize(row.Validation)}";
}
