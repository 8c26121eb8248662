using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Sources.TaskServers;

/// <summary>Begins the tasks that wait, as many at the same time as there are processors.</summary>
internal sealed class TaskRunner(ITaskServer server, TaskFlow flow, TaskStage stage)
{
    private const string Loop = "task runner";

    private static readonly Messages.Fail Unknown = new()
    {
        Code = "agent_stopped",
        Message = "the agent ended in the middle of it; whether it was done nobody knows, and it may be done only once",
        Retryable = false,
    };

    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(10);
    private bool _takesBack = true;

    /// <summary>
    /// Begins tasks until <paramref name="draining"/> is set. What waits then is given back, or stays in the journal where the server takes
    /// nothing back. What could not be kept there is still begun, until <paramref name="ct"/> is set.
    /// </summary>
    public async Task RunAsync(CancellationToken draining, CancellationToken ct)
    {
        try
        {
            while (await NextAsync(draining, ct) is { } entry)
            {
                if (draining.IsCancellationRequested && await TryGiveBackAsync(entry, ct))
                {
                    flow.GiveBack(entry);
                }
                else if (draining.IsCancellationRequested && flow.Keep(entry))
                {
                    flow.Leave();
                }
                else
                {
                    Begin(entry);
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

    /// <summary>The next task, as soon as it can be begun; null: none waits, and no more will come.</summary>
    private async Task<TaskEntry?> NextAsync(CancellationToken draining, CancellationToken ct)
    {
        while (flow.ChangedAsync() is var changed)
        {
            ct.ThrowIfCancellationRequested();
            var isOne = flow.Waiting.TryPeek(out var first);
            var mayLeave = draining.IsCancellationRequested && first?.IsKept == true;
            if (isOne && (mayLeave || stage.HasRoom(flow)) && flow.Waiting.TryRead(out var entry))
            {
                return entry;
            }

            if (draining.IsCancellationRequested && !(isOne && stage.IsWilling))
            {
                break;
            }

            stage.Expect(Loop, LookAgain);
            await TaskStage.FirstOfAsync(changed, LookAgain, stage.Time, ct);
        }

        return null;
    }

    private async Task<bool> TryGiveBackAsync(TaskEntry entry, CancellationToken ct) =>
        _takesBack = _takesBack && !entry.IsBegun && await server.GiveBackAsync(entry.Task, ct);

    private void Begin(TaskEntry entry)
    {
        flow.Take(entry);
        var job = server.Read(entry.Task, flow.BodyPathOf(entry));
        var outcome = entry.IsBegun && !job.IsRepeatable ? job.Output.Fail(Unknown) : job.Done;
        if (outcome is null)
        {
            stage.Pipeline.Offer(
                new TaskAttempt(job, () => flow.Begin(entry, job.IsRepeatable), end => flow.End(entry, end))
            );
            return;
        }

        job.Dispose();
        flow.End(entry, outcome);
    }
}
