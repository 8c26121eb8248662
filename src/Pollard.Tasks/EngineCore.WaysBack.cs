using Pollard.Tasks.Dispatch;

namespace Pollard.Tasks;

/// <summary>The way of a task back to the host that had it: what it had begun there, such as an agent's session, goes on only there.</summary>
internal sealed partial class EngineCore
{
    /// <summary>How long a task waits for the host that has begun it before any other may have it.</summary>
    internal static readonly TimeSpan KeepFor = TimeSpan.FromSeconds(20);

    /// <summary>A host is not to get back what it had. The caller holds the lock.</summary>
    public void CloseWaysBack(string hostId, Effects effects)
    {
        foreach (var task in Live.Values.Where(task => task.KeptFor == hostId)) // Also those that rest still.
        {
            CloseWayBack(task, effects);
        }
    }

    /// <summary>Any host may have this task from here on. The caller holds the lock.</summary>
    public void CloseWayBack(LiveTask task, Effects effects)
    {
        var waited = Dispatcher.Dequeue(task);
        task.KeptFor = null;
        if (waited)
        {
            Await(task, effects);
        }
    }

    /// <summary>Nobody knows after a restart what the host of a task that was lost said of itself: it has the same time to come back and say it.</summary>
    public void KeepBlindly(LiveTask task, string hostId)
    {
        Keep(task, hostId, TimeSpan.Zero);
        task.IsKeptBlindly = true;
    }

    // The host had begun it: can it go on there?
    private bool CanGoBack(Attempt attempt, out bool blindly)
    {
        var task = attempt.Task;
        blindly = false;
        if (!attempt.IsAccepted || task.OnlyFallback)
        {
            return false;
        }

        if (Dispatcher.Hosts.TryGetValue(attempt.HostId, out var host))
        {
            return host.GoesOnWith(task.Row);
        }

        blindly = attempt.GoesOn is null;
        return attempt.GoesOn is not false;
    }

    // The host said itself that it failed. Its login, its backend or its going away would fail the next try as well, and the last
    // try is anybody's: what was begun is worth less than an answer.
    private bool CanGoBackAfter(Attempt attempt, TaskError said, out bool blindly)
    {
        blindly = false;
        return said.Code is not ("backend_refused" or "backend_unreachable" or "rate_limited" or "draining")
            && attempt.Task.Row is var row
            && row.Attempt + 1 < row.MaxAttempts
            && CanGoBack(attempt, out blindly);
    }

    private void KeepOrAvoid(Attempt attempt, TaskError why, TimeSpan rest, bool hasFailed = false)
    {
        var task = attempt.Task;
        if (
            !attempt.IsAccepted
            && task.KeptFor == attempt.HostId
            && HasWayBack(task)
            && why.Code is ("busy" or "not_accepted" or "host_lost")
        )
        {
            return; // It has begun it earlier and may have it later: it keeps its way back for what is left of it.
        }

        if (hasFailed ? CanGoBackAfter(attempt, why, out var blindly) : CanGoBack(attempt, out blindly))
        {
            Keep(task, attempt.HostId, rest);
            task.IsKeptBlindly = blindly;
        }
        else
        {
            task.KeptFor = null;
            task.AvoidHost = attempt.HostId;
            task.AvoidedAt = Time.GetTimestamp();
        }
    }

    private void Keep(LiveTask task, string hostId, TimeSpan rest)
    {
        task.AvoidHost = null;
        task.KeptFor = hostId;
        task.KeptUntil = Time.GetTimestamp() + (long)((rest + KeepFor).TotalSeconds * Time.TimestampFrequency);
    }

    private bool HasWayBack(LiveTask task) =>
        task is { KeptFor: { } id, OnlyFallback: false }
        && task.KeptLeft > TimeSpan.Zero
        && !(Dispatcher.Hosts.TryGetValue(id, out var host) && host.IsReady && !host.GoesOnWith(task.Row))
        && !(task.IsKeptBlindly && Dispatcher.Hosts.Values.Any(other => other.IsReady && other.Doubts(task)));
}
