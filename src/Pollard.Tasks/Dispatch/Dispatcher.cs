using Pollard.Protocol.Api;
using Pollard.Tasks.Leases;

namespace Pollard.Tasks.Dispatch;

/// <summary>Decides which host is offered which task. Every member is called under the engine's lock.</summary>
internal sealed class Dispatcher(EngineCore core)
{
    private const int ClassesKept = 10_000;
    private readonly Dictionary<WorkKey, WorkClass> _classes = [];
    private readonly OwnerShares _owners = new(core.Time);
    private readonly WaysBack _waysBack = new();
    private readonly HostChoice _choice = new(core);

    public Dictionary<string, DispatchHost> Hosts { get; } = new(StringComparer.Ordinal);

    /// <summary>Every class of work that was asked for of late.</summary>
    public IEnumerable<WorkClass> Classes => _classes.Values;

    /// <summary>Tasks that are ready and wait for a host.</summary>
    public int Ready { get; private set; }

    public OwnerShare Owner(string name) => _owners.Of(name);

    public WorkClass ClassOf(string kind, string model, TaskRequirements? requires, bool onlyFallback = false)
    {
        var key = WorkKey.Of(kind, model, requires, onlyFallback);
        if (_classes.TryGetValue(key, out var found))
        {
            return found;
        }

        if (_classes.Count >= ClassesKept)
        {
            DropIdleClasses();
        }

        var created = new WorkClass(key, requires, core.Rates.OfPool(model, kind), core.Time);
        _classes.Add(key, created);
        foreach (var host in Hosts.Values)
        {
            Join(host, created);
        }

        return created;
    }

    /// <summary>Connected hosts that may be given such work, busy or not.</summary>
    public (int Workers, int Fallbacks) CountFor(string kind, string model, TaskRequirements? requires)
    {
        var key = WorkKey.Of(kind, model, requires, onlyFallback: false);
        if (_classes.TryGetValue(key, out var work))
        {
            return (work.Workers, work.Fallbacks);
        }

        // No class is made for it: who asks may ask for anything.
        var asked = new WorkClass(key, requires, new WorkRate(1), core.Time);
        foreach (var host in Hosts.Values.Where(host => host.IsReady && host.NameFor(asked) is not null))
        {
            if (!host.Draining)
            {
                asked.Add(host);
            }
            else if (host.Role == HostRole.Worker && host.Lists(model))
            {
                asked.CountDrained(1);
            }
        }

        return (asked.Workers, asked.Fallbacks);
    }

    /// <summary>True when a host that is being drained could run such work once it is resumed.</summary>
    public bool IsDrained(string kind, string model, TaskRequirements? requires) =>
        Hosts.Values.Any(host =>
            host is { IsReady: true, Draining: true } && host.NameFor(kind, model, requires) is not null
        );

    /// <summary>A task waits for a host from now on.</summary>
    public void Enqueue(LiveTask task, Effects effects)
    {
        var row = task.Row;
        var work = ClassOf(row.Kind, row.Model, task.Requires, task.OnlyFallback);
        work.Queue.Add(task, Owner(row.Owner));
        task.QueuedIn = work;
        Ready++;
        Pump(work, effects);
    }

    /// <summary>A task waits for the host that has begun it from now on, and for no other.</summary>
    public void Keep(LiveTask task, Effects effects)
    {
        _waysBack.Add(task);
        Ready++;
        if (Hosts.TryGetValue(task.KeptFor!, out var host))
        {
            Pump(host, effects);
        }
    }

    /// <summary>A task does not wait any more; false when it did not.</summary>
    public bool Dequeue(LiveTask task)
    {
        if (task.QueuedIn is { } work)
        {
            task.QueuedIn = null;
            work.Queue.Remove(task);
        }
        else if (!_waysBack.Remove(task))
        {
            return false;
        }

        Ready--;
        return true;
    }

