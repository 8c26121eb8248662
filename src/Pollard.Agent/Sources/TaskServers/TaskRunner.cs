using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Sources.TaskServers;

/// <summary>Begins the tasks that wait, as many at the same time as there are processors.</summary>
internal sealed class TaskRunner(TaskFlow flow, TaskStage stage)
{
    private const string Loop = "task runner";

    private static readonly Messages.Fail Unfit = new()
    {
        Code = "unsupported",
        Message =
            "nothing here runs such a task: it has neither messages, a prompt nor a request, and there is no command",
        Retryable = false,
    };

    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Begins tasks until <paramref name="draining"/> is set. What waits then stays in the journal, but for what could not be kept there:
    /// that is still begun, until <paramref name="ct"/> is set.
    /// </summary>
    public async Task RunAsync(CancellationToken draining, CancellationToken ct)
    {
        try
        {
            while (await NextAsync(draining, ct) is { } entry)
            {
                if (draining.IsCancellationRequested && flow.Keep(entry))
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
            if (draining.IsCancellationRequested && (flow.Waiting.Count == 0 || !stage.IsWilling))
            {
                break;
            }

            if (
                flow.Waiting.TryPeek(out var first)
                && (stage.HasRoom(flow) || (first.IsKept && draining.IsCancellationRequested))
                && flow.Waiting.TryRead(out var entry)
            )
            {
                return entry;
            }

            stage.Expect(Loop, LookAgain);
            await TaskStage.FirstOfAsync(changed, LookAgain, stage.Time, ct);
        }

        return null;
    }

    private void Begin(TaskEntry entry)
    {
        flow.Begin(entry);
        if (TaskWork.Read(entry.Task, stage.Catalog.Models) is { } work)
        {
            stage.Pipeline.Offer(new TaskAttempt(work, outcome => flow.End(entry, outcome)));
        }
        else
        {
            flow.End(entry, TaskOutcome.Of(Unfit));
        }
    }
}
