using System.Collections.Concurrent;
using Pollard.Tasks.Storage;

namespace Pollard.Storage.Sqlite;

/// <summary>A few read-only connections. Reads run on pool threads, never on the caller's: SQLite waits for the disk.</summary>
internal sealed class SqliteReaders(SqliteStoreOptions options, string? vfs, TimeProvider time) : IAsyncDisposable
{
    private const int BusyMilliseconds = 5_000;
    private const long CacheKibibytes = 8 * 1024;
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(5); // A read keeps the log from beginning anew.
    private readonly SemaphoreSlim _free = new(options.Readers, options.Readers);
    private readonly ConcurrentBag<SqliteReader> _idle = [];
    private volatile bool _closed;

    /// <summary>Reads with a connection that nobody else uses meanwhile.</summary>
    /// <exception cref="StoreException">What is read is damaged, cannot be read, or not in 5 seconds.</exception>
    public async Task<T> ReadAsync<T>(Func<SqliteReader, T> read, CancellationToken ct)
    {
        await _free.WaitAsync(ct);
        try
        {
            if (_closed)
            {
                throw new StoreException(StoreFault.Unavailable, "The store is closed.");
            }

            return await Task.Run(() => Read(read, ct), ct);
        }
        finally
        {
            _free.Release();
        }
    }

    /// <summary>Waits for the reads under way and closes the connections.</summary>
    public async ValueTask DisposeAsync()
    {
        _closed = true;
        for (var i = 0; i < options.Readers; i++)
        {
            await _free.WaitAsync(CancellationToken.None); // A read is short, and it must end before its file is closed.
        }

        while (_idle.TryTake(out var reader))
        {
            reader.Dispose();
        }

        _free.Release(options.Readers); // Who waited hears that the store is closed.
    }

    private T Read<T>(Func<SqliteReader, T> read, CancellationToken ct)
    {
        try
        {
            var reader = _idle.TryTake(out var idle) ? idle : Open();
            try
            {
                using var limit = new CancellationTokenSource(Longest, time);
                using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, ct);
                using var stop = either.Token.UnsafeRegister(
                    static it => ((SqliteReader)it!).Connection.Interrupt(),
                    reader
                );
                return read(reader);
            }
            finally
            {
                reader.Connection.Resume();
                _idle.Add(reader); // Its statements are reset, whatever happened.
            }
        }
        catch (SqliteException error) when (error.PrimaryCode == SqliteNative.Interrupted)
        {
            ct.ThrowIfCancellationRequested();
            throw new StoreException(
                StoreFault.Slow,
                $"The read took longer than {Longest.TotalSeconds} seconds and was cut; ask for less at once, or for tasks of one state or owner.",
                error
            );
        }
        catch (SqliteException error) when (error.IsDamage)
        {
            throw new StoreException(
                StoreFault.Damaged,
                $"The store in {options.Directory} is damaged ({error.Message}). Stop the gateway and restore a backup.",
                error
            );
        }
        catch (SqliteException error)
        {
            throw new StoreException(
                StoreFault.Unavailable,
                $"The store in {options.Directory} cannot be read: {error.Message}.",
                error
            );
        }
    }

    private SqliteReader Open()
    {
        var connection = new SqliteConnection(options.DatabasePath, readOnly: true, vfs);
        try
        {
            connection.SetBusyTimeout(BusyMilliseconds);
            connection.Execute($"PRAGMA cache_size = -{CacheKibibytes}");
            connection.Execute("PRAGMA mmap_size = 0");
            return new SqliteReader(connection);
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }
}
