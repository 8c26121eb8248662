using Pollard.Tasks.Dispatch;
using Pollard.Tasks.Leases;

namespace Pollard.Tasks;

/// <summary>How an attempt ends without a result, and where its task goes then.</summary>
internal sealed partial class EngineCore
{
    /// <summary>How long a task waits for another host than the one that failed it, when that one cannot go on with it.</summary>
    internal static readonly TimeSpan AvoidFor = TimeSpan.FromSeconds(5);

    private void LookAtClock(Attempt attempt, Effects effects)
    {
        var (missed, next) = attempt.Clock.Look();
        if (attempt.TimeLeft <= TimeSpan.Zero)
        {
            Change(attempt.Task, new TaskChange.RunTimedOut(attempt.Fence, Fences.Next()), effects);
            Stop(attempt, "timeout", effects);
        }
        else if (missed is not null)
        {
            if (attempt.Host?.Sink is { } sink)
            {
                effects.Cancel(attempt, sink, missed.Code);
            }

            Lose(attempt, missed, effects);
        }
        else
        {
            attempt.Clock.Set(ClockPhase.Running, Hedge(attempt, next, effects));
        }
    }

    // The host is gone, or is to stop: what it has shown decides whether another may start over.
    private void Lose(Attempt attempt, TaskError error, Effects effects)
    {
        var task = attempt.Task;
        if (TryGoOnWithHedge(attempt, slotIsFree: false, effects))
        {
            return;
        }

        NoteFailure(task);
        NoteFault(attempt, error);
        if (TryInterrupt(attempt, error, TimeSpan.Zero, slotIsFree: false, effects))
        {
            return;
        }

        var shown = HasShown(attempt);
        if (!shown || task.Row.LostOutput == LostOutput.Restart)
        {
            LetFallbackTry(task, error);
        }

        Change(task, new TaskChange.Lost(attempt.Fence, Fences.Next(), error, shown), effects);
        Detach(attempt, slotIsFree: false, effects);
        KeepOrAvoid(attempt, error, TimeSpan.Zero);
        QueueAgain(task, effects);
    }

    // The attempt failed by the host's own word: its slot is free.
    private void End(Attempt attempt, TaskError error, TimeSpan wait, Effects effects)
    {
        var task = attempt.Task;
        if (error.Retryable && TryGoOnWithHedge(attempt, slotIsFree: true, effects))
        {
            return;
        }

        NoteFailure(task);
        NoteFault(attempt, error);
        if (TryInterrupt(attempt, error, wait, slotIsFree: true, effects))
        {
            return;
        }

        if (HasShown(attempt) && task.Row.LostOutput == LostOutput.Fail)
        {
            error = error with { Retryable = false };
        }
        else if (attempt.Cut is not null)
        {
            error = error with { Retryable = true }; // Whoever began it found nothing wrong with the request.
        }

        LetFallbackTry(task, error);
        var (workers, fallbacks) = Dispatcher.CountFor(task.Row.Kind, task.Row.Model, task.Row.Requires);
        var elsewhere = task.OnlyFallback
            ? attempt.Host is not { Role: HostRole.Fallback } || fallbacks > 1
            : workers + fallbacks > 1;
        var delay =
            wait > TimeSpan.Zero ? wait
            : elsewhere && !CanGoBackAfter(attempt, error, out _) ? TimeSpan.Zero
            : Backoff(task.Row.Attempt - task.TriesOfWorkers);
        Change(task, new TaskChange.Failed(attempt.Fence, Fences.Next(), error, delay), effects);
        Detach(attempt, slotIsFree: true, effects);
        KeepOrAvoid(attempt, error, delay, hasFailed: true);
        QueueAgain(task, effects);
    }

    // The try never began.
    private void GiveBack(Attempt attempt, TaskError why, Effects effects)
    {
        var task = attempt.Task;
        var goesOn = attempt.Cut is not null;
        Change(task, new TaskChange.Released(attempt.Fence, Fences.Next(), why, goesOn), effects);
        Detach(attempt, slotIsFree: true, effects);
        KeepOrAvoid(attempt, why, TimeSpan.Zero);
        QueueAgain(task, effects);
    }

    private void QueueAgain(LiveTask task, Effects effects)
    {
        if (task.Row.State == TaskState.Pending)
        {
            Await(task, effects);
        }
    }

