using Pollard.Tasks;

namespace Pollard.Storage.Sqlite;

/// <summary>
/// Copies the log into the database file on a thread of its own, because a copy takes longer than many commits. While writes
/// go on, a copy never catches up with the log's end; when the log has grown too long, the writer is asked to finish what this
/// thread has just nearly finished, and the log begins anew.
/// </summary>
internal sealed class Checkpointer : IDisposable
{
    private const int PageBytes = 4_096;
    private static readonly TimeSpan CopyDeadline = TimeSpan.FromMinutes(2); // A log of its full length on a slow disk.

    // A long read keeps the log from beginning anew: better to let it grow on than to let writes wait for a reader.
    private const int FinishMilliseconds = 50;
    private readonly SqliteConnection _connection;
    private readonly StoreCondition _condition;
    private readonly DiskGuard _guard;
    private readonly int _copyFrames;
    private readonly int _restartFrames;
    private readonly AutoResetEvent _wake = new(initialState: false);
    private readonly Thread _thread;
    private volatile bool _closing;
    private volatile bool _finishWanted;
    private volatile int _framesCopied;
    private volatile int _framesInLog;

    /// <summary>Takes a connection of its own and begins to wait.</summary>
    public Checkpointer(
        SqliteConnection connection,
        SqliteStoreOptions options,
        StoreCondition condition,
        DiskGuard guard,
        TimeProvider time
    )
    {
        Loop = new BackgroundLoop("store_checkpoints", CopyDeadline, interval: null, time);
        _connection = connection;
        _condition = condition;
        _guard = guard;
        _copyFrames = (int)(options.CheckpointBytes / PageBytes);
        _restartFrames = (int)(options.RestartBytes / PageBytes);
        _thread = new Thread(Run) { Name = "pollard store checkpoints", IsBackground = true };
        _thread.Start();
    }

    /// <summary>How the thread is.</summary>
    public BackgroundLoop Loop { get; }

    /// <summary>True when the writer shall call <see cref="Finish"/> before its next commit.</summary>
    public bool FinishWanted => _finishWanted;

    /// <summary>The writer says after each commit how long the log is.</summary>
    public void Committed(int framesInLog)
    {
        if (framesInLog < _framesInLog)
        {
            _framesCopied = 0; // It began anew.
        }

        _framesInLog = framesInLog;
        if (framesInLog - _framesCopied >= _copyFrames && !_finishWanted)
        {
            _wake.Set();
        }
    }

    /// <summary>Called by the writer between two commits, with its own connection: copies the rest, so that the log begins anew.</summary>
    public void Finish(SqliteConnection writer)
    {
        _finishWanted = false;
        writer.SetBusyTimeout(FinishMilliseconds);
        try
        {
            writer.Checkpoint(SqliteNative.CheckpointRestart, out _, out var done);
            _framesCopied = Math.Max(0, done);
        }
        finally
        {
            writer.SetBusyTimeout(SqliteTaskStore.BusyMilliseconds);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _closing = true;
        _wake.Set();
        _thread.Join();
        _wake.Dispose();
        if (_condition.Level != StoreLevel.Broken)
        {
            _connection.Dispose();
        }
    }

    private void Run()
    {
        while (true)
        {
            _wake.WaitOne();
            if (_closing)
            {
                return;
            }

            if (_condition.Level != StoreLevel.Broken)
            {
                Loop.Begin();
                Copy();
                Loop.End();
            }
        }
    }

    private void Copy()
    {
        try
        {
            if (!_connection.Checkpoint(SqliteNative.CheckpointPassive, out var log, out var done))
            {
                return; // Somebody else copies.
            }

            _framesCopied = done;
            _finishWanted = log >= _restartFrames;
        }
        catch (SqliteException error)
        {
            _guard.Failed(error);
        }
    }
}
