namespace Pollard.Tasks.Dispatch;

/// <summary>Tasks that wait for the host that had them, where their work can go on. Every member is called under the engine's lock.</summary>
internal sealed class WaysBack
{
    private readonly Dictionary<string, List<LiveTask>> _tasks = new(StringComparer.Ordinal);

    /// <summary>A task waits for <see cref="LiveTask.KeptFor"/> alone from now on.</summary>
    public void Add(LiveTask task)
    {
        if (!_tasks.TryGetValue(task.KeptFor!, out var tasks))
        {
            _tasks.Add(task.KeptFor!, tasks = []);
        }

        tasks.Add(task);
    }

    /// <summary>It does not any more; false when it did not.</summary>
    public bool Remove(LiveTask task)
    {
        if (task.KeptFor is not { } host || !_tasks.TryGetValue(host, out var tasks) || !tasks.Remove(task))
        {
            return false;
        }

        if (tasks.Count == 0)
        {
            _tasks.Remove(host);
        }

        return true;
    }

    /// <summary>True when a task waits for this host.</summary>
    public bool HasFor(DispatchHost host) => _tasks.ContainsKey(host.Id);

    /// <summary>The tasks that wait for this host, in the order in which they began to.</summary>
    public IReadOnlyList<LiveTask> Of(DispatchHost host) => _tasks.TryGetValue(host.Id, out var tasks) ? tasks : [];

    /// <summary>The tasks that need not wait any longer, by what this host has just said of itself.</summary>
    public LiveTask[] EndedBy(DispatchHost host) =>
        [
            .. Of(host).Where(task => !host.GoesOnWith(task.Row)),
            .. _tasks
                .Values.SelectMany(static tasks => tasks)
                .Where(task => task.KeptFor != host.Id && host.Doubts(task)),
        ];
}
