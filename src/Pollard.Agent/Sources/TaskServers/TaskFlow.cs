using System.Collections.Concurrent;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Pollard.Agent.Pipeline;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Sources.TaskServers;

/// <summary>
/// What the stages of a task server's pipeline share: the queues between them with the journal behind, and the word that something
/// has changed.
/// </summary>
internal sealed partial class TaskFlow : IDisposable
{
    private readonly ConcurrentDictionary<string, bool> _known = new(StringComparer.Ordinal);
    private readonly Channel<TaskEntry> _waiting;
    private readonly Channel<TaskEntry> _finished;
    private readonly AgentOptions _options;
    private readonly TaskJournal _journal;
    private readonly ILogger _logger;
    private TaskCompletionSource _changed = NewSignal();
    private int _undelivered;
    private int _running;
    private int _left;
    private int _givenBack;
    private bool _isJournalBroken;

    public TaskFlow(AgentOptions options, TaskJournal journal, ConnectionLimit limit, ILogger logger)
    {
        (_options, _journal, _logger) = (options, journal, logger);
        var left = journal.Read();
        // Of tasks not more than there can be processors wait, and of results not more than may wait and run: nothing is ever refused.
        _waiting = Channel.CreateBounded<TaskEntry>((2 * LinkLimits.Slots) + left.Count);
        _finished = Channel.CreateBounded<TaskEntry>((2 * LinkLimits.Slots) + DeliveryThreshold.Most + left.Count);
        Figures = new PipelineFigures(
            options.Time,
            (() => limit.Questions, () => _waiting.Reader.Count, () => Undelivered),
            () => limit.Open
        );
        TakeUp(left);
    }

    /// <summary>The counts.</summary>
    public PipelineFigures Figures { get; }

    /// <summary>Tasks that wait to be run.</summary>
    public ChannelReader<TaskEntry> Waiting => _waiting.Reader;

    /// <summary>Results that wait to be brought.</summary>
    public ChannelReader<TaskEntry> Finished => _finished.Reader;

    /// <summary>Results that the server has not confirmed.</summary>
    public int Undelivered => Volatile.Read(ref _undelivered);

    /// <summary>Tasks that were taken from the queue and have not come back, with a result or without.</summary>
    public int Running => Volatile.Read(ref _running);

    /// <summary>Tasks that are left to the next agent here.</summary>
    public int Left => Volatile.Read(ref _left) + Waiting.Count;

    /// <summary>Tasks that the server has taken back.</summary>
    public int GivenBack => Volatile.Read(ref _givenBack);

    /// <summary>Ends when something has changed, which may be before it is awaited: look again after asking for it.</summary>
    public Task ChangedAsync() => Volatile.Read(ref _changed).Task;

    /// <summary>Something has changed.</summary>
    public void Signal() => Interlocked.Exchange(ref _changed, NewSignal()).TrySetResult();

    /// <summary>True when tasks can be kept; looks again when they could not.</summary>
    public bool IsJournalFit()
    {
        if (Volatile.Read(ref _isJournalBroken))
        {
            TryKeep("more tasks", _journal.Probe);
        }

        return !Volatile.Read(ref _isJournalBroken);
    }

    /// <summary>Takes a task up, once it is kept. False: it is known, and being done.</summary>
    public bool TryAdd(FetchedTask task, TimeSpan waited)
    {
        if (!_known.TryAdd(task.Id, true))
        {
            return false;
        }

        Figures.Fetch.Pass(waited);
        var entry = new TaskEntry(task);
        Keep(entry);
        Put(_waiting, entry); // Also one that cannot be kept: nobody will give it again.
        return true;
    }

    /// <summary>Puts a task into the journal, where it is not. False: it cannot be kept.</summary>
    public bool Keep(TaskEntry entry) =>
        entry.IsKept = entry.IsKept || TryKeep($"task {entry.Task.Id}", () => _journal.Keep(entry.Task, entry.IsBegun));

    /// <summary>A task stays where it is kept, for the next agent here.</summary>
    public void Leave() => Interlocked.Increment(ref _left);

    /// <summary>The server has taken a task back.</summary>
    public void GiveBack(TaskEntry entry)
    {
        _journal.Forget(entry.Task.Id);
        Interlocked.Increment(ref _givenBack);
    }