    /// <summary>The best free worker for the work of this attempt beside its own; null when there is none, or tasks wait.</summary>
    public (DispatchHost Host, string Model, Forecast Forecast)? AnotherFree(Attempt attempt) =>
        Ready == 0 && attempt.Task.Row is var row
            ? _choice.Another(ClassOf(row.Kind, row.Model, row.Requires), attempt)
            : null;

    /// <summary>Gives tasks of one class to hosts, as far as both are there.</summary>
    public void Pump(WorkClass work, Effects effects)
    {
        while (work.Queue.Count > 0 && work.Free.Count > 0)
        {
            if (work.Queue.Peek(hostOwner: null, out _) is not { } next)
            {
                return;
            }

            var host = _choice.Choose(work, next);
            if (HasToWait(work, host))
            {
                return;
            }

            if (!TryGive(work, host, effects, out var othersMay) && !(othersMay && TryGiveAnother(work, host, effects)))
            {
                return;
            }
        }
    }

    /// <summary>Gives a host what it has begun, then work of any class that it can run, in the order of <see cref="HostTurn"/>.</summary>
    public void Pump(DispatchHost host, Effects effects)
    {
        GiveBegun(host, effects);
        HashSet<WorkClass>? without = null; // Classes all of whose tasks wait for another host, or for their owner.
        while (host.IsFree && Ready > 0)
        {
            WorkClass? best = null;
            var first = HostTurn.Never;
            foreach (var work in host.Classes.Keys)
            {
                if (
                    work.IsFor(host)
                    && work.Queue.Count > 0
                    && without?.Contains(work) is not true
                    && work.Queue.Peek(host.Description.Owner, out var turn) is not null
                    && !HasToWait(work, host)
                    && HostTurn.Of(work, host, turn) is var its
                    && its.IsBefore(first)
                )
                {
                    best = work;
                    first = its;
                }
            }

            if (best is null)
            {
                return;
            }

            if (!TryGive(best, host, effects, out _))
            {
                (without ??= []).Add(best);
            }
        }
    }

    /// <summary>A host comes, or what it can run has changed.</summary>
    public void Place(DispatchHost host, Effects effects)
    {
        Remove(host);
        Hosts[host.Id] = host;
        foreach (var work in _classes.Values)
        {
            Join(host, work);
        }

        Availability(host);
        if (host.IsReady)
        {
            foreach (var task in _waysBack.EndedBy(host))
            {
                core.CloseWayBack(task, effects);
            }
        }

        Pump(host, effects);
    }

    /// <summary>A host goes; classes that only had it may fall to a fallback.</summary>
    public void Take(DispatchHost host, Effects effects)
    {
        var classes = host.CouldRun();
        Remove(host);
        foreach (var work in classes)
        {
            Pump(work, effects);
        }
    }

    /// <summary>A host's free slots may have changed: puts it where it is found, or takes it away.</summary>
    public static void Availability(DispatchHost host)
    {
        // hot: twice a task (bench: chat).
        var free = host.IsFree;
        if (free == host.IsListedFree)
        {
            return;
        }

        host.IsListedFree = free;
        foreach (var work in host.Classes.Keys)
        {
            work.SetFree(host, free);
        }
    }

    /// <summary>An owner may run one more: its tasks in any class may go now.</summary>
    public void OwnerFreed(OwnerShare owner, Effects effects)
    {
        if (owner.Limit is null || Ready == 0)
        {
            return;
        }

        foreach (var work in _classes.Values.Where(static work => work.Queue.Count > 0).ToArray())
        {
            Pump(work, effects);
        }

        foreach (var host in Hosts.Values.Where(_waysBack.HasFor).ToArray())
        {
            Pump(host, effects);
        }
    }

    // No other host may have these now, so that they go before all else.
    private void GiveBegun(DispatchHost host, Effects effects)
    {
        while (host.IsFree && _waysBack.Of(host).FirstOrDefault(task => GoesOnNow(task, host)) is { } task)
        {
            Dequeue(task);
            Give(task, BegunClassOf(task), host, effects);
        }
    }

