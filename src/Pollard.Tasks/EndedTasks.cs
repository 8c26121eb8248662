namespace Pollard.Tasks;

/// <summary>Tasks that ended a short while ago, so that who asks at once is answered from memory. The least lately added go first.</summary>
internal sealed class EndedTasks(TaskEngineOptions options)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<TaskId, LiveTask> _tasks = [];
    private readonly Queue<(LiveTask Task, long Bytes)> _order = new();
    private long _bytes;

    public void Add(LiveTask task)
    {
        var bytes = task.Log.Bytes + (task.Request?.Length ?? 0) + (task.Result?.Length ?? 0) + 512L;
        lock (_gate)
        {
            _tasks[task.Id] = task;
            _order.Enqueue((task, bytes));
            _bytes += bytes;
            while (_order.Count > options.EndedInMemory || (_bytes > options.EndedMemoryBytes && _order.Count > 1))
            {
                var (oldest, oldestBytes) = _order.Dequeue();
                _bytes -= oldestBytes;
                if (_tasks.TryGetValue(oldest.Id, out var listed) && ReferenceEquals(listed, oldest))
                {
                    _tasks.Remove(oldest.Id);
                }
            }
        }
    }

    public LiveTask? Find(TaskId id)
    {
        lock (_gate)
        {
            return _tasks.GetValueOrDefault(id);
        }
    }

    /// <summary>Takes a task out that is started over.</summary>
    public void Remove(TaskId id)
    {
        lock (_gate)
        {
            _tasks.Remove(id);
        }
    }
}
