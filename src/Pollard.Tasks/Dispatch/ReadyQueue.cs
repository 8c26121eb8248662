namespace Pollard.Tasks.Dispatch;

/// <summary>
/// Tasks of one class that are ready. The owner who had least of late comes next, with its own best task: the one with the
/// highest priority, where ten seconds of waiting count as one point. Nobody starves, and no priority is recomputed.
/// </summary>
internal sealed class ReadyQueue(TimeProvider time)
{
    private const int MillisecondsPerPoint = 10_000;
    private const int LooksPast = 8; // Tasks that avoid a host are few; a search through a long lane would be under the engine's lock.
    private readonly Dictionary<string, Lane> _lanes = new(StringComparer.Ordinal);
    private readonly List<Lane> _waiting = [];
    private Fading _had; // What the owner had who had least when one was served last.
    private long _unservedSince;

    /// <summary>Tasks that wait.</summary>
    public int Count { get; private set; }

    /// <summary>How long tasks have waited and none of them was taken.</summary>
    public TimeSpan UnservedFor => Count == 0 ? TimeSpan.Zero : time.GetElapsedTime(_unservedSince);

    /// <summary>When the oldest of those was submitted that come next of each owner; null: none waits.</summary>
    public DateTimeOffset? OldestAt
    {
        get
        {
            DateTimeOffset? oldest = null;
            foreach (var lane in _waiting)
            {
                if (lane.TryPeek(out var task, out _) && !(task.Row.CreatedAt >= oldest))
                {
                    oldest = task.Row.CreatedAt;
                }
            }

            return oldest;
        }
    }

    public void Add(LiveTask task, OwnerShare owner)
    {
        if (!_lanes.TryGetValue(task.Row.Owner, out var lane))
        {
            lane = new Lane(owner);
            _lanes.Add(task.Row.Owner, lane);
            _waiting.Add(lane);
        }

        if (Count++ == 0)
        {
            _unservedSince = time.GetTimestamp();
        }

        owner.Waits(_had.Now(time));
        task.QueueTicket++;
        lane.Add(task, Rank.Of(task.Row));
    }

    /// <summary>Takes a task out that will not be given to a host; its entry is dropped when its turn comes.</summary>
    public void Remove(LiveTask task)
    {
        task.QueueTicket++;
        Count--;
        if (_lanes.TryGetValue(task.Row.Owner, out var lane))
        {
            lane.Owner.WaitsNoMore();
            lane.Dropped();
        }
    }

    /// <summary>The task that comes next, and whose turn that is.</summary>
    /// <param name="hostOwner">Whose host it is for, who goes before others; null: nobody's in particular.</param>
    /// <param name="turn">To be compared with those of other queues.</param>
    /// <returns>Null when there is none that may run.</returns>
    public LiveTask? Peek(string? hostOwner, out Turn turn)
    {
        turn = Turn.Never;
        return Next(hostOwner, ref turn) is { } lane && lane.TryPeek(out var task, out _) ? task : null;
    }

    /// <summary>The next task that <paramref name="host"/> may have; null when there is none.</summary>
    /// <param name="host">The host.</param>
    /// <param name="hasOthers">Other hosts can do such work: a task that this one failed waits a moment for them.</param>
    /// <param name="othersMay">Nothing for this host, but another one would be given something.</param>
    public LiveTask? Take(DispatchHost host, bool hasOthers, out bool othersMay)
    {
        var turn = Turn.Never;
        var lane = Next(host.Description.Owner, ref turn);
        othersMay = lane is not null;
        if (lane is null)
        {
            return null;
        }

        var avoided = hasOthers ? host : null;
        var task = lane.Take(avoided) ?? TakeFromOthers(lane, avoided);
        if (task is not null)
        {
            task.QueueTicket++;
            Count--;
            _unservedSince = time.GetTimestamp();
            _had = new Fading(LeastHad(lane.Owner.Had), time.GetTimestamp());
            _lanes[task.Row.Owner].Owner.WaitsNoMore();
        }

        return task;
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
            + _waiting
                .Where(lane => lane.Owner.Name != name && lane.Owner.MayRun)
                .Sum(lane => Math.Min(lane.Count, own + 1));
    }

    // The lane whose turn it is. Lanes that have run empty are dropped on the way.
    private Lane? Next(string? hostOwner, ref Turn turn)
    {
        Lane? next = null;
        for (var i = _waiting.Count - 1; i >= 0; i--)
        {
            var lane = _waiting[i];
            if (!lane.TryPeek(out _, out var rank))
            {
                _waiting[i] = _waiting[^1];
                _waiting.RemoveAt(_waiting.Count - 1);
                _lanes.Remove(lane.Owner.Name);
            }
            else if (lane.Owner.MayRun)
            {
                var its = new Turn(lane.Owner.Name != hostOwner, lane.Owner, lane.Owner.Standing, rank.Moment);
                if (its.IsBefore(turn))
                {
                    next = lane;
                    turn = its;
                }
            }
        }

        return next;
    }

    // The first's tasks wait for another host than this one.
    private LiveTask? TakeFromOthers(Lane first, DispatchHost? avoided) =>
        _waiting
            .Where(lane => !ReferenceEquals(lane, first) && lane.Owner.MayRun)
            .OrderBy(static lane => lane.Owner.Standing)
            .Select(lane => lane.Take(avoided))
            .FirstOrDefault(static task => task is not null);

    private double LeastHad(double least)
    {
        foreach (var lane in _waiting)
        {
            least = lane is { Count: > 0, Owner.MayRun: true } ? Math.Min(least, lane.Owner.Had) : least;
        }

        return least;
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

/// <summary>When an owner's next task comes, beside those of others.</summary>
/// <param name="IsForeign">It is not the host's owner.</param>
/// <param name="Owner">The owner.</param>
/// <param name="Standing">Where it stands.</param>
/// <param name="Moment">Of the task, as priorities see it: it decides between an owner's own.</param>
internal readonly record struct Turn(bool IsForeign, OwnerShare? Owner, double Standing, long Moment)
{
    /// <summary>After all others.</summary>
    public static Turn Never { get; } = new(true, null, double.PositiveInfinity, long.MaxValue);

    public bool IsBefore(in Turn other) =>
        IsForeign != other.IsForeign ? other.IsForeign
        : !ReferenceEquals(Owner, other.Owner) && Standing != other.Standing ? Standing < other.Standing
        : Moment < other.Moment;
}
