using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Pollard.Agent.Backends.Http;
using Pollard.Agent.Owner;
using Pollard.Agent.Pipeline;
using Pollard.Agent.Retry;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Sources.Andy;

/// <summary>
/// This machine as a member of an Andy pool: what it has, what it has taken, and what it still has to bring back. It brings each
/// outcome until the server has it: no other client of these pools tries twice, and no server asks again.
/// </summary>
internal sealed partial class AndyMember : IDisposable
{
    /// <summary>The loop's name for the watchdog.</summary>
    public const string Loop = "andy pool";

    // Callers wait 130 seconds at the most, from a moment before the work was begun.
    private static readonly RetryPolicy Bringing = new()
    {
        MaxTries = null,
        FirstDelay = TimeSpan.FromMilliseconds(500),
        MaxDelay = TimeSpan.FromSeconds(10),
        Budget = TimeSpan.FromSeconds(120),
    };

    private readonly BackendCatalog _catalog;
    private readonly WorkPipeline _pipeline;
    private readonly RestKeeper _rests;
    private readonly AgentMonitor _monitor;
    private readonly Watchdog _watchdog;
    private readonly ILogger _logger;
    private readonly ConcurrentDictionary<string, bool> _open = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _draining = new();
    private readonly CancellationTokenSource _ending = new();
    private readonly CancellationToken _end;
    private TaskCompletionSource _changed = NewSignal();
    private IReadOnlyList<ModelInfo> _models = [];

    public AndyMember(
        AgentOptions options,
        BackendCatalog catalog,
        WorkPipeline pipeline,
        RestKeeper rests,
        AgentMonitor monitor,
        Watchdog watchdog,
        ILogger logger
    )
    {
        (_catalog, _pipeline, _rests) = (catalog, pipeline, rests);
        (_monitor, _watchdog, _logger) = (monitor, watchdog, logger);
        (Draining, _end) = (_draining.Token, _ending.Token);
        Options = options;
        Memory = AndyMemory.Open(options.StateDirectory);
        catalog.Changed += LookAtModels;
        LookAtModels();
        rests.Changed += Heed;
    }

    /// <summary>What the agent was told.</summary>
    public AgentOptions Options { get; }

    /// <summary>What is remembered of servers.</summary>
    public AndyMemory Memory { get; }

    /// <summary>The clock.</summary>
    public TimeProvider Time => Options.Time;

    /// <summary>What there is; another list whenever it changes. The one that stands for any cannot be named there, and is left out.</summary>
    public IReadOnlyList<ModelInfo> Models => Volatile.Read(ref _models);

    /// <summary>Attempts at the same time.</summary>
    public int Slots => _pipeline.Slots;

    /// <summary>Attempts that run now.</summary>
    public int Running => _pipeline.Running;

    /// <summary>Cancelled when no more work is to be asked for, for good.</summary>
    public CancellationToken Draining { get; }

    /// <summary>True while the owner lets the machine work.</summary>
    public bool IsWilling => _rests.Now is null && !Draining.IsCancellationRequested;

    /// <summary>True when nothing runs and nothing is to be brought back.</summary>
    public bool IsIdle => _open.IsEmpty;

    /// <summary>True when more work can be taken: what is done and not brought back yet counts half.</summary>
    public bool HasRoom => IsWilling && Running < Slots && _open.Count < 2 * Math.Max(1, Slots);

    /// <summary>Ends when any of that has changed, which may be before it is awaited: look again after asking for it.</summary>
    public Task ChangedAsync() => Volatile.Read(ref _changed).Task;

    /// <summary>The server has taken this machine.</summary>
    public void Joined(string way)
    {
        LogJoined(_logger, way, Models.Count);
        _monitor.Linked($"andy-{way}");
    }

    /// <summary>Whoever asks for work lives, and will be heard of again within this time.</summary>
    public void Expect(TimeSpan within) => _watchdog.Expect(Loop, within);

