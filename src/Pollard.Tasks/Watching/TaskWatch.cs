namespace Pollard.Tasks.Watching;

/// <summary>Gathers which tasks change, for one who asks now and then. Holds at most 1,000 of them.</summary>
public sealed class TaskWatch : IDisposable
{
    private const int Most = 1_000;
    private readonly EngineActivity _activity;
    private readonly Dictionary<TaskId, LiveTask> _changed = [];
    private bool _leftOff;

    internal TaskWatch(EngineActivity activity) => _activity = activity;

    /// <summary>The tasks that changed since the last call, each once, as clients may see them now; and whether some were left off.</summary>
    public (IReadOnlyList<TaskHandle> Tasks, bool LeftOff) Drain()
    {
        lock (_activity.Gate)
        {
            List<TaskHandle> tasks = [];
            List<LiveTask> waiting = [];
            foreach (var task in _changed.Values)
            {
                tasks.Add(new TaskHandle(task));
                if (task.Shown.Version < task.Row.Version)
                {
                    waiting.Add(task); // Its newest state is on its way to disk: it comes again.
                }
            }

            var leftOff = _leftOff;
            _leftOff = false;
            _changed.Clear();
            foreach (var task in waiting)
            {
                _changed.Add(task.Id, task);
            }

            return (tasks, leftOff);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _activity.End(this);

    /// <summary>A task changed. The caller holds the engine's lock.</summary>
    internal void Note(LiveTask task)
    {
        if (_changed.Count < Most || _changed.ContainsKey(task.Id))
        {
            _changed[task.Id] = task;
        }
        else
        {
            _leftOff = true;
        }
    }
}