    /// <summary>A task leaves the queue.</summary>
    public void Take(TaskEntry entry)
    {
        entry.Waited = InQueue(entry);
        Interlocked.Increment(ref _running);
    }

    /// <summary>A run of a task begins. Of one that may be run only once, the journal knows so before anything is done.</summary>
    public void Begin(TaskEntry entry, bool isRepeatable)
    {
        entry.IsBegun = true;
        if (!isRepeatable)
        {
            TryKeep($"task {entry.Task.Id}", () => _journal.Keep(entry.Task, isBegun: true));
        }
    }

    /// <summary>Where the large part of a task's result belongs.</summary>
    public string BodyPathOf(TaskEntry entry) => _journal.BodyPathOf(entry.Task);

    /// <summary>A task that was taken has come back: with a result, which waits to be brought, or to wait again.</summary>
    public void End(TaskEntry entry, TaskOutcome? outcome)
    {
        if (outcome is null)
        {
            LogAgain(_logger, entry.Task.Id);
            Put(_waiting, entry);
        }
        else
        {
            Finish(entry, outcome);
        }

        Interlocked.Decrement(ref _running);
        Signal();
    }

    /// <summary>A result that could not be brought now waits again, behind the others.</summary>
    public void BringLater(TaskEntry entry) => _finished.Writer.TryWrite(entry);

    /// <summary>The server has a result, or will never take it.</summary>
    public void Forget(TaskEntry entry)
    {
        _journal.Forget(entry.Task.Id);
        _known.TryRemove(entry.Task.Id, out _);
        Interlocked.Decrement(ref _undelivered);
        Signal();
    }

    /// <summary>How long a task or result has been in its queue.</summary>
    public TimeSpan InQueue(TaskEntry entry) => _options.Time.GetElapsedTime(entry.Since);

    /// <inheritdoc/>
    public void Dispose() => Figures.Dispose();

    private void Finish(TaskEntry entry, TaskOutcome outcome)
    {
        entry.Result = outcome.Result;
        TryKeep(
            $"the result of task {entry.Task.Id}",
            () => entry.Result = _journal.Keep(entry.Task.Id, outcome.Result)
        );
        Figures.Process.Pass(entry.Waited);
        if (outcome.IsFailure)
        {
            Figures.Failed();
        }

        Interlocked.Increment(ref _undelivered);
        Put(_finished, entry);
    }

    private void TakeUp(IReadOnlyList<TaskEntry> left)
    {
        foreach (var entry in left)
        {
            _known[entry.Task.Id] = true;
            if (entry.Result is null)
            {
                Put(_waiting, entry);
                continue;
            }

            _undelivered++;
            Put(_finished, entry);
        }

        if (left.Count > 0)
        {
            LogTakenUp(_logger, left.Count - _undelivered, _undelivered);
        }
    }

    private void Put(Channel<TaskEntry> queue, TaskEntry entry)
    {
        entry.Since = _options.Time.GetTimestamp();
        if (!queue.Writer.TryWrite(entry))
        {
            throw new System.Diagnostics.UnreachableException("More tasks are open than can be.");
        }

        Signal();
    }

    private bool TryKeep(string what, Action keep)
    {
        try
        {
            keep();
            if (Interlocked.Exchange(ref _isJournalBroken, false))
            {
                LogJournalMended(_logger);
            }

            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (!Interlocked.Exchange(ref _isJournalBroken, true))
            {
                LogJournalBroken(_logger, what, e.Message);
            }

            return false;
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    [LoggerMessage(
        Level = LogLevel.Information,
        Message = "Goes on with what the agent before left: {Tasks} tasks to be run and {Results} results to be delivered"
    )]
    private static partial void LogTakenUp(ILogger logger, int tasks, int results);

    [LoggerMessage(
        Level = LogLevel.Information,
        Message = "Task {Task} was not run to its end; it waits to be run again"
    )]
    private static partial void LogAgain(ILogger logger, string task);

    [LoggerMessage(
        Level = LogLevel.Error,
        Message = "The journal cannot keep {What}: {Reason}. No more work is fetched until it can: make room on the disk, or make the data directory writable"
    )]
    private static partial void LogJournalBroken(ILogger logger, string what, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "The journal can be written again; work is fetched")]
    private static partial void LogJournalMended(ILogger logger);
}
