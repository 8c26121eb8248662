using Pollard.Tasks.Dispatch;
using Pollard.Tasks.Leases;

namespace Pollard.Tasks;

/// <summary>
/// A second host beside the first when its answer does not begin and somebody waits for it: whichever says something first has
/// the task from there on, and the other one stops. A small share of all tries may be such (<see cref="TaskEngineOptions.HedgeShare"/>).
/// </summary>
internal sealed partial class EngineCore
{
    private const double MostSaved = 5; // Second hosts that may begin at once after a time without any.
    private static readonly TimeSpan HedgeAtMost = TimeSpan.FromSeconds(20); // A model that is being loaded may be in memory elsewhere.
    private static readonly TimeSpan LooksAgain = TimeSpan.FromSeconds(1);
    private double _hedgesSaved;

    /// <summary>A second host has something to say: true when it has the task from here on.</summary>
    public bool TakeOver(Attempt hedge)
    {
        using var change = Begin();
        if (!hedge.IsHedge)
        {
            return hedge.IsOpen;
        }

        var task = hedge.Task;
        if (ReferenceEquals(task.Hedge, hedge) && task.Attempt is { } first && MayOvertake(first))
        {
            Overtake(first, hedge, slotIsFree: false, change.Effects);
            return true;
        }

        CloseHedge(hedge, slotIsFree: false, change.Effects);
        return false;
    }

    /// <summary>The first host has begun its answer after all.</summary>
    public void StopHedge(LiveTask task)
    {
        using var change = Begin();
        if (task is { Hedge: { } hedge, Attempt.HasWritten: true })
        {
            CloseHedge(hedge, slotIsFree: false, change.Effects);
        }
    }

    // When this attempt is to be looked at again, with a second host in mind; begins one when its time has come.
    private TimeSpan Hedge(Attempt attempt, TimeSpan next, Effects effects)
    {
        if (!CouldHedge(attempt))
        {
            return next;
        }

        var limit = Paces.FirstTokenLimit(attempt) / 2; // Of three times what 95 of 100 answers take to begin.
        limit = limit < HedgeAtMost ? limit : HedgeAtMost;
        var left = limit - Time.GetElapsedTime(attempt.BeganAt);
        if (left > TimeSpan.Zero)
        {
            return Least(left, next);
        }

        if (_hedgesSaved < 1 || Dispatcher.AnotherFree(attempt) is not var (host, model, forecast))
        {
            return Least(LooksAgain, next);
        }

        _hedgesSaved--;
        var task = attempt.Task;
        var hedge = new Attempt(this, task, host.Id, model, Fences.Next(), task.Log.Count)
        {
            IsHedge = true,
            Forecast = forecast,
        };
        task.Hedge = hedge;
        attempt.WasHedged = true;
        hedge.Host = host;
        host.Add(hedge);
        Dispatcher.Availability(host);
        hedge.Clock.Set(ClockPhase.Offered, host.AcceptWithin);
        effects.Offer(hedge, host.Sink);
        return next;
    }

    // Somebody waits, nothing has come, and what the host does is done in a moment by another: no program with sessions and tools.
    private static bool CouldHedge(Attempt attempt) =>
        attempt
            is {
                IsHedge: false,
                WasHedged: false,
                HasWritten: false,
                Cut: null,
                GoesOn: not true,
                Task: { Row.Durability: Durability.Relaxed, Request: not null, OnlyFallback: false },
                Host: { Role: HostRole.Worker, Description.AnswerWithin: null } host,
            }
        && !host.RunsAsCommand(attempt.Model)
        && !host.CallsTool(attempt.Model);

    // From here on the first one may write no more, so that it cannot begin in this very moment.
    private static bool MayOvertake(Attempt first)
    {
        lock (first.Task.Log.Gate)
        {
            if (first.HasWritten || first.IsFinishing)
            {
                return false;
            }

            first.IsOpen = false;
            return true;
        }
    }

    // The first host is lost or has failed: the second one has the task, if there is one.
    private bool TryGoOnWithHedge(Attempt first, bool slotIsFree, Effects effects)
    {
        if (first.Task.Hedge is not { } hedge || !MayOvertake(first))
        {
            return false;
        }

        Overtake(first, hedge, slotIsFree, effects);
        return true;
    }

    private void Overtake(Attempt first, Attempt hedge, bool slotIsFree, Effects effects)
    {
        var task = first.Task;
        task.Hedge = null;
        Change(task, new TaskChange.Overtaken(first.Fence, hedge.Fence, hedge.HostId), effects);
        hedge.TakeOver();
        hedge.Forecast =
            hedge.Forecast is { } foreseen && first.Forecast is { Charged: var charged }
                ? foreseen with
                {
                    Charged = charged,
                } // The owner pays for one of them.
                : null;
        task.Attempt = hedge;
        WaitNoMore(first);
        LetGo(first, slotIsFree, effects);
        if (hedge.IsAccepted)
        {
            hedge.Clock.Set(ClockPhase.Running, hedge.Clock.Look().Next);
        }
    }

    private void CloseHedge(Attempt hedge, bool slotIsFree, Effects effects)
    {
        var task = hedge.Task;
        task.Hedge = ReferenceEquals(task.Hedge, hedge) ? null : task.Hedge;
        lock (task.Log.Gate)
        {
            hedge.IsOpen = false;
        }

        LetGo(hedge, slotIsFree, effects);
    }

    private void LetGo(Attempt attempt, bool slotIsFree, Effects effects)
    {
        if (slotIsFree || attempt.Host is not { } host)
        {
            FreeSlot(attempt, effects);
            return;
        }

        effects.Cancel(attempt, host.Sink, "overtaken");
        attempt.Clock.Set(ClockPhase.Held, Options.FreeWithin);
    }

    // What would fail a first host only ends the try of a second one.
    private void HedgeTimeReached(Attempt hedge, Effects effects)
    {
        var host = hedge.Host!;
        if (hedge.Clock.Phase == ClockPhase.Offered && OfferStands(hedge, host) is { } left)
        {
            hedge.Clock.Set(ClockPhase.Offered, left);
        }
        else if (hedge.Clock.Phase == ClockPhase.Running && hedge.Clock.Look() is { Missed: null, Next: var next })
        {
            hedge.Clock.Set(ClockPhase.Running, next);
        }
        else
        {
            if (hedge.Clock.Phase == ClockPhase.Offered)
            {
                host.Suspend();
            }

            CloseHedge(hedge, slotIsFree: false, effects);
        }
    }
}
