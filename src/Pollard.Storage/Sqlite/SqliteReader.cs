using Pollard.Tasks;
using Pollard.Tasks.Events;
using Pollard.Tasks.Storage;

namespace Pollard.Storage.Sqlite;

/// <summary>The questions that the store answers, on one connection.</summary>
internal sealed class SqliteReader(SqliteConnection connection) : IDisposable
{
    private const int MaxListed = 1_000;
    private const int FirstLabel = 7;

    private readonly SqliteStatement _find = connection.Prepare($"SELECT {RowColumns.All} FROM task WHERE id = ?1");

    private readonly SqliteStatement _named = connection.Prepare("SELECT id FROM task WHERE name = ?1");

    private readonly SqliteStatement _request = connection.Prepare(
        "SELECT crc, body FROM task_request WHERE task = ?1"
    );

    private readonly SqliteStatement _result = connection.Prepare("SELECT crc, body FROM task_result WHERE task = ?1");

    private readonly SqliteStatement _unfinished = connection.Prepare(
        $"SELECT {RowColumns.All} FROM task INDEXED BY task_unfinished WHERE final = 0 AND id > ?1 ORDER BY id LIMIT ?2"
    );

    // Begins with the segment that holds the wanted event, which may begin before it.
    private readonly SqliteStatement _events = connection.Prepare(
        """
        SELECT first_seq, count, crc, body FROM task_events
        WHERE task = ?1 AND first_seq >= coalesce(
          (SELECT max(first_seq) FROM task_events WHERE task = ?1 AND first_seq <= ?2), 0)
        ORDER BY first_seq
        """
    );

    private readonly SqliteStatement _records = connection.Prepare(
        "SELECT id, body FROM record WHERE collection = ?1 ORDER BY id"
    );

    private readonly Dictionary<string, SqliteStatement> _lists = new(StringComparer.Ordinal);

    /// <summary>What it reads with.</summary>
    public SqliteConnection Connection => connection;

    public TaskRow? Find(TaskId id)
    {
        try
        {
            return _find.Bind(1, id.Value).Step() ? RowColumns.Read(_find) : null;
        }
        finally
        {
            _find.Reset();
        }
    }

    public TaskId? Find(string name)
    {
        try
        {
            return _named.Bind(1, name).Step() ? new TaskId(_named.Integer(0)) : null;
        }
        finally
        {
            _named.Reset();
        }
    }

    public ReadOnlyMemory<byte>? Body(TaskId id, BodyKind kind)
    {
        var statement = kind == BodyKind.Request ? _request : _result;
        try
        {
            return statement.Bind(1, id.Value).Step()
                ? Checked(statement, 0, 1, id, kind == BodyKind.Request ? "request" : "result")
                : default(ReadOnlyMemory<byte>?);
        }
        finally
        {
            statement.Reset();
        }
    }

    public IReadOnlyList<TaskRow> Unfinished(TaskId after, int max) =>
        Rows(_unfinished.Bind(1, after.Value).Bind(2, max));

    public IReadOnlyList<TaskEvent> Events(TaskId id, int from, int maxBytes)
    {
        var events = new List<TaskEvent>();
        var bytes = 0L;
        _events.Bind(1, id.Value).Bind(2, from);
        try
        {
            while (bytes <= maxBytes && _events.Step())
            {
                var before = events.Count;
                new EventSegment(
                    (int)_events.Integer(0),
                    (int)_events.Integer(1),
                    Checked(_events, 2, 3, id, "event log")
                ).Unpack(events, from);
                for (var i = before; i < events.Count; i++)
                {
                    bytes += EventPage.EventBytes + events[i].Data.Length;
                }
            }
        }
        catch (InvalidDataException error)
        {
            throw new StoreException(
                StoreFault.Damaged,
                $"The event log of task {id} is damaged: {error.Message}",
                error
            );
        }
        finally
        {
            _events.Reset();
        }

        return EventPage.Cut(events, maxBytes);
    }

