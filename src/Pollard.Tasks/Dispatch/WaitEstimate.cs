namespace Pollard.Tasks.Dispatch;

/// <summary>
/// When a waiting task will probably begin: what runs on the hosts that can do it ends as was foreseen, and the tasks that come
/// first take the slots as they become free. Other work that waits for these hosts is not in it. Used under the engine's lock.
/// </summary>
internal static class WaitEstimate
{
    private const int MostSteps = 10_000; // Of tasks that come first; beyond them all slots go on at their mean.
    private const double LeastLeft = 0.1; // Of a whole one: what takes longer than was foreseen is not over at once.

    /// <summary>How long it will still wait; null where nothing is known of such work, or no host can do it.</summary>
    public static TimeSpan? Of(EngineCore core, LiveTask task)
    {
        if (task.QueuedIn is not { } work || !core.Dispatcher.Owner(task.Row.Owner).MayRun)
        {
            return null;
        }

        var slots = new PriorityQueue<double, double>(); // What such work takes in a slot, by when it becomes free.
        var perSecond = 0.0;
        foreach (var host in core.Dispatcher.Hosts.Values)
        {
            if (host.IsSuspended || !work.IsFor(host) || !host.Classes.TryGetValue(work, out var place))
            {
                continue;
            }

            if (SecondsOf(work, place, host) is not { } seconds)
            {
                return null;
            }

            perSecond += host.Slots / seconds;
            foreach (var left in Left(host, core.Time, seconds))
            {
                slots.Enqueue(seconds, left);
            }
        }

        return slots.Count == 0 ? null : TimeSpan.FromSeconds(Begin(slots, work.Queue.AheadOf(task), perSecond));
    }

    private static double Begin(PriorityQueue<double, double> slots, int ahead, double perSecond)
    {
        var steps = Math.Min(ahead, MostSteps);
        for (var i = 0; i < steps; i++)
        {
            slots.TryPeek(out var seconds, out var free);
            slots.DequeueEnqueue(seconds, free + seconds);
        }

        slots.TryPeek(out _, out var begin);
        return begin + ((ahead - steps) / perSecond);
    }

    // On a host that is full: its slots share one machine.
    private static double? SecondsOf(WorkClass work, Place place, DispatchHost host)
    {
        var usual = place.Rate is { IsFresh: true, Work.IsKnown: true } own ? own.Work : work.Pool;
        return usual.MeanSeconds is { } mean ? Math.Max(mean, 0.001) * (2 - (1.0 / Math.Max(host.Slots, 1))) : null;
    }

    // For each slot of a host the seconds until it is free.
    private static IEnumerable<double> Left(DispatchHost host, TimeProvider time, double usual)
    {
        var taken = 0;
        foreach (var attempt in host.Attempts)
        {
            taken++;
            yield return attempt.IsOpen ? Left(attempt, time, usual) : 0; // It was stopped, and ends in a moment.
        }

        for (; taken < host.Slots; taken++)
        {
            yield return 0;
        }
    }

    private static double Left(Attempt attempt, TimeProvider time, double usual)
    {
        var whole = attempt.Forecast?.Seconds ?? usual;
        return Math.Max(whole - time.GetElapsedTime(attempt.BeganAt).TotalSeconds, whole * LeastLeft);
    }
}
