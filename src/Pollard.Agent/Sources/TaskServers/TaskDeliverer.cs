using Microsoft.Extensions.Logging;

namespace Pollard.Agent.Sources.TaskServers;

/// <summary>
/// Brings results to a task server until it has them: the same body again and again, also by the next agent. A result that cannot be
/// brought goes behind the others, so that one that the server chokes on holds up none of them.
/// </summary>
internal sealed partial class TaskDeliverer(ITaskServer server, TaskFlow flow, TaskStage stage, ILogger logger)
{
    private string? _trouble;

    /// <summary>Brings results, several at the same time, until <paramref name="ct"/> is set.</summary>
    /// <param name="lanes">How many at the same time.</param>
    /// <param name="ct">Ends it.</param>
    public Task RunAsync(int lanes, CancellationToken ct) =>
        Task.WhenAll(Enumerable.Range(0, lanes).Select(_ => BringAllAsync(ct)));

    private async Task BringAllAsync(CancellationToken ct)
    {
        var pace = new ServerPace(stage.Time, stage.Options.Random);
        try
        {
            await foreach (var entry in flow.Finished.ReadAllAsync(ct))
            {
                if (await BringAsync(entry, ct) is { } trouble)
                {
                    await Task.Delay(pace.After(trouble), stage.Time, ct);
                }
                else
                {
                    pace.Good();
                }
            }
        }
        catch (OperationCanceledException)
        {
            // It is told to end; what is not brought stays in the journal.
        }
    }

    /// <summary>Tries once. Null: this result is done with.</summary>
    private async Task<ServerTrouble?> BringAsync(TaskEntry entry, CancellationToken ct)
    {
        var trouble = await TryAsync(entry, ct);
        switch (trouble)
        {
            case null:
                _trouble = null;
                flow.Figures.Deliver.Pass(flow.InQueue(entry));
                flow.Forget(entry);
                return null;
            case { Kind: TroubleKind.Never }:
                LogDropped(logger, entry.Task.Id, trouble.Message);
                flow.Figures.Dropped();
                flow.Forget(entry);
                return null;
            default:
                if (_trouble != trouble.Message)
                {
                    _trouble = trouble.Message; // Once for each trouble, not for each try.
                    LogTrouble(logger, trouble.Message, flow.Undelivered);
                }

                flow.BringLater(entry);
                return trouble;
        }
    }

    private async Task<ServerTrouble?> TryAsync(TaskEntry entry, CancellationToken ct)
    {
        try
        {
            return await server.DeliverAsync(entry.Task, entry.Result!, ct);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new ServerTrouble(TroubleKind.Odd, $"the result of {entry.Task.Id} cannot be read: {e.Message}");
        }
    }

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "Results are not taken, and are brought again: {Reason} ({Count} wait)"
    )]
    private static partial void LogTrouble(ILogger logger, string reason, int count);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Dropped the result of {Task}: {Reason}")]
    private static partial void LogDropped(ILogger logger, string task, string reason);
}
