using System.Diagnostics;
using Pollard.Tasks;
using Pollard.Tasks.Events;
using Pollard.Tasks.Storage;

namespace Pollard.Storage.Sqlite;

/// <summary>
/// Applies writes inside the writer's transaction. A write's guards are asked by its first statement that changes something, so
/// that a refused write leaves nothing behind and needs no savepoint.
/// </summary>
internal sealed class TableWriter(SqliteConnection connection)
{
    private readonly SqliteStatement _insert = connection.Prepare(RowColumns.Insert);
    private readonly SqliteStatement _updateLive = connection.Prepare(RowColumns.UpdateLive);
    private readonly SqliteStatement _update = connection.Prepare(RowColumns.Update);

    private readonly SqliteStatement _request = connection.Prepare(
        "INSERT OR REPLACE INTO task_request (task, crc, body) VALUES (?1, ?2, ?3)"
    );

    private readonly SqliteStatement _result = connection.Prepare(
        "INSERT OR REPLACE INTO task_result (task, crc, body) VALUES (?1, ?2, ?3)"
    );

    private readonly SqliteStatement _label = connection.Prepare(
        "INSERT OR IGNORE INTO task_label (label, task) VALUES (?1, ?2)"
    );

    private readonly SqliteStatement _events = connection.Prepare(
        """
        INSERT OR IGNORE INTO task_events (task, first_seq, count, crc, body)
        SELECT ?1, ?2, ?3, ?4, ?5 FROM task WHERE id = ?1 AND (?6 = 0 OR version = ?6)
        """
    );

    private readonly SqliteStatement _exists = connection.Prepare(
        "SELECT 1 FROM task WHERE id = ?1 AND (?2 = 0 OR version = ?2)"
    );

    private readonly SqliteStatement _findKey = connection.Prepare(
        "SELECT task, fingerprint FROM idempotency WHERE owner = ?1 AND key = ?2 AND expires_at > ?3"
    );

    private readonly SqliteStatement _putKey = connection.Prepare(
        "INSERT OR REPLACE INTO idempotency (owner, key, task, fingerprint, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)"
    );

    private readonly SqliteStatement _putRecord = connection.Prepare(
        "INSERT OR REPLACE INTO record (collection, id, body) VALUES (?1, ?2, ?3)"
    );

    private readonly SqliteStatement _deleteRecord = connection.Prepare(
        "DELETE FROM record WHERE collection = ?1 AND id = ?2"
    );

    // hot: bench store
    public StoreOutcome Apply(StoreWrite write, DateTimeOffset now) =>
        write.Row is { } row && write.ExpectedVersion == 0 ? Insert(write, row, now) : Change(write);

    public void PutRecord(string collection, string id, ReadOnlySpan<byte> body) =>
        _putRecord.Bind(1, collection).Bind(2, id).Bind(3, body).Run();

    public void DeleteRecord(string collection, string id) => _deleteRecord.Bind(1, collection).Bind(2, id).Run();

    /// <summary>Changes a page, so that the commit has something to write.</summary>
    public void WriteTrial() =>
        connection.Execute(
            "INSERT INTO meta (name, value) VALUES ('trials', 1) ON CONFLICT DO UPDATE SET value = value + 1"
        );

    private StoreOutcome Insert(StoreWrite write, TaskRow row, DateTimeOffset now)
    {
        if (write.Idempotency is { } key && FindKey(row.Owner, key.Key, now) is { } existing)
        {
            write.Existing = existing;
            return StoreOutcome.Duplicate;
        }

        RowColumns.BindChanging(_insert, row);
        RowColumns.BindEnd(_insert, row);
        RowColumns.BindFixed(_insert, row, write.Idempotency?.Key);
        if (_insert.Run() == 0)
        {
            return StoreOutcome.Conflict;
        }

        if (write.Idempotency is { } newKey)
        {
            PutKey(row.Owner, newKey, write.Id);
        }

        foreach (var label in row.Requires?.Labels ?? [])
        {
            _label.Bind(1, label).Bind(2, write.Id.Value).Run();
        }

        WriteBodies(write);
        if (write.Events is { } events && !AddEvents(write.Id, events, 0))
        {
            throw new UnreachableException($"A new task {write.Id} has events already.");
        }

        return StoreOutcome.Committed;
    }

    private StoreOutcome Change(StoreWrite write)
    {
        if (write.Events is { } events)
        {
            if (!AddEvents(write.Id, events, write.ExpectedVersion))
            {
                return StoreOutcome.Conflict;
            }
        }
        else if (write.Row is null && !Exists(write.Id, write.ExpectedVersion))
        {
            return StoreOutcome.Conflict;
        }

        if (write.Row is { } row && !Update(row, write.ExpectedVersion))
        {
            // With events the version was right a moment ago, in this transaction.
            return write.Events is null
                ? StoreOutcome.Conflict
                : throw new UnreachableException($"Task {write.Id} changed while it was written.");
        }

        WriteBodies(write);
        return StoreOutcome.Committed;
    }

    private bool Update(TaskRow row, long expectedVersion)
    {
        if (RowColumns.IsLive(row))
        {
            RowColumns.BindChanging(_updateLive, row);
            _updateLive.Bind(16, row.Id.Value).Bind(17, expectedVersion);
            if (_updateLive.Bind(18, RowColumns.Retention(row)).Run() != 0)
            {
                return true;
            }
        }

        RowColumns.BindChanging(_update, row);
        RowColumns.BindEnd(_update, row);
        return _update.Bind(20, row.Id.Value).Bind(21, expectedVersion).Run() != 0;
    }

    private void WriteBodies(StoreWrite write)
    {
        if (write.Request is { } request)
        {
            PutBody(_request, write.Id, request.Span);
        }

        if (write.Result is { } result)
        {
            PutBody(_result, write.Id, result.Span);
        }
    }

    private static void PutBody(SqliteStatement statement, TaskId id, ReadOnlySpan<byte> body) =>
        statement.Bind(1, id.Value).Bind(2, Checksum.Of(body)).RunWith(3, body);

    private bool AddEvents(TaskId id, EventSegment events, long version) =>
        _events
            .Bind(1, id.Value)
            .Bind(2, events.FirstSeq)
            .Bind(3, events.Count)
            .Bind(4, Checksum.Of(events.Body.Span))
            .Bind(6, version)
            .RunWith(5, events.Body.Span) != 0;

    private bool Exists(TaskId id, long version)
    {
        try
        {
            return _exists.Bind(1, id.Value).Bind(2, version).Step();
        }
        finally
        {
            _exists.Reset();
        }
    }

    private (TaskId Id, string Fingerprint)? FindKey(string owner, string key, DateTimeOffset now)
    {
        try
        {
            return _findKey.Bind(1, owner).Bind(2, key).Bind(3, now.ToUnixTimeMilliseconds()).Step()
                ? (new TaskId(_findKey.Integer(0)), _findKey.Text(1))
                : null;
        }
        finally
        {
            _findKey.Reset();
        }
    }

    private void PutKey(string owner, IdempotencyKey key, TaskId id) =>
        _putKey
            .Bind(1, owner)
            .Bind(2, key.Key)
            .Bind(3, id.Value)
            .Bind(4, key.Fingerprint)
            .Bind(5, key.ExpiresAt.ToUnixTimeMilliseconds())
            .Run();
}