    // A host that is about to find its place gets it then.
    private bool GoesOnNow(LiveTask task, DispatchHost host) =>
        Owner(task.Row.Owner).MayRun && host.GoesOnWith(task.Row) && host.Classes.ContainsKey(BegunClassOf(task));

    private WorkClass BegunClassOf(LiveTask task) => ClassOf(task.Row.Kind, task.Row.Model, task.Row.Requires);

    private bool HasToWait(WorkClass work, DispatchHost host)
    {
        if (HostChoice.WaitForLoaded(work, host) is var wait && wait <= TimeSpan.Zero)
        {
            return false;
        }

        core.Wheel.Set(work.LookAgain ??= new ClassTimer(core, work), wait);
        return true;
    }

    private bool TryGive(WorkClass work, DispatchHost host, Effects effects, out bool othersMay)
    {
        var hasOthers = work.Workers + work.Fallbacks > 1;
        if (work.Queue.Take(host, hasOthers, out othersMay) is not { } task)
        {
            return false;
        }

        task.QueuedIn = null;
        Ready--;
        Give(task, work, host, effects);
        return true;
    }

    private void Give(LiveTask task, WorkClass work, DispatchHost host, Effects effects)
    {
        var forecast = _choice.Foresee(work, task, host); // Before: the task itself is none of what else the host has.
        core.Give(task, host, host.Classes[work].Model, effects);
        if (task.Attempt is { } attempt)
        {
            Owner(task.Row.Owner).Charge(forecast.Charged);
            _choice.Given(attempt, forecast, host);
        }
    }

    // The host that was drawn may not have the task that waits (it failed it before); another one may.
    private bool TryGiveAnother(WorkClass work, DispatchHost drawn, Effects effects)
    {
        foreach (var host in work.Free.ToArray())
        {
            if (!ReferenceEquals(host, drawn) && TryGive(work, host, effects, out _))
            {
                return true;
            }
        }

        return false;
    }

    private void Join(DispatchHost host, WorkClass work)
    {
        if (!host.IsReady || host.NameFor(work) is not { } model)
        {
            return;
        }

        if (host.Draining)
        {
            if (host.Role == HostRole.Worker && host.Lists(work.Key.Model))
            {
                host.DrainedFrom.Add(work);
                work.CountDrained(1);
            }

            return;
        }

        work.SetLoaded(host, host.Loaded.Has(model));
        host.Classes.Add(work, new Place(model) { Rate = core.Rates.Find(host.Id, model, work.Key.Kind) });
        work.Add(host);
        if (host.IsListedFree)
        {
            work.SetFree(host, free: true);
        }
    }

    private void Remove(DispatchHost host)
    {
        foreach (var work in host.Classes.Keys)
        {
            work.Remove(host);
        }

        foreach (var work in host.DrainedFrom)
        {
            work.CountDrained(-1);
        }

        host.Classes.Clear();
        host.DrainedFrom.Clear();
        host.IsListedFree = false;
        if (Hosts.TryGetValue(host.Id, out var listed) && ReferenceEquals(listed, host))
        {
            Hosts.Remove(host.Id);
        }
    }

    private void DropIdleClasses()
    {
        foreach (var (key, work) in _classes.Where(static pair => pair.Value.Queue.Count == 0).ToArray())
        {
            _classes.Remove(key);
            foreach (var host in Hosts.Values)
            {
                host.Classes.Remove(work);
                host.DrainedFrom.Remove(work);
            }
        }
    }
}

/// <summary>Work has waited long enough for a host that has its model in memory.</summary>
internal sealed class ClassTimer(EngineCore core, WorkClass work) : WheelTimer
{
    internal override void Fire()
    {
        using var change = core.Begin();
        core.Dispatcher.Pump(work, change.Effects);
    }
}
