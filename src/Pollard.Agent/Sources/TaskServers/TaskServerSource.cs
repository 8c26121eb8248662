using Microsoft.Extensions.Logging;
using Pollard.Agent.Owner;
using Pollard.Agent.Pipeline;
using static System.FormattableString;

namespace Pollard.Agent.Sources.TaskServers;

/// <summary>
/// Work from a task server: one fetcher, a queue, the processors, a queue, one deliverer, with a journal behind both queues. What was
/// fetched is done and brought, by this agent or the next one here.
/// </summary>
internal sealed partial class TaskServerSource : IWorkSource
{
    private const string Loop = "task statistics";
    private static readonly TimeSpan LettingGo = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan ReportEvery = TimeSpan.FromSeconds(10);
    private readonly Uri _address;
    private readonly ConnectionLimit _limit;
    private readonly TaskServerHttp _http;
    private readonly ITaskServer _server;
    private readonly TaskStage _stage;
    private readonly RestKeeper _rests;
    private readonly AgentMonitor _monitor;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _draining = new();
    private readonly TaskCompletionSource _takesNoMore = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskFlow? _flow;

    public TaskServerSource(
        Uri address,
        Func<TaskServerHttp, ITaskServer> contract,
        TaskStage stage,
        RestKeeper rests,
        AgentMonitor monitor,
        ILogger<TaskServerSource> logger
    )
    {
        (_address, _stage, _rests, _monitor, _logger) = (address, stage, rests, monitor, logger);
        _limit = new ConnectionLimit(stage.Options.MaxConnections);
        _http = new TaskServerHttp(stage.Options, _limit);
        _server = contract(_http);
        rests.Changed += Heed;
        stage.Catalog.Changed += Signal;
    }

    /// <inheritdoc/>
    public bool IsDraining => _draining.IsCancellationRequested;

    /// <inheritdoc/>
    public AgentTasks? Tasks => Volatile.Read(ref _flow)?.Figures.Look();

    /// <inheritdoc/>
    public async Task<AgentExit> RunAsync(CancellationToken ct)
    {
        try
        {
            using var journal = TaskJournal.Open(_stage.Options.StateDirectory, _address, _logger);
            using var flow = new TaskFlow(_stage.Options, journal, _limit, _logger);
            Volatile.Write(ref _flow, flow);
            await RunAsync(flow, ct);
            return new AgentExit(AgentEnd.Stopped, "the agent was stopped");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new AgentExit(AgentEnd.Refused, $"The journal of {_address} cannot be used: {e.Message}");
        }
        finally
        {
            _takesNoMore.TrySetResult();
        }
    }

    /// <inheritdoc/>
    public async Task DrainAsync(TimeSpan within)
    {
        var begun = _stage.Time.GetTimestamp();
        await _draining.CancelAsync();
        _limit.AskNoMore();
        Signal();
        await EndsAsync(_takesNoMore.Task, Left());
        await _stage.Pipeline.DrainAsync(Left());
        if (Volatile.Read(ref _flow) is not { } flow)
        {
            return;
        }

        // What the pipeline has let go of has its result a moment later.
        await UntilAsync(flow, () => flow.Running == 0, () => LettingGo);
        await UntilAsync(flow, () => flow.Undelivered == 0, Left);
        Report(flow);
        LogLeft(_logger, flow.GivenBack, flow.Left, flow.Undelivered);

        TimeSpan Left()
        {
            var left = within - _stage.Time.GetElapsedTime(begun);
            return left > TimeSpan.Zero ? left : TimeSpan.Zero;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _rests.Changed -= Heed;
        _stage.Catalog.Changed -= Signal;
        _draining.Dispose();
        _http.Dispose();
        _limit.Dispose();
    }

    /// <inheritdoc/>
    public bool TryResize(int slots)
    {
        _stage.ResizeByOwner(slots);
        Signal();
        return true;
    }

    private async Task RunAsync(TaskFlow flow, CancellationToken ct)
    {
        var fetcher = new TaskFetcher(_server, flow, _stage, _monitor, _logger);
        var runner = new TaskRunner(_server, flow, _stage);
        var deliverer = new TaskDeliverer(_server, flow, _stage, _logger);
        var fetching = fetcher.RunAsync(_draining.Token, ct);
        var running = runner.RunAsync(_draining.Token, ct);
        Task[] all =
        [
            fetching,
            running,
            EndTakingAsync(fetching, running),
            deliverer.RunAsync(_limit.Most, ct),
            ReportAsync(flow, ct),
        ];
        await foreach (var ended in Task.WhenEach(all))
        {
            await ended; // The first that breaks ends the agent: it would go on by halves.
        }
    }

    private async Task EndTakingAsync(Task fetching, Task running)
    {
        await fetching;
        await running;
        _takesNoMore.TrySetResult();
    }

    private async Task ReportAsync(TaskFlow flow, CancellationToken ct)
    {
        using var timer = new PeriodicTimer(ReportEvery, _stage.Time);
        try
        {
            do
            {
                _stage.Expect(Loop, ReportEvery);
            } while (await timer.WaitForNextTickAsync(ct) && Report(flow));
        }
        catch (OperationCanceledException)
        {
            _stage.Forget(Loop);
        }
    }

    private bool Report(TaskFlow flow)
    {
        var now = flow.Figures.Turn();
        var counts = Invariant(
            $"{now.Fetched} fetched, {now.Processed} processed ({now.Failed} failed), {now.Delivered} delivered, {now.Dropped} dropped"
        );
        var processing = Invariant($"{_stage.Pipeline.Running} of {_stage.PoolSize} run, {Words(now.Process)}");
        var delivery = Words(now.Deliver);
        LogFigures(_logger, counts, processing, delivery, _limit.Open);
        return true;
    }

    private static string Words(AgentStage stage) =>
        Invariant($"{stage.Depth} wait ({stage.WaitSeconds:0.###} s each, {stage.PerSecond:0.##}/s)");

    private async Task UntilAsync(TaskFlow flow, Func<bool> holds, Func<TimeSpan> left)
    {
        while (flow.ChangedAsync() is var changed && !holds() && await EndsAsync(changed, left()))
        {
            // Something has changed: look again.
        }
    }

    /// <summary>True when it ended in time.</summary>
    private async Task<bool> EndsAsync(Task task, TimeSpan within)
    {
        try
        {
            await task.WaitAsync(within, _stage.Time, CancellationToken.None); // The deadline is what ends it.
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    private void Signal() => Volatile.Read(ref _flow)?.Signal();

    private void Heed(AgentRest? rest) => Signal();

    [LoggerMessage(
        Level = LogLevel.Information,
        Message = "Tasks: {Counts}; processing: {Processing}; delivery: {Delivery}; {Requests} requests are open"
    )]
    private static partial void LogFigures(
        ILogger logger,
        string counts,
        string processing,
        string delivery,
        int requests
    );

    [LoggerMessage(
        Level = LogLevel.Information,
        Message = "Stopping; tasks that were not begun: {GivenBack} given back, {Tasks} in the journal for the next start, with {Results} results that were not delivered"
    )]
    private static partial void LogLeft(ILogger logger, int givenBack, int tasks, int results);
}
