namespace Pollard.Simulators;

/// <summary>What a simulator has seen so far. One moment's copy.</summary>
public sealed record SimulatorStats
{
    /// <summary>Requests for output (answers, embeddings) that came in.</summary>
    public required long Requests { get; init; }

    /// <summary>Requests that are being answered now.</summary>
    public required int Active { get; init; }

    /// <summary>Requests that were answered to the end.</summary>
    public required long Completed { get; init; }

    /// <summary>Requests that a fault struck.</summary>
    public required long Faulted { get; init; }

    /// <summary>Requests whose client left before the end.</summary>
    public required long Aborted { get; init; }

    /// <summary>The last clients that left, at most 64, oldest first.</summary>
    public required IReadOnlyList<AbortedRequest> Aborts { get; init; }
}

/// <summary>A request whose client left before the end.</summary>
/// <param name="Path">What was asked.</param>
/// <param name="At">When the simulator noticed.</param>
/// <param name="TokensSent">Tokens that had gone out.</param>
public sealed record AbortedRequest(string Path, DateTimeOffset At, int TokensSent);

/// <summary>A request as the simulator got it.</summary>
/// <param name="Method">GET, POST, ...</param>
/// <param name="Path">The path without the query.</param>
/// <param name="Headers">All headers.</param>
/// <param name="Body">The body as text.</param>
public sealed record RecordedRequest(
    string Method,
    string Path,
    IReadOnlyDictionary<string, string> Headers,
    string Body
);

/// <summary>Counts what a simulator sees, and tells who waits for a count.</summary>
internal sealed class SimulatorLedger(TimeProvider time)
{
    private const int Kept = 64;

    private readonly Lock _lock = new();
    private readonly Queue<AbortedRequest> _aborts = new();
    private readonly Queue<RecordedRequest> _requests = new();
    private readonly Dictionary<SimulatorFault, int> _strikes = [];
    private TaskCompletionSource _changed = NewSignal();
    private long _count;
    private long _completed;
    private long _faulted;
    private long _aborted;
    private int _active;

    public long Begin()
    {
        long number;
        lock (_lock)
        {
            _active++;
            number = ++_count;
        }

        Signal();
        return number;
    }

    public void Record(RecordedRequest request)
    {
        lock (_lock)
        {
            Keep(_requests, request);
        }
    }

    /// <summary>Counts a fault that is about to happen. False: it has happened as often as it may.</summary>
    public bool Strike(SimulatorFault fault)
    {
        lock (_lock)
        {
            var times = _strikes.GetValueOrDefault(fault);
            if (times >= fault.Times)
            {
                return false;
            }

            _strikes[fault] = times + 1;
            _faulted++;
            return true;
        }
    }

    public void End(bool completed)
    {
        lock (_lock)
        {
            _active--;
            _completed += completed ? 1 : 0;
        }

        Signal();
    }

    public void Abort(string path, int tokensSent)
    {
        lock (_lock)
        {
            _active--;
            _aborted++;
            Keep(_aborts, new(path, time.GetUtcNow(), tokensSent));
        }

        Signal();
    }

    public IReadOnlyList<RecordedRequest> Requests()
    {
        lock (_lock)
        {
            return [.. _requests];
        }
    }

    public SimulatorStats Now()
    {
        lock (_lock)
        {
            return new()
            {
                Requests = _count,
                Active = _active,
                Completed = _completed,
                Faulted = _faulted,
                Aborted = _aborted,
                Aborts = [.. _aborts],
            };
        }
    }

    public async Task<SimulatorStats> UntilAsync(Func<SimulatorStats, bool> condition, CancellationToken ct)
    {
        while (true)
        {
            var changed = Volatile.Read(ref _changed).Task; // First the signal, then the state: no change is missed.
            var now = Now();
            if (condition(now))
            {
                return now;
            }

            await changed.WaitAsync(ct);
        }
    }

    private void Signal() => Interlocked.Exchange(ref _changed, NewSignal()).TrySetResult();

    private static void Keep<T>(Queue<T> queue, T item)
    {
        if (queue.Count == Kept)
        {
            queue.Dequeue();
        }

        queue.Enqueue(item);
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
