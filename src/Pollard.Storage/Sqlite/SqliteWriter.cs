using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Pollard.Tasks;
using Pollard.Tasks.Storage;

namespace Pollard.Storage.Sqlite;

/// <summary>
/// The one thread that writes. It commits what has come in while the commit before was synced: under load many writes share a
/// sync, without load a write waits for nobody.
/// </summary>
internal sealed unsafe class SqliteWriter : IDisposable
{
    /// <summary>Under load, a slice of a purge is let in after so many commits.</summary>
    private const int CommitsBetweenSlices = 8;
    private static readonly TimeSpan CommitDeadline = TimeSpan.FromSeconds(30);

    private readonly SqliteConnection _connection;
    private readonly SqliteStoreOptions _options;
    private readonly TimeProvider _time;
    private readonly StoreCondition _condition;
    private readonly DiskGuard _guard;
    private readonly Checkpointer _checkpointer;
    private readonly TableWriter _tables;
    private readonly Purger _purger;
    private readonly SqliteStatement _begin;
    private readonly SqliteStatement _commit;
    private readonly WriteQueue _queue = new();
    private readonly Lock _purgeGate = new();
    private readonly Queue<PurgeJob> _purges = new();
    private readonly List<object> _batch = [];
    private readonly List<StoreOutcome> _outcomes = [];
    private readonly Thread _thread;
    private readonly int* _framesInLog;
    private PurgeJob? _purge;
    private int _commitsSinceSlice;
    private long _commits;

    /// <summary>Prepares its statements and starts the thread.</summary>
    public SqliteWriter(
        SqliteConnection connection,
        SqliteStoreOptions options,
        TimeProvider time,
        StoreCondition condition,
        DiskGuard guard,
        Checkpointer checkpointer
    )
    {
        _connection = connection;
        _options = options;
        _time = time;
        Loop = new BackgroundLoop("store_writes", CommitDeadline, interval: null, time);
        _condition = condition;
        _guard = guard;
        _checkpointer = checkpointer;
        _tables = new TableWriter(connection);
        _purger = new Purger(connection);
        _begin = connection.Prepare("BEGIN IMMEDIATE");
        _commit = connection.Prepare("COMMIT");
        _framesInLog = (int*)NativeMemory.AllocZeroed(sizeof(int));
        SqliteNative.WalHook(connection.Handle, &LogGrew, (nint)_framesInLog);
        _thread = new Thread(Run) { Name = "pollard store writer", IsBackground = true };
        _thread.Start();
    }

    /// <summary>How the writer is.</summary>
    public BackgroundLoop Loop { get; }

    /// <summary>Entries not yet answered.</summary>
    public int Backlog => _queue.Count;

    /// <summary>Commits so far.</summary>
    public long Commits => Volatile.Read(ref _commits);

    /// <summary>Takes writes for one commit.</summary>
    public void Enqueue(ReadOnlySpan<StoreWrite> writes)
    {
        if (!_queue.TryEnqueue(writes))
        {
            foreach (var write in writes)
            {
                write.Complete(StoreOutcome.Failed);
            }
        }
    }

    /// <summary>Takes something else for a commit.</summary>
    public void Enqueue(WriterJob job)
    {
        if (!_queue.TryEnqueue(job))
        {
            job.Fail(Closed());
        }
    }

    /// <summary>Deletes what is due, between commits.</summary>
    public Task<int> PurgeAsync(PurgeJob job)
    {
        lock (_purgeGate)
        {
            _purges.Enqueue(job);
        }

        // The writer may be asleep: something to answer wakes it.
        if (!_queue.TryEnqueue(new Nudge()))
        {
            job.Fail(Closed());
        }

        return job.Done;
    }

