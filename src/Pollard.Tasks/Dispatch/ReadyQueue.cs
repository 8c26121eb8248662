namespace Pollard.Tasks.Dispatch;

/// <summary>
/// Tasks of one class that are ready, fair between owners: each owner in turn gives one, its own best first. The best is the one
/// with the highest priority, where ten seconds of waiting count as one point: nobody starves, and no priority is recomputed.
/// </summary>
internal sealed class ReadyQueue
{
    private const int MillisecondsPerPoint = 10_000;
    private const int LooksPast = 8; // Tasks that avoid a host are few; a search through a long lane would be under the engine's lock.
    private readonly Dictionary<string, Lane> _lanes = new(StringComparer.Ordinal);
    private readonly Queue<Lane> _turns = new();

    /// <summary>Tasks that wait.</summary>
    public int Count { get; private set; }

    /// <summary>The moment of the best task that waits, as priorities see it: the smaller, the sooner it should run.</summary>
    public long BestRank
    {
        get
        {
            var best = long.MaxValue;
            foreach (var lane in _turns)
            {
                if (lane.Owner.MayRun && lane.TryPeek(out _, out var rank))
                {
                    best = Math.Min(best, rank.Moment);
                }
            }

            return best;
        }
    }

    public void Add(LiveTask task, OwnerShare owner)
    {
        if (!_lanes.TryGetValue(task.Row.Owner, out var lane))
        {
            lane = new Lane(owner);
            _lanes.Add(task.Row.Owner, lane);
            _turns.Enqueue(lane);
        }

        task.QueueTicket++;
        lane.Add(task, Rank.Of(task.Row));
        Count++;
    }

    /// <summary>Takes a task out that will not be given to a host; its entry is dropped when its turn comes.</summary>
    public void Remove(LiveTask task)
    {
        task.QueueTicket++;
        Count--;
        if (_lanes.TryGetValue(task.Row.Owner, out var lane))
        {
            lane.Dropped();
        }
    }

    /// <summary>The next task that <paramref name="host"/> may have; null when there is none.</summary>
    /// <param name="host">The host.</param>
    /// <param name="hasOthers">Other hosts can do such work: a task that this one failed waits a moment for them.</param>
    /// <param name="othersMay">Nothing for this host, but another one would be given something.</param>
    public LiveTask? Take(DispatchHost host, bool hasOthers, out bool othersMay)
    {
        othersMay = false;
        for (var turns = _turns.Count; turns > 0; turns--)
        {
            var lane = _turns.Dequeue();
            if (!lane.TryPeek(out _, out _))
            {
                _lanes.Remove(lane.Owner.Name);
                continue;
            }

            _turns.Enqueue(lane);
            if (!lane.Owner.MayRun)
            {
                continue;
            }

            if (lane.Take(hasOthers ? host : null) is { } task)
            {
                task.QueueTicket++;
                Count--;
                return task;
            }

            othersMay = true;
        }

        return null;
    }

    /// <summary>How many tasks come before this one, were there no other owners.</summary>
    public int PositionOf(LiveTask task) =>
        _lanes.TryGetValue(task.Row.Owner, out var lane) ? lane.Before(Rank.Of(task.Row)) : 0;

    /// <summary>How many tasks will probably be taken before this one: its owner's before it, and meanwhile as many of each other owner.</summary>
    public int AheadOf(LiveTask task)
    {
        var own = PositionOf(task);
        var name = task.Row.Owner;
        return own
            + _turns
                .Where(lane => lane.Owner.Name != name && lane.Owner.MayRun)
                .Sum(lane => Math.Min(lane.Count, own + 1));
    }

    private readonly record struct Rank(long Moment, long Id)
    {
        public static Rank Of(TaskRow row) =>
            new(row.CreatedAt.ToUnixTimeMilliseconds() - (row.Priority * (long)MillisecondsPerPoint), row.Id.Value);

        public static IComparer<Rank> Order { get; } = Comparer<Rank>.Create(Compare);

        public static int Compare(Rank one, Rank other) =>
            one.Moment != other.Moment ? one.Moment.CompareTo(other.Moment) : one.Id.CompareTo(other.Id);
    }

    private sealed class Lane(OwnerShare owner)
    {
        private readonly PriorityQueue<(LiveTask Task, int Ticket), Rank> _tasks = new(Rank.Order);
        private int _dropped;

        public OwnerShare Owner { get; } = owner;

        /// <summary>Tasks that wait.</summary>
        public int Count => _tasks.Count - _dropped;

        public void Add(LiveTask task, Rank rank) => _tasks.Enqueue((task, task.QueueTicket), rank);

        /// <summary>Takes the best task out; with a host to avoid, the best of the first few that do not avoid it, or null.</summary>
        public LiveTask? Take(DispatchHost? avoided)
        {
            List<(LiveTask Task, Rank Rank)>? passed = null;
            LiveTask? taken = null;
            while (taken is null && (passed?.Count ?? 0) < LooksPast && TryPeek(out var task, out var rank))
            {
                _tasks.Dequeue();
                if (avoided is not null && task.Avoids(avoided))
                {
                    (passed ??= []).Add((task, rank));
                }
                else
                {
                    taken = task;
                }
            }

            if (passed is not null)
            {
                foreach (var (task, rank) in passed)
                {
                    Add(task, rank);
                }
            }

            return taken;
        }

        public bool TryPeek(out LiveTask task, out Rank rank)
        {
            while (_tasks.TryPeek(out var entry, out rank))
            {
                if (entry.Task.QueueTicket == entry.Ticket)
                {
                    task = entry.Task;
                    return true;
                }

                _tasks.Dequeue();
                _dropped--;
            }

            task = null!;
            rank = default;
            return false;
        }

        // Entries left behind go when half the heap is made of them, so that cancelling many costs memory only for a while.
        public void Dropped()
        {
            if (++_dropped <= 64 || _dropped * 2 < _tasks.Count)
            {
                return;
            }

            var kept = _tasks
                .UnorderedItems.Where(static item => item.Element.Task.QueueTicket == item.Element.Ticket)
                .ToArray();
            _tasks.Clear();
            _tasks.EnqueueRange(kept);
            _dropped = 0;
        }

        public int Before(Rank rank) =>
            _tasks.UnorderedItems.Count(item =>
                item.Element.Task.QueueTicket == item.Element.Ticket && Rank.Compare(item.Priority, rank) < 0
            );
    }
}

/// <summary>An owner's part of the pool at this moment.</summary>
internal sealed class OwnerShare(string name)
{
    public string Name { get; } = name;

    /// <summary>Its tasks that hosts have.</summary>
    public int Running { get; set; }

    /// <summary>How many that may be; null: no limit.</summary>
    public int? Limit { get; set; }

    public bool MayRun => Limit is not { } limit || Running < limit;
}
