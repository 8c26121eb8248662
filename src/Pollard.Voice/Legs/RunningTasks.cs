using System.Collections.Concurrent;

namespace Pollard.Voice.Legs;

/// <summary>What runs beside each other, so that somebody waits for it at the end.</summary>
internal sealed class RunningTasks
{
    private readonly ConcurrentDictionary<Task, bool> _tasks = [];

    /// <summary>How many run.</summary>
    public int Count => _tasks.Count;

    /// <summary>Adds one, which sees to its own failures.</summary>
    public void Add(Task task)
    {
        _tasks.TryAdd(task, true);
        _ = task.ContinueWith(
            ended => _tasks.TryRemove(ended, out _),
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default
        );
    }

    /// <summary>Ends when all of them have, also those that are added meanwhile.</summary>
    public async Task EndedAsync()
    {
        while (!_tasks.IsEmpty)
        {
            await Task.WhenAll(_tasks.Keys);
        }
    }
}
