using Microsoft.Extensions.Logging;
using Pollard.Agent.Backends;
using Pollard.Agent.Backends.Http;
using Pollard.Agent.Logs;
using Pollard.Agent.Owner;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Pipeline;

/// <summary>Fetch, process, deliver: takes offered work while there are slots, runs it on the backend that has the model, and hands back its end.</summary>
internal sealed partial class WorkPipeline(
    BackendCatalog catalog,
    RequestLimits limits,
    AgentMonitor monitor,
    int slots,
    TimeProvider time,
    ILogger<WorkPipeline> logger
) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly HashSet<IOfferedWork> _running = [];
    private readonly CancellationTokenSource _abandon = new();
    private CancellationTokenSource _handOver = new();
    private ITimer? _handingOver;
    private TaskCompletionSource? _empty;
    private bool _draining;
    private AgentRest? _rest;
    private bool _isInUse;
    private int _slots = slots;

    /// <summary>Attempts at the same time. When there are fewer than before, what runs goes on.</summary>
    public int Slots
    {
        get => Volatile.Read(ref _slots);
        set => Volatile.Write(ref _slots, value);
    }

    /// <summary>Attempts that run now.</summary>
    public int Running
    {
        get
        {
            lock (_gate)
            {
                return _running.Count;
            }
        }
    }

    /// <summary>Takes the work and runs it, or refuses it. Returns at once.</summary>
    public void Offer(IOfferedWork work)
    {
        var offer = work.Work.Offer;
        if (catalog.Find(offer.Kind, offer.Model, out var isModelKnown) is not { } backend)
        {
            catalog.Doubt();
            Refuse(
                work,
                isModelKnown ? "unsupported" : "unknown_model",
                isModelKnown
                    ? $"no backend here does {offer.Kind} with model \"{offer.Model}\""
                    : $"no backend here has model \"{offer.Model}\""
            );
            return;
        }

        var (code, reason) = TryTake(work);
        if (code is not null)
        {
            Refuse(work, code, reason);
            return;
        }

        work.Accept();

        // Apart from the reader of the link: a backend may compute before its first await. Its end is waited for in DrainAsync.
        _ = Task.Run(() => RunAsync(work, backend), CancellationToken.None);
    }

    /// <summary>Takes no more work and waits for what runs; what still runs after <paramref name="within"/> is stopped.</summary>
    public async Task DrainAsync(TimeSpan within)
    {
        Task empty;
        lock (_gate)
        {
            _draining = true;
            _empty ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            if (_running.Count == 0)
            {
                _empty.TrySetResult();
            }

            empty = _empty.Task;
        }

        try
        {
            await empty.WaitAsync(within, time, CancellationToken.None); // The deadline is what ends it.
        }
        catch (TimeoutException)
        {
            LogAbandoned(logger, Running);
            await _abandon.CancelAsync();
            await empty;
        }
    }

    /// <summary>Takes no more work while the owner lets the machine rest; null: takes some again. What runs goes on.</summary>
    public void SetRest(AgentRest? rest)
    {
        lock (_gate)
        {
            _rest = rest;
        }
    }

    /// <summary>Somebody uses the machine, or does not any more: what still runs after a while goes to other hosts.</summary>
    public void SetInUse(bool isInUse, TimeSpan within)
    {
        lock (_gate)
        {
            if (_isInUse == isInUse)
            {
                return;
            }

            _isInUse = isInUse;
        }

        if (isInUse)
        {
            HandOverAfter(within);
        }
        else
        {
            KeepAll();
        }
    }

    /// <summary>What still runs then is stopped and said to have failed in a way that another host may mend.</summary>
    public void HandOverAfter(TimeSpan within)
    {
        lock (_gate)
        {
            _handingOver ??= time.CreateTimer(
                static pipeline => ((WorkPipeline)pipeline!).HandOver(),
                this,
                Timeout.InfiniteTimeSpan,
                Timeout.InfiniteTimeSpan
            );
            _handingOver.Change(within, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Nothing is handed over: <see cref="HandOverAfter"/> holds no more.</summary>
    public void KeepAll()
    {
        lock (_gate)
        {
            _handingOver?.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _handingOver?.Dispose();
        _handOver.Dispose();
        _abandon.Dispose();
    }

    private void HandOver()
    {
        CancellationTokenSource old;
        lock (_gate)
        {
            LogHandedOver(logger, _running.Count);
            old = _handOver;
            _handOver = new CancellationTokenSource(); // For what comes when the host has work again.
        }

        _ = CancelAsync(old); // Catches what the backends' own code throws.
    }

    private static async Task CancelAsync(CancellationTokenSource source)
    {
        await Task.Yield(); // Cancelling runs the backends' own code: not on the timer's thread.
        try
        {
            await source.CancelAsync();
        }
        catch (AggregateException)
        {
            // A backend's callback broke. The attempt is over all the same; its end says what came of it.
        }
    }

    private (string? Code, string Reason) TryTake(IOfferedWork work)
    {
        lock (_gate)
        {
            if (_draining)
            {
                return ("draining", "the agent is being stopped");
            }

            if (_rest is { } rest)
            {
                return ("draining", rest.Reason);
            }

            if (_running.Count >= Slots)
            {
                return ("busy", $"all {Slots} slots are taken");
            }

            _running.Add(work);
            return (null, "");
        }
    }

    private void Refuse(IOfferedWork work, string code, string reason)
    {
        LogRefused(logger, work.Work.Offer.Task, code, reason);
        work.Refuse(code, reason);
    }

    private async Task RunAsync(IOfferedWork work, IBackend backend)
    {
        WorkResult? result = null;
        var watched = monitor.Begin(work.Work, work);
        var begun = time.GetTimestamp();
        var run = AgentTrace.Begin(work.Work, backend.Name);
        try
        {
            result = await RunOnAsync(work, work.Work.Within(run), watched, backend);
        }
        finally
        {
            AgentTrace.End(run, result);
            monitor.End(watched, result);
            AgentMeter.Ran(time.GetElapsedTime(begun), result is null ? "cancelled" : result.Failure?.Code);

            // The slot is free before the gateway hears so: it may offer the next at once.
            lock (_gate)
            {
                _running.Remove(work);
                if (_running.Count == 0)
                {
                    _empty?.TrySetResult();
                }
            }

            work.End(result);
        }
    }

    private async Task<WorkResult?> RunOnAsync(IOfferedWork work, WorkItem item, WatchedOutput output, IBackend backend)
    {
        var offer = item.Offer;
        var seconds = Math.Min(offer.TimeoutSeconds ?? double.MaxValue, TimeSpan.FromDays(20).TotalSeconds);
        using var late = new CancellationTokenSource(TimeSpan.FromSeconds(Math.Max(seconds, 0)), time);
        var handOver = Volatile.Read(ref _handOver).Token;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource([
            late.Token,
            work.Stopping,
            _abandon.Token,
            handOver,
        ]);
        try
        {
            return await backend.RunAsync(limits.Apply(item), output, stop.Token);
        }
        catch (BackendException e)
        {
            return WorkResult.Failed(e.Failure);
        }
        catch (OperationCanceledException) when (work.Stopping.IsCancellationRequested)
        {
            return null;
        }
        catch (OperationCanceledException) when (_abandon.IsCancellationRequested)
        {
            return Failed("agent_stopped", "the agent was stopped before the work was done");
        }
        catch (OperationCanceledException) when (handOver.IsCancellationRequested)
        {
            return Failed("draining", "the host was drained, and the work was not done by the deadline");
        }
        catch (OperationCanceledException) when (late.IsCancellationRequested)
        {
            return Failed("timeout", $"the work was not done within {seconds:0.###} seconds");
        }
        catch (Exception e)
        {
            // A backend answers with failures; an exception is a fault of ours, and must not take the agent down.
            LogBroken(logger, offer.Task, backend.Name, e);
            return Failed("agent_error", "the agent's backend broke; its log says more");
        }
    }

    private static WorkResult Failed(string code, string message) =>
        WorkResult.Failed(
            new Messages.Fail
            {
                Code = code,
                Message = message,
                Retryable = true,
            }
        );

    [LoggerMessage(Level = LogLevel.Information, Message = "Refused {Task} as {Code}: {Reason}")]
    private static partial void LogRefused(ILogger logger, string task, string code, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "Running {Task} on {Backend} broke")]
    private static partial void LogBroken(ILogger logger, string task, string backend, Exception exception);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "Hands over {Count} attempts: the deadline of the drain is here"
    )]
    private static partial void LogHandedOver(ILogger logger, int count);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Stopped {Count} attempts that were not done in time")]
    private static partial void LogAbandoned(ILogger logger, int count);
}
