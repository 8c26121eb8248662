using Pollard.Tasks.Storage;

namespace Pollard.Storage.Sqlite;

/// <summary>The tables, and the steps from each older form of them to the newest.</summary>
internal static class SqliteSchema
{
    /// <summary>"Plrd": marks the file as ours.</summary>
    private const int ApplicationId = 0x506C_7264;

    /// <summary>The labels that a row of <c>task</c> requires, as a table with a column <c>value</c>; none of a row that is damaged.</summary>
    public const string LabelsOfTask =
        "json_each(CASE WHEN json_valid(task.requires) THEN task.requires END, '$.labels')";

    /// <summary>
    /// Step n leads from version n to n + 1, in one transaction with the version's number. Never change one that was released.
    /// </summary>
    /// <remarks>
    /// Moments are milliseconds since 1970, spans milliseconds. Rows are narrow and change in place; bodies and events are only
    /// appended, so that a commit writes each of their pages about once. Indexes are partial wherever most rows need none:
    /// <c>task_unfinished</c> and <c>task_troubled</c> hold few rows of a large history, <c>task_due</c> is appended to in order
    /// of time, and <c>task_owner</c> never changes after the insert. <c>final</c> says of a state whether it is one of the last
    /// four: most changes do not set it, and so touch no index. The view <c>tasks</c> has the columns of the databases of the
    /// task servers whose doors we serve; programs that read them there read them here.
    /// </remarks>
    internal static readonly string[] Steps =
    [
        """
            CREATE TABLE meta (name TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;

            CREATE TABLE task (
              id INTEGER PRIMARY KEY,
              version INTEGER NOT NULL,
              state INTEGER NOT NULL,
              final INTEGER NOT NULL,
              owner TEXT NOT NULL,
              kind TEXT NOT NULL,
              model TEXT NOT NULL,
              priority INTEGER NOT NULL,
              attempt INTEGER NOT NULL,
              max_attempts INTEGER NOT NULL,
              fence INTEGER NOT NULL,
              host TEXT,
              generation INTEGER NOT NULL,
              created_at INTEGER NOT NULL,
              run_at INTEGER,
              queue_deadline INTEGER,
              started_at INTEGER,
              ended_at INTEGER,
              run_timeout INTEGER NOT NULL,
              retention INTEGER,
              flags INTEGER NOT NULL,
              event_count INTEGER NOT NULL,
              error TEXT,
              usage TEXT,
              requires TEXT,
              metadata TEXT,
              idempotency_key TEXT
            ) STRICT;
            CREATE INDEX task_unfinished ON task(id) WHERE final = 0;
            CREATE INDEX task_troubled ON task(state) WHERE state > 2;
            CREATE INDEX task_owner ON task(owner) WHERE owner <> '';
            CREATE INDEX task_due ON task(ended_at)
              WHERE final = 1 AND ended_at IS NOT NULL AND retention IS NULL;
            CREATE INDEX task_due_own ON task(ended_at + retention)
              WHERE final = 1 AND ended_at IS NOT NULL AND retention IS NOT NULL;

            CREATE TABLE task_request (task INTEGER PRIMARY KEY, crc INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
            CREATE TABLE task_result (task INTEGER PRIMARY KEY, crc INTEGER NOT NULL, body BLOB NOT NULL) STRICT;

            CREATE TABLE task_events (
              position INTEGER PRIMARY KEY,
              task INTEGER NOT NULL,
              first_seq INTEGER NOT NULL,
              count INTEGER NOT NULL,
              crc INTEGER NOT NULL,
              body BLOB NOT NULL
            ) STRICT;
            CREATE UNIQUE INDEX task_events_order ON task_events(task, first_seq);

            CREATE TABLE idempotency (
              owner TEXT NOT NULL,
              key TEXT NOT NULL,
              task INTEGER NOT NULL,
              fingerprint TEXT NOT NULL,
              expires_at INTEGER NOT NULL,
              PRIMARY KEY (owner, key)
            ) STRICT, WITHOUT ROWID;

            CREATE TABLE record (
              collection TEXT NOT NULL,
              id TEXT NOT NULL,
              body BLOB NOT NULL,
              PRIMARY KEY (collection, id)
            ) STRICT, WITHOUT ROWID;
            """,
        $"""
            CREATE TABLE task_label (
              label TEXT NOT NULL,
              task INTEGER NOT NULL,
              PRIMARY KEY (label, task)
            ) STRICT, WITHOUT ROWID;
            INSERT OR IGNORE INTO task_label (label, task) SELECT value, task.id FROM task, {LabelsOfTask} WHERE task.requires IS NOT NULL;
            """,
        """
            ALTER TABLE task ADD COLUMN validation TEXT;
            ALTER TABLE task ADD COLUMN name TEXT;
            CREATE UNIQUE INDEX task_name ON task(name) WHERE name IS NOT NULL;

            CREATE VIEW tasks AS SELECT
              coalesce(task.name, 'id:' || task.id) AS task_id,
              CASE task.state
                WHEN 0 THEN 'pending' WHEN 1 THEN 'running' WHEN 2 THEN 'completed'
                WHEN 3 THEN 'failed' WHEN 4 THEN 'timeout' ELSE 'cancelled' END AS status,
              (SELECT CAST(body AS TEXT) FROM task_request WHERE task_request.task = task.id) AS llm_config,
              task.model AS model,
              task.created_at / 1000.0 AS created_at,
              task.started_at / 1000.0 AS started_at,
              task.ended_at / 1000.0 AS completed_at,
              coalesce(task.ended_at, task.started_at, task.created_at) / 1000.0 AS updated_at,
              strftime('%Y-%m-%dT%H:%M:%f', task.started_at / 1000.0, 'unixepoch') AS start_time,
              strftime('%Y-%m-%dT%H:%M:%f', task.ended_at / 1000.0, 'unixepoch') AS end_time,
              (SELECT CAST(body AS TEXT) FROM task_result WHERE task_result.task = task.id) AS result,
              CASE WHEN task.state > 2 AND json_valid(task.error) THEN task.error ->> 'message' END AS error,
              CASE WHEN task.state = 1 THEN json_object('stage',
                CASE (task.flags >> 3) & 3 WHEN 1 THEN 'validating' ELSE 'running' END) END AS progress,
              (task.flags >> 8) & 255 AS validation_attempts
            FROM task;
            """,
    ];

