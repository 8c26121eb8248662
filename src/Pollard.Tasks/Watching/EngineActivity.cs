using Pollard.Tasks.Dispatch;

namespace Pollard.Tasks.Watching;

/// <summary>
/// What the engine has done since its start, and what it does now, for people who watch: counts, what runs, what waits, what went
/// wrong last. Nothing of it is on disk; a restart begins anew.
/// </summary>
public sealed class EngineActivity
{
    private const int MostFailures = 20;
    private readonly EngineCore _core;
    private readonly Queue<TaskRow> _failures = new(MostFailures);
    private readonly OwnerUses _owners = new();
    private readonly HostLedgers _hosts;
    private TaskWatch[] _watches = [];
    private long _submitted;
    private long _completed;
    private long _failed;
    private long _timedOut;
    private long _cancelled;
    private long _inputTokens;
    private long _outputTokens;
    private long _hostsVersion;

    internal EngineActivity(EngineCore core)
    {
        _core = core;
        _hosts = new HostLedgers(core.Time);
    }

    /// <summary>Counts since the engine's start, and of this moment.</summary>
    public ActivityCounts Count()
    {
        lock (_core.Gate)
        {
            var written = _core.Running == 0 ? 0 : Attempts().Sum(static attempt => attempt.Tokens);
            return new ActivityCounts
            {
                Submitted = _submitted,
                Completed = _completed,
                Failed = _failed,
                TimedOut = _timedOut,
                Cancelled = _cancelled,
                InputTokens = _inputTokens,
                OutputTokens = _outputTokens,
                TokensUnderWay = (long)written,
                Pending = _core.Pending,
                Running = _core.Running,
            };
        }
    }

    /// <summary>What waits for hosts, by kind and model, the longest queue first.</summary>
    public IReadOnlyList<QueueFigures> Queues()
    {
        var now = _core.Time.GetUtcNow();
        lock (_core.Gate)
        {
            return
            [
                .. _core
                    .Dispatcher.Classes.Where(static work => work.Queue.Count > 0)
                    .GroupBy(static work => (work.Key.Kind, work.Key.Model))
                    .Select(same => new QueueFigures(
                        same.Key.Kind,
                        same.Key.Model,
                        same.Sum(static work => work.Queue.Count),
                        same.Max(work => now - (work.Queue.OldestAt ?? now)),
                        same.Max(static work => work.Queue.UnservedFor)
                    ))
                    .OrderByDescending(static queue => queue.Depth),
            ];
        }
    }

    /// <summary>What hosts have at this moment, what was begun first coming first.</summary>
    /// <param name="most">At most so many.</param>
    public IReadOnlyList<RunningTask> Running(int most)
    {
        lock (_core.Gate)
        {
            return
            [
                .. Attempts()
                    .Where(static attempt => attempt is { IsOpen: true, IsHedge: false })
                    .OrderBy(static attempt => attempt.BeganAt)
                    .Take(most)
                    .Select(static attempt => new RunningTask(
                        new TaskHandle(attempt.Task),
                        attempt.Host!.Description.Name,
                        (long)attempt.Tokens
                    )),
            ];
        }
    }

    /// <summary>Tasks that ended badly, the newest first, at most 20.</summary>
    public IReadOnlyList<TaskRow> Failures()
    {
        lock (_core.Gate)
        {
            return [.. _failures.Reverse()];
        }
    }

    /// <summary>What an owner's tasks have used since the engine's start; null when it had none.</summary>
    public OwnerUse? UseOf(string owner)
    {
        lock (_core.Gate)
        {
            return _owners.Of(owner);
        }
    }

    /// <summary>What a host did since the engine's start; null when it was not here.</summary>
    public HostHistory? HistoryOf(string hostId)
    {
        lock (_core.Gate)
        {
            return _hosts.Of(hostId);
        }
    }

    /// <summary>Begins to gather which tasks change, until what comes back is disposed.</summary>
    public TaskWatch Watch()
    {
        lock (_core.Gate)
        {
            var watch = new TaskWatch(this);
            _watches = [.. _watches, watch];
            return watch;
        }
    }

    internal Lock Gate => _core.Gate;

    /// <summary>Grows when a host came, went or changed. Read under the lock or not.</summary>
    public long HostsVersion => Interlocked.Read(ref _hostsVersion);

    internal void End(TaskWatch watch)
    {
        lock (_core.Gate)
        {
            _watches = [.. _watches.Where(other => !ReferenceEquals(other, watch))];
        }
    }

    /// <summary>A task was taken. The caller holds the lock.</summary>
    internal void Submitted(LiveTask task)
    {
        _submitted++;
        _owners.Submitted(task.Row);
        Note(task);
    }

    /// <summary>Something happened to a task. The caller holds the lock.</summary>
    internal void Changed(LiveTask task, TaskRow before, TaskChange change)
    {
        // hot: a few times a task (bench: chat).
        var after = task.Row;
        if (before is { State: TaskState.Running, Host: { } host } && TaskMetrics.OutcomeOf(change) is { } outcome)
        {
            _hosts.Ended(host, outcome);
        }

        if (after.IsFinal && !before.IsFinal)
        {
            Ended(after);
        }

        Note(task);
    }

    /// <summary>A host is here. The caller holds the lock.</summary>
    internal void Came(DispatchHost host)
    {
        _hosts.Came(host);
        _ = Interlocked.Increment(ref _hostsVersion);
    }

    /// <summary>A host is here no more. The caller holds the lock.</summary>
    internal void Left(DispatchHost host, string reason)
    {
        _hosts.Left(host, reason);
        _ = Interlocked.Increment(ref _hostsVersion);
    }

    /// <summary>What a host can run, or whether it does, is another than before.</summary>
    internal void HostChanged() => Interlocked.Increment(ref _hostsVersion);

    private void Ended(TaskRow row)
    {
        var tokens = TokenCounts.Of(row.Usage);
        _inputTokens += tokens.Input ?? 0;
        _outputTokens += tokens.Output ?? 0;
        _owners.Ended(row, tokens);
        switch (row.State)
        {
            case TaskState.Completed:
                _completed++;
                return;
            case TaskState.Cancelled:
                _cancelled++;
                return;
            case TaskState.Timeout:
                _timedOut++;
                break;
            default:
                _failed++;
                break;
        }

        if (_failures.Count == MostFailures)
        {
            _failures.Dequeue();
        }

        _failures.Enqueue(row);
    }

    private void Note(LiveTask task)
    {
        foreach (var watch in _watches)
        {
            watch.Note(task);
        }
    }

    private IEnumerable<Attempt> Attempts() =>
        _core.Dispatcher.Hosts.Values.SelectMany(static host => host.Attempts).Where(static attempt => attempt.IsOpen);
}