    /// <summary>Takes work: runs it and brings back what comes of it. False when it was given before, and is being done.</summary>
    /// <param name="id">The server's id of it.</param>
    /// <param name="item">The work as the server wrote it.</param>
    /// <param name="way">The way it came, by which its outcome goes.</param>
    public bool Take(string id, JsonElement item, IAndyWay way)
    {
        if (!_open.TryAdd(id, true))
        {
            return false;
        }

        try
        {
            _pipeline.Offer(
                new AndyAttempt(AndyWork.Read(item, id), (work, outcome) => Bring(work.Offer, outcome, way))
            );
        }
        catch (BackendException e)
        {
            LogUnreadable(_logger, id, e.Failure.Message);
            Bring(AndyWork.Offer(id), AndyOutcome.Of(e.Failure.Message), way);
        }

        return true;
    }

    /// <summary>Brings back what was made without running anything.</summary>
    public void Bring(string id, AndyOutcome outcome, IAndyWay way)
    {
        if (_open.TryAdd(id, true))
        {
            Bring(AndyWork.Offer(id), outcome, way);
        }
    }

    /// <summary>Asks for no more work, and waits until all is brought back.</summary>
    public async Task DrainAsync(TimeSpan within)
    {
        await _draining.CancelAsync();
        Signal();
        var begun = Time.GetTimestamp();
        await _pipeline.DrainAsync(within);
        var left = within - Time.GetElapsedTime(begun);
        using var late = new CancellationTokenSource(left > TimeSpan.Zero ? left : TimeSpan.Zero, Time);
        try
        {
            while (ChangedAsync() is var changed && !IsIdle)
            {
                await changed.WaitAsync(late.Token);
            }
        }
        catch (OperationCanceledException)
        {
            LogNotBrought(_logger, _open.Count);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _catalog.Changed -= LookAtModels;
        _rests.Changed -= Heed;
        _ending.Cancel();
        _ending.Dispose();
        _draining.Dispose();
    }

    private void Bring(Messages.Offer offer, AndyOutcome outcome, IAndyWay way)
    {
        Signal(); // Its slot is free.
        _ = BringAsync(offer, outcome, way); // It catches all that can go wrong, and DrainAsync waits for it.
    }

    private async Task BringAsync(Messages.Offer offer, AndyOutcome outcome, IAndyWay way)
    {
        await Task.Yield(); // Off the thread that runs the backends.
        try
        {
            var retry = Bringing.Start(Time, Options.Random);
            while (await TryAsync(offer, outcome, way) is { } failure)
            {
                if (retry.Next(failure.RetryAfter) is not { } wait)
                {
                    LogLost(_logger, offer.Task, failure.Message);
                    return;
                }

                await Task.Delay(wait, Time, _end);
            }
        }
        catch (OperationCanceledException)
        {
            LogLost(_logger, offer.Task, "the agent ended");
        }
        catch (AndyException e)
        {
            LogLost(_logger, offer.Task, e.Message);
        }
        finally
        {
            _open.TryRemove(offer.Task, out _);
            Signal();
        }
    }

    /// <summary>Null when the server has it; else what was against it this time.</summary>
    private async Task<(string Message, TimeSpan? RetryAfter)?> TryAsync(
        Messages.Offer offer,
        AndyOutcome outcome,
        IAndyWay way
    )
    {
        try
        {
            await way.BringAsync(offer, outcome, _end);
            return null;
        }
        catch (Exception e) when (RetryPolicy.IsTransient(e))
        {
            return (e.Message, (e as AndyBusyException)?.RetryAfter);
        }
    }

    private void LookAtModels()
    {
        Volatile.Write(ref _models, [.. _catalog.Models.Where(static model => model.Name != "*")]);
        Signal();
    }

    private void Heed(AgentRest? rest) => Signal();

    private void Signal() => Interlocked.Exchange(ref _changed, NewSignal()).TrySetResult();

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    [LoggerMessage(Level = LogLevel.Information, Message = "Joined the pool by {Way} with {Count} models")]
    private static partial void LogJoined(ILogger logger, string way, int count);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Work {Work} cannot be read: {Reason}")]
    private static partial void LogUnreadable(ILogger logger, string work, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The outcome of {Work} was not brought back: {Reason}")]
    private static partial void LogLost(ILogger logger, string work, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Stopping, though {Count} outcomes are not brought back")]
    private static partial void LogNotBrought(ILogger logger, int count);
}