    /// <summary>The version that this program writes.</summary>
    public static int Newest => Steps.Length;

    /// <summary>Brings a database to the newest form. A crash leaves it at the version before or after a step.</summary>
    /// <exception cref="StoreException">The database is newer than this program, or none of ours.</exception>
    public static void Migrate(SqliteConnection connection, string path) => Migrate(connection, path, Steps);

    internal static void Migrate(SqliteConnection connection, string path, string[] steps)
    {
        for (var version = Check(connection, path, steps.Length); version < steps.Length; version++)
        {
            connection.Execute("BEGIN IMMEDIATE");
            connection.Execute(steps[version]);
            connection.Execute($"PRAGMA application_id = {ApplicationId}");
            connection.Execute($"PRAGMA user_version = {version + 1}");
            connection.Execute("COMMIT");
        }
    }

    /// <summary>The version of a database that this program can open.</summary>
    /// <exception cref="StoreException">It is newer than this program, or none of ours.</exception>
    public static long Check(SqliteConnection connection, string path) => Check(connection, path, Newest);

    private static long Check(SqliteConnection connection, string path, int newest)
    {
        var version = connection.QueryInteger("PRAGMA user_version");
        var application = connection.QueryInteger("PRAGMA application_id");
        var tables = connection.QueryInteger("SELECT count(*) FROM sqlite_schema");
        if (application != ApplicationId && tables > 0)
        {
            throw new StoreException(
                StoreFault.CannotOpen,
                $"{path} is a database of another program. Choose another data directory."
            );
        }

        return version <= newest
            ? version
            : throw new StoreException(
                StoreFault.CannotOpen,
                $"The store {path} has version {version}; this program knows versions up to {newest}. "
                    + "Run the newer program, or restore a backup made before it."
            );
    }
}