    // The client's word or the clock's: the task has ended, the backend still runs.
    private void Stop(Attempt attempt, string reason, Effects effects)
    {
        if (attempt.Host?.Sink is { } sink)
        {
            effects.Cancel(attempt, sink, reason);
        }

        Detach(attempt, slotIsFree: false, effects);
    }

    private void Attach(Attempt attempt, DispatchHost host)
    {
        attempt.Task.Attempt = attempt;
        Dispatcher.Owner(attempt.Task.Row.Owner).Running++;
        attempt.Host = host;
        attempt.GoesOn = host.GoesOnWith(attempt.Task.Row);
        attempt.Digest = host.DigestOf(attempt.Model);
        host.Add(attempt);
        Dispatcher.Availability(host);
    }

    private void Reattach(Attempt attempt, DispatchHost host)
    {
        WaitNoMore(attempt);
        attempt.MoveTo(host);
        attempt.GoesOn = host.GoesOnWith(attempt.Task.Row);
        attempt.Task.KeptFor = null;
        attempt.IsAccepted = true; // Also where the word of it was lost with the link: it works on it.
        host.Add(attempt);
        Dispatcher.Availability(host);
        attempt.Clock.Set(ClockPhase.Running, attempt.Clock.Look().Next);
    }

    private void Detach(Attempt attempt, bool slotIsFree, Effects effects)
    {
        var task = attempt.Task;
        WaitNoMore(attempt);
        lock (task.Log.Gate)
        {
            attempt.IsOpen = false;
        }

        task.Attempt = null;
        if (task.Hedge is { } hedge)
        {
            CloseHedge(hedge, slotIsFree: false, effects);
        }

        var owner = Dispatcher.Owner(task.Row.Owner);
        owner.Running--;
        Settle(attempt, owner);
        if (slotIsFree || attempt.Host is null)
        {
            FreeSlot(attempt, effects);
        }
        else
        {
            attempt.Clock.Set(ClockPhase.Held, Options.FreeWithin);
        }

        Dispatcher.OwnerFreed(owner, effects);
    }

    private void FreeSlot(Attempt attempt, Effects effects)
    {
        attempt.Clock.Stop();
        if (attempt.Host is { } host && host.Attempts.Remove(attempt))
        {
            Dispatcher.Availability(host);
            Dispatcher.Pump(host, effects);
        }
    }

    // The claim was not on disk when the gateway died, but the host has worked on it ever since, from its first word.
    private Attempt? Adopt(LiveTask task, DispatchHost host, long fence, Effects effects)
    {
        if (
            host.NameFor(task.Row.Kind, task.Row.Model, task.Row.Requires) is not { } model
            || Change(task, new TaskChange.Adopted(fence, host.Id), effects) != TransitionOutcome.Applied
        )
        {
            return null;
        }

        Wheel.Stop(task);
        Dispatcher.Dequeue(task);
        var attempt = new Attempt(this, task, host.Id, model, fence, task.Log.Count);
        task.Attempt = attempt;
        Dispatcher.Owner(task.Row.Owner).Running++;
        Reattach(attempt, host);
        return attempt;
    }

    private void LetFallbackTry(LiveTask task, TaskError error)
    {
        if (
            error.Retryable
            && !task.OnlyFallback
            && task.Row.Attempt >= task.Row.MaxAttempts
            && Dispatcher.CountFor(task.Row.Kind, task.Row.Model, task.Row.Requires) is { Workers: > 0, Fallbacks: > 0 }
        )
        {
            task.TriesOfWorkers = task.Row.Attempt;
            var tries = Math.Min(task.Row.MaxAttempts, Options.MaxAttempts); // As many as a host has; it is another one.
            lock (task.Log.Gate) // A write of the row may be in the making. The change that follows saves this one too.
            {
                task.Row = TaskMachine.Apply(task.Row, new TaskChange.Extended(tries), Time.GetUtcNow()).Row;
            }
        }
    }

    private static bool HasShown(Attempt attempt) => attempt is { Task.Row.Stream: true, HasShown: true };

    private TimeSpan Backoff(int attempt)
    {
        var most = Math.Min(
            Options.RetryDelay.TotalMilliseconds * Math.Pow(2, attempt - 1),
            Options.RetryDelayMost.TotalMilliseconds
        );
        return TimeSpan.FromMilliseconds(most * (0.5 + (Random.NextDouble() / 2)));
    }
}
