using Pollard.Tasks.Dispatch;
using Pollard.Tasks.Leases;

namespace Pollard.Tasks;

/// <summary>Offers that a host has not taken yet: how long they stand, and what becomes of them, and of all that it has, when its link is lost.</summary>
internal sealed partial class EngineCore
{
    /// <summary>The slowest wire on which a large request is waited for until it has left.</summary>
    private const double SlowestBytesPerSecond = 64 * 1024;

    /// <summary>What may lie in buffers on the way when it has left us.</summary>
    private const int BufferedBytes = 1024 * 1024;

    // What waits for its host to come back, by the host.
    private readonly Dictionary<string, List<Attempt>> _left = new(StringComparer.Ordinal);

    /// <summary>
    /// The host that is back has named all that it has: of what it did not name, offers never reached it, and the rest it forgot,
    /// for it was started anew. The caller holds the lock.
    /// </summary>
    public void TakeFromForgetful(DispatchHost host, Effects effects)
    {
        if (!_left.Remove(host.Id, out var forgotten))
        {
            return;
        }

        foreach (var attempt in forgotten)
        {
            if (attempt.IsAccepted)
            {
                Lose(
                    attempt,
                    new TaskError("host_lost", $"the host {attempt.HostId} came back without it", Retryable: true),
                    effects
                );
            }
            else
            {
                GiveBackUntaken(
                    attempt,
                    new TaskError("not_accepted", "the offer was lost with the host's link", Retryable: true),
                    effects
                );
            }
        }
    }

    /// <summary>An attempt waits for its host to come back. The caller holds the lock.</summary>
    public void WaitForHost(Attempt attempt)
    {
        if (!_left.TryGetValue(attempt.HostId, out var attempts))
        {
            _left.Add(attempt.HostId, attempts = []);
        }

        attempts.Add(attempt);
    }

    /// <summary>How much longer an offer stands; null: its time is over.</summary>
    private TimeSpan? OfferStands(Attempt attempt, DispatchHost host)
    {
        var since = Time.GetElapsedTime(attempt.OfferedAt);

        // An offer that still waits for its way out, behind others or on a slow wire, is nobody's fault yet.
        var requestBytes = attempt.Request.Length;
        var within = host.AcceptWithin + OnTheWire(Math.Min(requestBytes, BufferedBytes));
        var left = host.Sink.SinceOfferLeft(attempt) is { } heard ? within - heard : within;
        var most = Options.OfferMost + OnTheWire(requestBytes) - since;
        left = left < most ? left : most;
        return left > TimeSpan.Zero ? left : null;
    }

    private static TimeSpan OnTheWire(int bytes) => TimeSpan.FromSeconds(bytes / SlowestBytesPerSecond);

    // The word that the offer was taken may be under way or lost: the host says so when it comes back, or another gets the task.
    private void LeaveOffer(Attempt attempt, TaskError gone, bool resumable, Effects effects)
    {
        var relaxed = attempt.Task.Row.Durability == Durability.Relaxed;
        var wait = relaxed ? Options.ResumeWithinInteractive : Options.ResumeWithin;
        var left = Options.AcceptWithin - Time.GetElapsedTime(attempt.OfferedAt);
        wait = left < wait ? left : wait;
        if (!resumable || wait <= TimeSpan.Zero)
        {
            GiveBackUntaken(attempt, gone, effects);
            return;
        }

        WaitForHost(attempt);
        attempt.Clock.Set(ClockPhase.Offered, wait);
    }

    // A try that never began does not count. But a task that is offered again and again and never taken, because its request is
    // too large for the wire perhaps, must come to an end: from then on such tries count.
    private void GiveBackUntaken(Attempt attempt, TaskError why, Effects effects)
    {
        if (++attempt.Task.Untaken <= Options.UntakenMost)
        {
            GiveBack(attempt, why, effects);
        }
        else
        {
            End(attempt, why, TimeSpan.Zero, effects);
        }
    }

    private void WaitNoMore(Attempt attempt)
    {
        if (
            _left.Count > 0
            && _left.TryGetValue(attempt.HostId, out var attempts)
            && attempts.Remove(attempt)
            && attempts.Count == 0
        )
        {
            _left.Remove(attempt.HostId);
        }
    }
}
