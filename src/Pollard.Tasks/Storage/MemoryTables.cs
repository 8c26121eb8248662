using Pollard.Tasks.Events;

namespace Pollard.Tasks.Storage;

/// <summary>What <see cref="MemoryTaskStore"/> has committed. Its owner locks.</summary>
internal sealed class MemoryTables(byte[] idKey)
{
    private readonly SortedDictionary<TaskId, Stored> _tasks = [];
    private readonly Dictionary<(string Owner, string Key), KeyUse> _keys = [];
    private readonly Dictionary<string, TaskId> _names = new(StringComparer.Ordinal);

    public byte[] IdKey { get; } = idKey;

    public int Epoch { get; set; }

    public Dictionary<(string Collection, string Id), byte[]> Records { get; } = [];

    public TaskId Newest => _tasks.Count == 0 ? default : _tasks.Keys.Last();

    public StoreOutcome Apply(StoreWrite write, DateTimeOffset now)
    {
        if (write.Row is { } row && write.ExpectedVersion == 0)
        {
            return Insert(write, row, now);
        }

        if (
            !_tasks.TryGetValue(write.Id, out var task)
            || (write.ExpectedVersion != 0 && task.Row.Version != write.ExpectedVersion)
            || (write.Events is { } events && task.Events.ContainsKey(events.FirstSeq))
        )
        {
            return StoreOutcome.Conflict;
        }

        Write(task, write);
        return StoreOutcome.Committed;
    }

    public TaskRow? Find(TaskId id) => _tasks.TryGetValue(id, out var task) ? task.Row : null;

    public TaskId? Find(string name) => _names.TryGetValue(name, out var id) ? id : null;

    public IReadOnlyList<TaskRow> Unfinished() =>
        [.. _tasks.Values.Where(task => !task.Row.IsFinal).Select(task => task.Row)];

    public ReadOnlyMemory<byte>? Body(TaskId id, BodyKind kind) =>
        !_tasks.TryGetValue(id, out var task) ? default(ReadOnlyMemory<byte>?)
        : kind == BodyKind.Request ? task.Request
        : task.Result;

    public IReadOnlyList<TaskEvent> Events(TaskId id, int from, int maxBytes)
    {
        if (!_tasks.TryGetValue(id, out var task))
        {
            return [];
        }

        var events = new List<TaskEvent>();
        foreach (var segment in task.Events.Values)
        {
            segment.Unpack(events, from);
        }

        return EventPage.Cut(events, maxBytes);
    }

    public TaskListing List(TaskQuery query)
    {
        var limit = Math.Clamp(query.Limit, 1, 1_000);
        List<TaskRow> rows = [.. _tasks.Values.Select(task => task.Row).Where(query.Matches).Reverse().Take(limit)];
        return new TaskListing(rows, rows.Count == limit ? rows[^1].Id : null);
    }

    public int Purge(DateTimeOffset now, TimeSpan keep, int max)
    {
        var due = _tasks
            .Values.Where(task => task.Row is { IsFinal: true, EndedAt: not null } && DueAt(task.Row, keep) <= now)
            .OrderBy(task => task.Row.Retention is not null)
            .ThenBy(task => DueAt(task.Row, keep))
            .ThenBy(task => task.Row.Id)
            .Take(max)
            .ToList();
        foreach (var task in due)
        {
            _tasks.Remove(task.Row.Id);
            _names.Remove(task.Row.Name ?? "");
            if (task.Key is { } key && _keys.TryGetValue((task.Row.Owner, key), out var use) && use.Id == task.Row.Id)
            {
                _keys.Remove((task.Row.Owner, key));
            }
        }

        return due.Count;
    }

    public StoreSize Measure() =>
        new(
            _tasks.Values.Count(static task => task.Row is { IsFinal: true, EndedAt: not null, Retention: null }),
            _tasks.Values.Sum(static task =>
                (task.Request?.Length ?? 0)
                + (task.Result?.Length ?? 0)
                + task.Events.Values.Sum(static events => (long)events.Body.Length)
            )
        );

    public IReadOnlyList<StoreRecord> Collection(string collection) =>
        [
            .. Records
                .Where(record => record.Key.Collection == collection)
                .OrderBy(record => record.Key.Id, StringComparer.Ordinal)
                .Select(record => new StoreRecord(record.Key.Id, record.Value)),
        ];

    private static DateTimeOffset DueAt(TaskRow row, TimeSpan keep) => row.EndedAt!.Value + (row.Retention ?? keep);

    private StoreOutcome Insert(StoreWrite write, TaskRow row, DateTimeOffset now)
    {
        if (write.Idempotency is { } key)
        {
            if (_keys.TryGetValue((row.Owner, key.Key), out var use) && use.ExpiresAt > now)
            {
                write.Existing = (use.Id, use.Fingerprint);
                return StoreOutcome.Duplicate;
            }

            if (IsTaken(write.Id, row.Name))
            {
                return StoreOutcome.Conflict;
            }

            _keys[(row.Owner, key.Key)] = new KeyUse(write.Id, key.Fingerprint, key.ExpiresAt);
        }

        var task = new Stored(row, write.Idempotency?.Key);
        if (IsTaken(write.Id, row.Name))
        {
            return StoreOutcome.Conflict;
        }

        _tasks.Add(write.Id, task);
        if (row.Name is { } name)
        {
            _names.Add(name, write.Id);
        }

        Write(task, write);
        return StoreOutcome.Committed;
    }

    private bool IsTaken(TaskId id, string? name) =>
        _tasks.ContainsKey(id) || (name is not null && _names.ContainsKey(name));

    private static void Write(Stored task, StoreWrite write)
    {
        task.Row = write.Row ?? task.Row;
        task.Request = write.Request?.ToArray() ?? task.Request;
        task.Result = write.Result?.ToArray() ?? task.Result;
        if (write.Events is { } events)
        {
            task.Events.Add(events.FirstSeq, events with { Body = events.Body.ToArray() });
        }
    }

    private sealed record KeyUse(TaskId Id, string Fingerprint, DateTimeOffset ExpiresAt);

    private sealed class Stored(TaskRow row, string? key)
    {
        public TaskRow Row { get; set; } = row;

        public string? Key { get; } = key;

        // Not byte[]?: a null of that becomes an empty body when it is widened.
        public ReadOnlyMemory<byte>? Request { get; set; }

        public ReadOnlyMemory<byte>? Result { get; set; }

        public SortedList<int, EventSegment> Events { get; } = [];
    }
}