    /// <summary>Writes what is here, and ends the thread.</summary>
    public void Dispose()
    {
        _queue.Close();
        _thread.Join();
        _queue.Dispose();
        NativeMemory.Free(_framesInLog);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int LogGrew(nint context, nint db, byte* name, int frames)
    {
        _ = (db, (nint)name);
        *(int*)context = frames;
        return SqliteNative.Ok;
    }

    private void Run()
    {
        while (_queue.Take(_batch, _options, wait: !NextPurge()))
        {
            Loop.Begin();
            if (_batch.Count > 0)
            {
                CommitBatch();
                _commitsSinceSlice++;
            }

            if (_purge is not null && (_batch.Count == 0 || _commitsSinceSlice > CommitsBetweenSlices))
            {
                PurgeSlice(_purge);
            }

            _batch.Clear();
            Loop.End();
        }

        while (NextPurge())
        {
            _purge!.Fail(Closed());
            _purge = null;
        }
    }

    private void CommitBatch()
    {
        if (!_condition.TakesChanges)
        {
            RefuseBatch();
        }

        StoreException? failure = null;
        try
        {
            if (_checkpointer.FinishWanted)
            {
                _checkpointer.Finish(_connection);
            }

            if (_batch.Count > 0)
            {
                WriteBatch();
            }
        }
        catch (Exception error) // Whatever it was: nothing of the batch is on disk, and the thread must live.
        {
            _guard.Failed(error);
            failure = _condition.Refusal(error.Message);
            Rollback();
        }

        Answer(failure);
    }

    // A stopped store answers everything at once, but for a trial, which finds out whether it can go on.
    private void RefuseBatch()
    {
        var trial = _batch.Find(item => item is Trial);
        var tries = trial is not null && _condition.Level == StoreLevel.Stopped && _guard.Prepare();
        if (tries)
        {
            _batch.Remove(trial!);
        }

        Answer(_condition.Refusal());
        _batch.Clear();
        if (tries)
        {
            _batch.Add(trial!);
        }
    }

    private void WriteBatch()
    {
        _outcomes.Clear();
        var now = _time.GetUtcNow();
        var newTasks = _condition.TakesNewTasks;
        var began = _time.GetTimestamp();
        _begin.Run();
        foreach (var item in _batch)
        {
            switch (item)
            {
                case StoreWrite { ExpectedVersion: 0, Row: not null } when !newTasks:
                    _outcomes.Add(StoreOutcome.Failed);
                    break;
                case StoreWrite write:
                    _outcomes.Add(_tables.Apply(write, now));
                    break;
                case WriterJob job:
                    job.Apply(_tables);
                    _outcomes.Add(StoreOutcome.Committed);
                    break;
            }
        }

        _commit.Run();
        Volatile.Write(ref _commits, _commits + 1);
        StoreMetrics.Committed(_time.GetElapsedTime(began), _batch.Count);
        _checkpointer.Committed(*_framesInLog);
    }

    private void Answer(StoreException? failure)
    {
        _queue.Answered(_batch.Count);
        for (var i = 0; i < _batch.Count; i++)
        {
            switch (_batch[i])
            {
                case StoreWrite write:
                    write.Complete(failure is null ? _outcomes[i] : StoreOutcome.Failed);
                    break;
                case WriterJob job when failure is null:
                    job.Complete();
                    if (job is Trial)
                    {
                        _guard.Recovered();
                    }

                    break;
                case WriterJob job:
                    job.Fail(failure!);
                    break;
            }
        }
    }

    private bool NextPurge()
    {
        lock (_purgeGate)
        {
            return _purge is not null || _purges.TryDequeue(out _purge);
        }
    }

    private void PurgeSlice(PurgeJob job)
    {
        _commitsSinceSlice = 0;
        if (job.IsCancelled)
        {
            job.Cancel();
            _purge = null;
            return;
        }

        try
        {
            if (!_condition.TakesChanges)
            {
                throw _condition.Refusal();
            }

            if (_purger.DeleteSlice(job))
            {
                _purger.Shrink();
                _purge = null;
                job.Complete();
            }

            _checkpointer.Committed(*_framesInLog);
        }
        catch (StoreException error)
        {
            _purge = null;
            job.Fail(error);
        }
        catch (Exception error) // As in a commit.
        {
            _guard.Failed(error);
            Rollback();
            _purge = null;
            job.Fail(_condition.Refusal(error.Message));
        }
    }

    private static StoreException Closed() => new(StoreFault.Unavailable, "The store is closed.");

    // Most errors have ended the transaction already.
    private void Rollback()
    {
        try
        {
            if (_connection.InTransaction)
            {
                _connection.Execute("ROLLBACK");
            }
        }
        catch (SqliteException error)
        {
            _guard.Failed(error);
        }
    }
}
