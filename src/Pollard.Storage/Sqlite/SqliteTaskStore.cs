using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Pollard.Tasks;
using Pollard.Tasks.Events;
using Pollard.Tasks.Storage;

namespace Pollard.Storage.Sqlite;

/// <summary>The store on disk: one SQLite database in the data directory, written by one thread.</summary>
public sealed class SqliteTaskStore(
    SqliteStoreOptions options,
    TimeProvider time,
    ILogger<SqliteTaskStore>? logger = null
) : ITaskStore
{
    private const int MaxEpoch = 1 << 23;
    private const int IdKeyBytes = 16;

    /// <summary>How long one of our connections waits for another: they do so only around a restart of the log.</summary>
    internal const int BusyMilliseconds = 10_000;

    private const int UnfinishedPage = 1_000;
    private readonly StoreCondition _condition = new();
    private bool _disposed;
    private DataDirectory? _directory;
    private DiskGuard? _guard;
    private SqliteConnection? _connection;
    private Checkpointer? _checkpointer;
    private SqliteWriter? _writer;
    private SqliteReaders? _readers;

    /// <inheritdoc/>
    public int Backlog => _writer?.Backlog ?? 0;

    /// <summary>Commits since it was opened.</summary>
    internal long Commits => _writer?.Commits ?? 0;

    /// <inheritdoc/>
    public StoreHealth Health => _condition.Health;

    /// <inheritdoc/>
    public IReadOnlyList<LoopState> Loops =>
        _writer is null || _checkpointer is null || _guard is null
            ? []
            : [_writer.Loop.Look(), _checkpointer.Loop.Look(), _guard.Loop.Look()];

    /// <inheritdoc/>
    public IBodyStore Bodies { get; } = new FileBodies(options.BodiesPath);

    /// <inheritdoc/>
    public Task<StoreIdentity> OpenAsync(CancellationToken cancellationToken) => Task.Run(Open, cancellationToken);

    /// <inheritdoc/>
    public void Enqueue(params ReadOnlySpan<StoreWrite> writes) => Writer.Enqueue(writes);

    /// <inheritdoc/>
    public async IAsyncEnumerable<TaskRow> ReadUnfinishedAsync(
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        var after = default(TaskId);
        while (true)
        {
            var page = await Readers.ReadAsync(reader => reader.Unfinished(after, UnfinishedPage), cancellationToken);
            foreach (var row in page)
            {
                yield return row;
            }

            if (page.Count < UnfinishedPage)
            {
                yield break;
            }

            after = page[^1].Id;
        }
    }

    /// <inheritdoc/>
    public ValueTask<TaskRow?> FindAsync(TaskId id, CancellationToken cancellationToken) =>
        new(Readers.ReadAsync(reader => reader.Find(id), cancellationToken));

    /// <inheritdoc/>
    public ValueTask<TaskId?> FindAsync(string name, CancellationToken cancellationToken) =>
        new(Readers.ReadAsync(reader => reader.Find(name), cancellationToken));

    /// <inheritdoc/>
    public ValueTask<ReadOnlyMemory<byte>?> ReadBodyAsync(
        TaskId id,
        BodyKind kind,
        CancellationToken cancellationToken
    ) => new(Readers.ReadAsync(reader => reader.Body(id, kind), cancellationToken));

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<TaskEvent>> ReadEventsAsync(
        TaskId id,
        int from,
        int maxBytes,
        CancellationToken cancellationToken
    ) => new(Readers.ReadAsync(reader => reader.Events(id, from, maxBytes), cancellationToken));

    /// <inheritdoc/>
    public ValueTask<TaskListing> ListAsync(TaskQuery query, CancellationToken cancellationToken) =>
        new(Readers.ReadAsync(reader => reader.List(query), cancellationToken));

    /// <inheritdoc/>
    public ValueTask<int> PurgeAsync(DateTimeOffset now, TimeSpan keep, int max, CancellationToken cancellationToken) =>
        new(Writer.PurgeAsync(new PurgeJob(now, keep, max, cancellationToken)));

    /// <inheritdoc/>
    public ValueTask<StoreSize> MeasureAsync(CancellationToken cancellationToken) =>
        new(Readers.ReadAsync(static reader => reader.Measure(), cancellationToken));

    /// <inheritdoc/>
    public ValueTask PutRecordAsync(
        string collection,
        string id,
        ReadOnlyMemory<byte> json,
        CancellationToken cancellationToken
    ) => new(RunAsync(new PutRecord(collection, id, json), cancellationToken));

    /// <inheritdoc/>
    public ValueTask DeleteRecordAsync(string collection, string id, CancellationToken cancellationToken) =>
        new(RunAsync(new DeleteRecord(collection, id), cancellationToken));

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<StoreRecord>> ReadRecordsAsync(
        string collection,
        CancellationToken cancellationToken
    ) => new(Readers.ReadAsync(reader => reader.Records(collection), cancellationToken));

    /// <summary>Commits what was handed over, copies the log into the database and lets the directory go.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, true))
        {
            return;
        }

        _guard?.Dispose();
        if (_readers is { } readers)
        {
            await readers.DisposeAsync();
        }

        await Task.Run(Close);
    }

    private SqliteWriter Writer => _writer ?? throw NotOpen();

    private SqliteReaders Readers => _readers ?? throw NotOpen();

    private static InvalidOperationException NotOpen() => new("The store is not open.");

    private Task RunAsync(AwaitedJob job, CancellationToken ct)
    {
        Writer.Enqueue(job);
        return job.Done.WaitAsync(ct);
    }

    private StoreIdentity Open()
    {
        _directory = DataDirectory.Take(options);
        try
        {
            options.Faults?.Install(options.Directory);
            var vfs = SyncVfs.Register();
            _connection = Connect(vfs);
            _connection.Execute("PRAGMA auto_vacuum = INCREMENTAL"); // Counts only before the first table.
            _connection.Execute("PRAGMA journal_mode = WAL");
            SqliteSchema.Migrate(_connection, options.DatabasePath);
            var identity = Identify(_connection);
            _guard = new DiskGuard(options, time, _condition, logger ?? NullLogger<SqliteTaskStore>.Instance);
            _checkpointer = new Checkpointer(Connect(vfs), options, _condition, _guard, time);
            _writer = new SqliteWriter(_connection, options, time, _condition, _guard, _checkpointer);
            _readers = new SqliteReaders(options, vfs, time);
            var writer = _writer;
            _guard.Start(() => writer.Enqueue(new Trial()));
            return identity;
        }
        catch (SqliteException error)
        {
            Close();
            throw CannotOpen(error);
        }
        catch
        {
            Close();
            throw;
        }
    }

    private SqliteConnection Connect(string? vfs)
    {
        var connection = new SqliteConnection(options.DatabasePath, readOnly: false, vfs);
        try
        {
            connection.SetBusyTimeout(BusyMilliseconds);
            connection.Execute("PRAGMA page_size = 4096");
            connection.Execute("PRAGMA synchronous = FULL");
            connection.Execute("PRAGMA wal_autocheckpoint = 0");
            connection.Execute("PRAGMA journal_size_limit = -1");
            connection.Execute($"PRAGMA cache_size = -{options.CacheBytes / 1024}");
            connection.Execute("PRAGMA temp_store = MEMORY");
            connection.Execute("PRAGMA mmap_size = 0"); // A mapped read of a bad disk ends the process.
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private StoreIdentity Identify(SqliteConnection connection)
    {
        var key = RandomNumberGenerator.GetHexString(2 * IdKeyBytes);
        connection.Execute("BEGIN IMMEDIATE");
        connection.Execute(
            $"""
            INSERT INTO meta (name, value) VALUES ('epoch', 1) ON CONFLICT DO UPDATE SET value = value + 1;
            INSERT OR IGNORE INTO meta (name, value) VALUES ('id_key', x'{key}');
            """
        );
        connection.Execute("COMMIT");
        var epoch = connection.QueryInteger("SELECT value FROM meta WHERE name = 'epoch'");
        if (epoch > MaxEpoch)
        {
            throw new StoreException(
                StoreFault.CannotOpen,
                $"The store in {options.Directory} was opened {MaxEpoch} times, which is the most. Export its tasks into a new one."
            );
        }

        return new StoreIdentity(
            (int)epoch,
            connection.QueryBytes("SELECT value FROM meta WHERE name = 'id_key'"),
            new TaskId(connection.QueryInteger("SELECT max(id) FROM task"))
        );
    }

    // Once, whoever calls first: an opening that failed, or the owner.
    private void Close()
    {
        if (_directory is not { } directory)
        {
            return; // Never opened, or closed already: the directory may be somebody else's.
        }

        _directory = null;
        _writer?.Dispose();
        _checkpointer?.Dispose();
        if (_connection is { } connection && _condition.Level != StoreLevel.Broken)
        {
            // Broken: its files stay open until the process ends, because closing would sync once more and be told that all is well.
            CopyLog(connection);
            connection.Dispose();
        }

        directory.Dispose();
        VfsFaults.Remove(options.Directory);
    }

    private static void CopyLog(SqliteConnection connection)
    {
        try
        {
            connection.Checkpoint(SqliteNative.CheckpointTruncate, out _, out _);
        }
        catch (SqliteException)
        {
            // The log stays as it is and is read at the next start.
        }
    }

    private StoreException CannotOpen(SqliteException error) =>
        error.PrimaryCode switch
        {
            SqliteNative.NotADatabase or SqliteNative.Corrupt => new StoreException(
                StoreFault.CannotOpen,
                $"The store {options.DatabasePath} is damaged ({error.Message}). Restore a backup, or choose another data directory.",
                error
            ),
            SqliteNative.Full => new StoreException(
                StoreFault.CannotOpen,
                $"The store {options.DatabasePath} cannot be opened: its disk is full. Free some space and start again.",
                error
            ),
            _ => new StoreException(
                StoreFault.CannotOpen,
                $"The store {options.DatabasePath} cannot be opened: {error.Message}.",
                error
            ),
        };
}
