using Microsoft.Extensions.Logging;
using Pollard.Agent.Owner;
using Pollard.Agent.Pipeline;

namespace Pollard.Agent.Sources.TaskServers;

/// <summary>
/// Asks a task server for work while there is use for it: a task more than the processors can begin is fetched for each of them, and
/// none while too many results wait, the machine rests, or nothing could be kept.
/// </summary>
internal sealed partial class TaskFetcher(
    ITaskServer server,
    TaskFlow flow,
    TaskStage stage,
    AgentMonitor monitor,
    ILogger logger
)
{
    /// <summary>The loop's name for the watchdog.</summary>
    private const string Loop = "task fetcher";

    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(120); // Servers may hold a question.

    /// <summary>The least time between two questions to which there was nothing new.</summary>
    private static readonly TimeSpan Pace = TimeSpan.FromSeconds(1);

    private readonly DeliveryBrake _brake = new(stage.Options.Threshold);
    private readonly ServerPace _pace = new(stage.Time, stage.Options.Random);
    private string? _trouble = "not asked yet";

    /// <summary>Asks until <paramref name="draining"/> is set; the answer to the last question is still heard, until <paramref name="ct"/> is set.</summary>
    public async Task RunAsync(CancellationToken draining, CancellationToken ct)
    {
        try
        {
            while (true)
            {
                await UntilWantedAsync(draining);
                stage.Expect(Loop, AnswerWithin);
                if (await AskAsync(ct) is { } wait)
                {
                    stage.Expect(Loop, wait);
                    await Task.Delay(wait, stage.Time, draining);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // It is told to end.
        }
        finally
        {
            stage.Forget(Loop);
        }
    }

    /// <summary>Asks once. How long to wait before the next time, or null.</summary>
    private async Task<TimeSpan?> AskAsync(CancellationToken ct)
    {
        var asked = stage.Time.GetTimestamp();
        var reply = await server.FetchAsync(ct);
        if (reply.Trouble is { } trouble)
        {
            Complain(trouble);
            return _pace.After(trouble);
        }

        _pace.Good();
        var took = stage.Time.GetElapsedTime(asked);
        var isNew = reply.Task is { } task && flow.TryAdd(task, took);
        if (_trouble is not null)
        {
            _trouble = null;
            monitor.Linked("get-task");
            var said = await server.LookAsync(ct) ?? "it says nothing of itself";
            LogLinked(logger, said);
        }

        return isNew || took >= Pace ? null : Pace - took;
    }

    private async Task UntilWantedAsync(CancellationToken draining)
    {
        while (flow.ChangedAsync() is var changed && !IsWanted())
        {
            draining.ThrowIfCancellationRequested();
            stage.Expect(Loop, LookAgain);
            await TaskStage.FirstOfAsync(changed, LookAgain, stage.Time, draining);
        }

        draining.ThrowIfCancellationRequested();
    }

    private bool IsWanted()
    {
        var wasOn = _brake.IsOn;
        var isBelow = _brake.Allows(flow.Undelivered);
        if (_brake.IsOn != wasOn)
        {
            LogBrake(logger, _brake.IsOn ? "stops" : "goes on", flow.Undelivered);
        }

        return isBelow && stage.IsWilling && flow.Waiting.Count < stage.PoolSize && flow.IsJournalFit();
    }

    // Once for each trouble, not for each try.
    private void Complain(ServerTrouble trouble)
    {
        if (trouble.Message != _trouble)
        {
            _trouble = trouble.Message;
            LogTrouble(logger, trouble.Message);
            monitor.Unlinked($"no work: {trouble.Message}");
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "The task server answers: {Said}")]
    private static partial void LogLinked(ILogger logger, string said);

    [LoggerMessage(Level = LogLevel.Warning, Message = "No work is fetched, and it is tried again: {Reason}")]
    private static partial void LogTrouble(ILogger logger, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "Fetching {What}: {Count} results wait to be delivered")]
    private static partial void LogBrake(ILogger logger, string what, int count);
}
