namespace Pollard.Tasks.Dispatch;

/// <summary>
/// Chooses a host for a task: of two drawn at random from those with a free slot, the one that will probably be done first, by
/// what was measured, and with its reliability counted in. A host that has read the prompt's beginning before is one of the two.
/// Used under the engine's lock.
/// </summary>
internal sealed class HostChoice(EngineCore core)
{
    private const double NobodyKnowsSeconds = 1; // Only how much hosts have to do decides then.
    private const double LeastSeconds = 0.001; // Below that nothing is worth more than an even load.
    private const double LoadSeconds = 5; // A few gigabytes from a disk, until one was seen to load.
    private const double WorthForPrefix = 1.1; // So much worse may the host be that has the prompt's beginning.
    private readonly PrefixMemory _prefixes = new();

    /// <summary>The host that gets this task, of those which may be given it and have a slot free; there is one.</summary>
    public DispatchHost Choose(WorkClass work, LiveTask task)
    {
        // hot: once a task (bench: chat).
        var hosts = work.FreeFor(task.Row.Owner);
        var (one, other) = hosts.Draw(core.Random);
        if (ReferenceEquals(one, other))
        {
            return one;
        }

        if (work.FreeLoaded.Count > 0 && ReferenceEquals(hosts, work.Free) && LackModel(work, one, other))
        {
            one = work.FreeLoaded.DrawOne(core.Random);
        }

        var worth = 1.0;
        if (KnowingPrefix(task, hosts) is { } knowing)
        {
            other = ReferenceEquals(knowing, other) ? one : other;
            one = knowing;
            worth = WorthForPrefix;
        }

        return Score(work, task, one) <= Score(work, task, other) * worth ? one : other;
    }

    /// <summary>What is to be expected of a task that is about to be given to a host.</summary>
    public Forecast Foresee(WorkClass work, LiveTask task, DispatchHost host)
    {
        var place = host.Classes[work];
        place.Rate ??= core.Rates.Of(host.Id, place.Model, work.Key.Kind);
        var forecast = new Forecast(
            place.Rate,
            work.Pool,
            Math.Max(task.RequestBytes - PrefixBytes(task, host), 0),
            Crowding(host),
            host.Loaded.Lacks(place.Model),
            Math.Max(work.Workers, 1)
        );
        return forecast with { Charged = forecast.Cost(tokens: null) };
    }

    /// <summary>A host was given a task.</summary>
    public void Given(Attempt attempt, in Forecast forecast, DispatchHost host)
    {
        attempt.Forecast = forecast;
        if (host.Loaded.Given(attempt.Model))
        {
            foreach (var (work, place) in host.Classes)
            {
                work.SetLoaded(host, host.Loaded.Has(place.Model)); // Another one may be gone for it.
            }
        }

        _prefixes.Note(attempt.Task.Prefixes, attempt.Task.Row, host.Id);
    }

    /// <summary>
    /// How long such work still waits for busy hosts that have its model in memory, before this free one changes its model for it.
    /// That costs two loads, as the other model will be wanted again: it waits while those hosts will have done with what waits
    /// before that, and do get on with it.
    /// </summary>
    public static TimeSpan WaitForLoaded(WorkClass work, DispatchHost host)
    {
        if (work.BusyLoaded == 0 || !host.Loaded.WouldSwapFor(host.Classes[work].Model))
        {
            return TimeSpan.Zero;
        }

        var most = LoadTime(work, host) * 2;
        var foreseen = TimeSpan.FromSeconds(
            (work.Pool.MeanSeconds ?? NobodyKnowsSeconds)
                * work.Queue.Count
                / (work.BusyLoaded * Math.Max(host.Slots, 1))
        );
        return foreseen < most ? most - work.Queue.UnservedFor : TimeSpan.Zero;
    }

    /// <summary>How long this host takes to load the model of such work, as far as anybody knows.</summary>
    public static TimeSpan LoadTime(WorkClass work, DispatchHost host) =>
        TimeSpan.FromSeconds(host.Classes[work].Rate?.Work.LoadSeconds ?? work.Pool.LoadSeconds ?? LoadSeconds);

    private static bool LackModel(WorkClass work, DispatchHost one, DispatchHost other) =>
        one.Loaded.Lacks(one.Classes[work].Model) && other.Loaded.Lacks(other.Classes[work].Model);

    // Its slots share one machine: a full one is taken to be half as fast as one with nothing else to do.
    private static double Crowding(DispatchHost host) => 1 + host.Load;

    /// <summary>The best of the free workers that do not have this attempt, with their name for its model; null when there is none.</summary>
    public (DispatchHost Host, string Model, Forecast Forecast)? Another(WorkClass work, Attempt attempt)
    {
        var task = attempt.Task;
        var another = work
            .Free.ToArray()
            .Where(host => host.Role == HostRole.Worker && !ReferenceEquals(host, attempt.Host) && !task.Avoids(host))
            .MinBy(host => Score(work, task, host));
        return another is null ? null : (another, another.Classes[work].Model, Foresee(work, task, another));
    }

    // How many seconds this host will probably take, with its reliability counted in.
    private double Score(WorkClass work, LiveTask task, DispatchHost host)
    {
        var place = host.Classes[work];
        var usual = place.Rate is { IsFresh: true, Work: { IsKnown: true } own } ? own : work.Pool;
        var seconds = usual.IsKnown
            ? usual.Seconds(Math.Max(task.RequestBytes - PrefixBytes(task, host), 0), work.Pool.Tokens)
            : NobodyKnowsSeconds;
        seconds = Math.Max(seconds, LeastSeconds) * Crowding(host);
        if (host.Loaded.Lacks(place.Model))
        {
            seconds += LoadTime(work, host).TotalSeconds;
        }

        return seconds / (place.Rate?.Reliability ?? 1);
    }

    private DispatchHost? KnowingPrefix(LiveTask task, HostSet hosts)
    {
        var (head, earlier, whole) = task.Prefixes;
        return Free(whole) ?? Free(earlier) ?? Free(head);

        DispatchHost? Free(in PromptPrefix prefix) =>
            _prefixes.Find(prefix, task.Row) is { } id
            && core.Dispatcher.Hosts.TryGetValue(id, out var host)
            && hosts.Contains(host)
                ? host
                : null;
    }

    // How much of the prompt this host has read before.
    private int PrefixBytes(LiveTask task, DispatchHost host)
    {
        var (head, earlier, whole) = task.Prefixes;
        return _prefixes.Find(whole, task.Row) == host.Id ? whole.Bytes
            : _prefixes.Find(earlier, task.Row) == host.Id ? earlier.Bytes
            : _prefixes.Find(head, task.Row) == host.Id ? head.Bytes
            : 0;
    }
}