    public TaskListing List(TaskQuery query)
    {
        var sql = ListSql(query);
        if (!_lists.TryGetValue(sql, out var statement))
        {
            statement = connection.Prepare(sql);
            _lists.Add(sql, statement); // At most one for each mixture of filters.
        }

        statement.Bind(1, query.Before is { } before ? before.Value : long.MaxValue);
        var limit = Math.Clamp(query.Limit, 1, MaxListed);
        statement.Bind(2, limit);
        BindIf(statement, 3, query.Owner);
        BindIf(statement, 4, query.Kind);
        BindIf(statement, 5, query.Model);
        if (query.State is { } state)
        {
            statement.Bind(6, (long)state);
        }

        for (var i = 0; i < query.Labels.Count; i++)
        {
            statement.Bind(FirstLabel + i, query.Labels[i]);
        }

        var rows = Rows(statement);
        return new TaskListing(rows, rows.Count == limit ? rows[^1].Id : null);
    }

    public StoreSize Measure()
    {
        var ended = connection.QueryInteger(
            """
            SELECT count(*) FROM task INDEXED BY task_due
            WHERE final = 1 AND ended_at IS NOT NULL AND retention IS NULL
            """
        );
        var pages = connection.QueryInteger("PRAGMA page_count") - connection.QueryInteger("PRAGMA freelist_count");
        return new StoreSize(ended, pages * connection.QueryInteger("PRAGMA page_size"));
    }

    public IReadOnlyList<StoreRecord> Records(string collection)
    {
        var records = new List<StoreRecord>();
        _records.Bind(1, collection);
        try
        {
            while (_records.Step())
            {
                records.Add(new StoreRecord(_records.Text(0), _records.Bytes(1).ToArray()));
            }
        }
        finally
        {
            _records.Reset();
        }

        return records;
    }

    public void Dispose() => connection.Dispose();

    /// <summary>
    /// The index is chosen here and not by SQLite, which keeps no statistics of ours: by state where few tasks are in it, else by
    /// label, else by owner, else along the table from its newest row.
    /// </summary>
    private static string ListSql(TaskQuery query)
    {
        const string Rows = "task INDEXED BY";
        var (from, where) = query switch
        {
            { State: TaskState.Pending or TaskState.Running } => ($"{Rows} task_unfinished", "final = 0"),
            { State: not null and not TaskState.Completed } => ($"{Rows} task_troubled", "state > 2"),
            // CROSS: SQLite keeps this order, along one label's tasks from the newest.
            { Labels.Count: > 0 } => (
                $"task_label AS l CROSS JOIN task ON id = l.task",
                $"l.label = ?{FirstLabel} AND l.task < ?1"
            ),
            { Owner.Length: > 0 } => ($"{Rows} task_owner", "owner <> ''"),
            _ => ("task NOT INDEXED", "1"),
        };
        var labels = Enumerable
            .Range(FirstLabel, query.Labels.Count)
            .Select(n => $" AND EXISTS (SELECT 1 FROM task_label AS own WHERE own.label = ?{n} AND own.task = id)");
        return $"SELECT {RowColumns.All} FROM {from} WHERE {where} AND id < ?1"
            + (query.Owner is null ? "" : " AND owner = ?3")
            + (query.Kind is null ? "" : " AND kind = ?4")
            + (query.Model is null ? "" : " AND model = ?5")
            + (query.State is null ? "" : " AND state = ?6")
            + string.Concat(labels)
            + $" ORDER BY {(from.StartsWith("task_label", StringComparison.Ordinal) ? "l.task" : "id")} DESC LIMIT ?2";
    }

    private static void BindIf(SqliteStatement statement, int index, string? value)
    {
        if (value is not null)
        {
            statement.Bind(index, value);
        }
    }

    private static List<TaskRow> Rows(SqliteStatement statement)
    {
        var rows = new List<TaskRow>();
        try
        {
            while (statement.Step())
            {
                rows.Add(RowColumns.Read(statement));
            }
        }
        finally
        {
            statement.Reset();
        }

        return rows;
    }

    // Not byte[]: a null beside one would become an empty body.
    private static ReadOnlyMemory<byte> Checked(SqliteStatement row, int crc, int body, TaskId id, string what)
    {
        var bytes = row.Bytes(body).ToArray();
        return Checksum.Of(bytes) == (uint)row.Integer(crc)
            ? bytes
            : throw new StoreException(
                StoreFault.Damaged,
                $"The {what} of task {id} is damaged on disk: its checksum does not hold. Restore a backup, or delete the task."
            );
    }
}
