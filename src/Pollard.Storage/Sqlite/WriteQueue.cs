using Pollard.Tasks.Storage;

namespace Pollard.Storage.Sqlite;

/// <summary>
/// What waits for the writer, in order. It has no bound of its own: the engine refuses new work by <see cref="Count"/>, and a
/// write of a task that is already accepted must never be refused here.
/// </summary>
internal sealed class WriteQueue : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Queue<Entry> _entries = new();
    private readonly AutoResetEvent _wake = new(initialState: false);
    private Waiting _waiting;
    private bool _closed;
    private int _count;
    private int _mostLingering;
    private int _urgent; // Entries in the queue that somebody waits for.

    /// <summary>Entries not yet answered, also those in the commit under way.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Takes writes that belong into one commit.</summary>
    /// <returns>False when the store is closed.</returns>
    public bool TryEnqueue(ReadOnlySpan<StoreWrite> writes)
    {
        bool wake;
        var urgent = 0;
        lock (_gate)
        {
            if (_closed)
            {
                return false;
            }

            for (var i = 0; i < writes.Length; i++)
            {
                _entries.Enqueue(new Entry(writes[i], i == writes.Length - 1, writes[i].MayLinger));
                urgent += writes[i].MayLinger ? 0 : 1;
            }

            wake = Added(writes.Length, urgent);
        }

        Wake(wake);
        return true;
    }

    /// <summary>Takes something else to be done in the writer's order.</summary>
    /// <returns>False when the store is closed.</returns>
    public bool TryEnqueue(WriterJob job)
    {
        bool wake;
        lock (_gate)
        {
            if (_closed)
            {
                return false;
            }

            _entries.Enqueue(new Entry(job, EndsGroup: true, MayLinger: false));
            wake = Added(1, urgent: 1);
        }

        Wake(wake);
        return true;
    }

    /// <summary>Takes nothing more; what is here is still done.</summary>
    public void Close()
    {
        lock (_gate)
        {
            _closed = true;
        }

        Wake(wake: true);
    }

    /// <summary>Fills the next commit, without splitting what was handed over together.</summary>
    /// <param name="batch">Is filled.</param>
    /// <param name="options">How much at the most.</param>
    /// <param name="wait">True to wait until there is something, or the queue is closed.</param>
    /// <returns>False when the queue is closed and empty.</returns>
    public bool Take(List<object> batch, SqliteStoreOptions options, bool wait)
    {
        var lingered = !wait;
        while (true)
        {
            bool lingers;
            lock (_gate)
            {
                _waiting = Waiting.No;
                lingers = _entries.Count > 0;
                if (lingers && (lingered || _closed || _urgent > 0 || _entries.Count >= options.MaxLingering))
                {
                    Fill(batch, options);
                    return true;
                }

                if (_closed || !wait)
                {
                    return !_closed;
                }

                _waiting = lingers ? Waiting.ForUrgent : Waiting.ForAny;
                _mostLingering = options.MaxLingering;
            }

            _wake.WaitOne(lingers ? options.Linger : Timeout.InfiniteTimeSpan);
            lingered = lingers;
        }
    }

    /// <summary>So many were answered.</summary>
    public void Answered(int entries) => Interlocked.Add(ref _count, -entries);

    /// <inheritdoc/>
    public void Dispose() => _wake.Dispose();

    private void Fill(List<object> batch, SqliteStoreOptions options)
    {
        var bytes = 0L;
        while (_entries.TryDequeue(out var entry))
        {
            batch.Add(entry.Item);
            _urgent -= entry.MayLinger ? 0 : 1;
            bytes += entry.Item is StoreWrite write ? BytesOf(write) : 0;
            if (entry.EndsGroup && (batch.Count >= options.MaxCommitWrites || bytes >= options.MaxCommitBytes))
            {
                return;
            }
        }
    }

    private static long BytesOf(StoreWrite write) =>
        (write.Request?.Length ?? 0) + (write.Result?.Length ?? 0) + (write.Events?.Body.Length ?? 0);

    private bool Added(int entries, int urgent)
    {
        Interlocked.Add(ref _count, entries);
        _urgent += urgent;
        var wake =
            _waiting == Waiting.ForAny
            || (_waiting == Waiting.ForUrgent && (urgent > 0 || _entries.Count >= _mostLingering));
        _waiting = wake ? Waiting.No : _waiting;
        return wake;
    }

    private void Wake(bool wake)
    {
        if (wake)
        {
            _wake.Set();
        }
    }

    private enum Waiting : byte
    {
        No,
        ForAny,
        ForUrgent,
    }

    private readonly record struct Entry(object Item, bool EndsGroup, bool MayLinger);
}
