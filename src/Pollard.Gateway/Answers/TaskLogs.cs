using System.Runtime.CompilerServices;
using Pollard.Tasks;
using Pollard.Tasks.Events;

namespace Pollard.Gateway.Answers;

/// <summary>Reads what a task's log holds at this moment.</summary>
internal static class TaskLogs
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30); // Only for the store: nothing here waits for the task.

    /// <summary>The events after number <paramref name="after"/> that there are already.</summary>
    public static async IAsyncEnumerable<TaskEvent> ReadPresentAsync(
        TaskHandle task,
        int after,
        [EnumeratorCancellation] CancellationToken ct
    )
    {
        var end = task.EventCount;
        var reader = task.ReadEvents(after);
        for (var seen = after + 1; seen < end; )
        {
            if (reader.TryRead(out var next))
            {
                seen = next.Seq + 1;
                yield return next;
            }
            else if (await reader.WaitAsync(Patience, ct) != EventWait.Ready)
            {
                yield break;
            }
        }
    }
}
