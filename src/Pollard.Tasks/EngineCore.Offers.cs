using Pollard.Tasks.Dispatch;
using Pollard.Tasks.Leases;

namespace Pollard.Tasks;

/// <summary>Offers that a host has not taken yet: how long they stand, and what becomes of them when its link is lost.</summary>
internal sealed partial class EngineCore
{
    private readonly Dictionary<string, List<Attempt>> _offersLeft = new(StringComparer.Ordinal);

    /// <summary>The host that is back has named all that it has: offers that it did not name never reached it. The caller holds the lock.</summary>
    public void GiveBackUnheard(DispatchHost host, Effects effects)
    {
        if (_offersLeft.Remove(host.Id, out var unheard))
        {
            foreach (var attempt in unheard)
            {
                GiveBack(
                    attempt,
                    new TaskError("not_accepted", "the offer was lost with the host's link", Retryable: true),
                    effects
                );
            }
        }
    }

    /// <summary>How much longer an offer stands; null: its time is over.</summary>
    private TimeSpan? OfferStands(Attempt attempt, DispatchHost host)
    {
        var since = Time.GetElapsedTime(attempt.OfferedAt);

        // An offer that still waits for its way out, behind others or on a slow wire, is nobody's fault yet.
        var left = host.Sink.SinceOfferLeft(attempt) is { } heard ? host.AcceptWithin - heard : host.AcceptWithin;
        var most = Options.OfferMost - since;
        left = left < most ? left : most;
        return left > TimeSpan.Zero ? left : null;
    }

    // The word that the offer was taken may be under way or lost: the host says so when it comes back, or another gets the task.
    private void LeaveOffer(Attempt attempt, TaskError gone, bool resumable, Effects effects)
    {
        var relaxed = attempt.Task.Row.Durability == Durability.Relaxed;
        var wait = relaxed ? Options.ResumeWithinInteractive : Options.ResumeWithin;
        var left = Options.AcceptWithin - Time.GetElapsedTime(attempt.OfferedAt);
        wait = left < wait ? left : wait;
        if (!resumable || wait <= TimeSpan.Zero)
        {
            GiveBack(attempt, gone, effects);
            return;
        }

        if (!_offersLeft.TryGetValue(attempt.HostId, out var offers))
        {
            _offersLeft.Add(attempt.HostId, offers = []);
        }

        offers.Add(attempt);
        attempt.Clock.Set(ClockPhase.Offered, wait);
    }

    private void ForgetOffer(Attempt attempt)
    {
        if (
            _offersLeft.Count > 0
            && _offersLeft.TryGetValue(attempt.HostId, out var offers)
            && offers.Remove(attempt)
            && offers.Count == 0
        )
        {
            _offersLeft.Remove(attempt.HostId);
        }
    }
}
