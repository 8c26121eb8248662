using Pollard.Protocol.Api;
using Pollard.Tasks.Dispatch;

namespace Pollard.Gateway.Hosts.Andy;

/// <content>What the engine says to the host, and its connection there.</content>
internal sealed partial class AndyHost
{
    private static readonly TimeSpan OfferWithin = TimeSpan.FromSeconds(5);

    void IHostSink.Offer(Attempt attempt)
    {
        AndyWork? work = null;
        lock (_gate)
        {
            if (_poll is { } poll && _work.Count < Profile.Slots)
            {
                var offered = new AndyWork(attempt, _time.GetTimestamp());
                work = poll.TrySetResult(offered) ? offered : null;
                _poll = null;
                if (work is not null)
                {
                    _work.Add(work.Id, work);
                }
            }
        }

        if (work is null)
        {
            attempt.Refuse("busy", "the host asks for nothing at this moment");
        }
    }

    void IHostSink.Cancel(Attempt attempt, string reason) => EndWork(attempt);

    void IHostSink.Fenced(Attempt attempt) => EndWork(attempt);

    void IHostSink.Acknowledge(Attempt attempt, int nextSeq) { }

    void IHostSink.Credit(Attempt attempt, int bytes) { }

    TimeSpan? IHostSink.SinceOfferLeft(Attempt attempt) => TimeSpan.MaxValue; // At once: a poll was waiting for it.

    void IHostSink.Close(string code, string reason)
    {
        lock (_gate)
        {
            (_link, _slots) = (null, 0);
            _isGone |= code == "revoked";
        }
    }

    // It was silent for longer than the engine waits, and is back: what it works on is its own again, if nobody else has it.
    private void Link()
    {
        lock (_gate)
        {
            if (_link is not null || _isLinking || _isGone)
            {
                return;
            }

            _isLinking = true;
        }

        var link = _pool.Connect(Describe(), this);
        List<AndyWork> open;
        lock (_gate)
        {
            open = [.. _work.Values.Where(static work => !work.IsOver)];
        }

        link.SetIdleSilence(AndyLimits.Idle);
        foreach (var work in open.Where(work => link.Resume(work.Attempt.Token, lastAckedSeq: 0) is null))
        {
            work.IsOver = true;
        }

        lock (_gate)
        {
            (_link, _isLinking, _slots) = (link, false, 0);
        }

        _guests.Met(PublicId);
        link.Ready();
        Inform();
    }

    private HostDescription Describe() =>
        new()
        {
            Id = PublicId,
            Name = $"andy:{Profile.Name}", // Never a name that an enrolled host could have, and work could ask for.
            Slots = 0,
            Models = Models,
            Tier = TrustTier.Community, // Whatever token it brought: nothing proves that it is the one that did.
            Labels = [Label],
            Silence = Profile.IsSerial ? AndyLimits.BusySerial : AndyLimits.Busy,
            AcceptWithin = OfferWithin,
            AnswerWithin = AndyLimits.Answer,
        };

    private void EndWork(Attempt attempt)
    {
        lock (_gate)
        {
            if (Find(attempt) is { } work)
            {
                work.IsOver = true; // Nobody can stop it there, so its place is taken until it is brought back.
            }
        }

        attempt.Free();
        Inform();
    }
}
