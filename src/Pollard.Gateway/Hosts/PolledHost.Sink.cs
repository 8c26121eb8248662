using Pollard.Tasks.Dispatch;

namespace Pollard.Gateway.Hosts;

/// <content>What the engine says to the host, and its connection there.</content>
internal sealed partial class PolledHost : IHostSink
{
    private static readonly TimeSpan OfferWithin = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromDays(8); // Longer than any task may run: each one's own time decides.

    void IHostSink.Offer(Attempt attempt)
    {
        var work = new PolledWork(attempt, time);
        lock (_gate)
        {
            while (_polls.Count > 0 && _work.Count < profile.Slots)
            {
                var poll = _polls[0];
                _polls.RemoveAt(0);
                if (poll.TrySetResult(new Polled(work, IsReplaced: false)))
                {
                    _work.Add(work.Id, work);
                    return;
                }
            }
        }

        work.Dispose();
        attempt.Refuse("busy", "the host asks for nothing at this moment");
    }

    void IHostSink.Cancel(Attempt attempt, string reason) => EndWork(attempt);

    void IHostSink.Fenced(Attempt attempt) => EndWork(attempt);

    void IHostSink.Acknowledge(Attempt attempt, int nextSeq)
    {
        if (nextSeq > attempt.NextSeq) // The end itself, not only what came before it.
        {
            Find(attempt)?.Keep();
        }
    }

    void IHostSink.Credit(Attempt attempt, int bytes) => Find(attempt)?.Credit(bytes);

    TimeSpan? IHostSink.SinceOfferLeft(Attempt attempt) => TimeSpan.MaxValue; // At once: a request was waiting for it.

    void IHostSink.Close(string code, string reason)
    {
        var isGone = code == "revoked";
        lock (_gate)
        {
            (_link, _slots) = (null, 0);
            _isGone |= isGone;
        }

        if (isGone)
        {
            EndAll();
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

        var link = pool.Connect(Describe(), this);
        List<PolledWork> open;
        lock (_gate)
        {
            open = [.. _work.Values, .. _brought.Where(static work => work.IsOpen)];
        }

        link.SetIdleSilence(limits.Idle);
        foreach (var work in open)
        {
            if (link.Resume(work.Attempt.Token, lastAckedSeq: 0) is { } attempt)
            {
                work.BeginCredit(attempt.CreditLeft);
            }
            else
            {
                Drop(work);
            }
        }

        lock (_gate)
        {
            (_link, _isLinking, _slots) = (link, false, 0);
        }

        guests.Met(id);
        link.Ready();
        Inform();
    }

    private HostDescription Describe() =>
        new()
        {
            Id = id,
            Name = $"{limits.Family}:{profile.Name}", // Never a name that an enrolled host could have, and work could ask for.
            Slots = 0,
            Models = profile.Models,
            Tier = profile.Terms.Tier,
            Owner = profile.Terms.Owner,
            Labels = [limits.Family],
            Silence = limits.Busy,
            AcceptWithin = OfferWithin,
            AnswerWithin = AnswerWithin,
        };

    // Nobody can stop it there; what it brings of it counts for nothing.
    private void EndWork(Attempt attempt)
    {
        if (Find(attempt) is { } work)
        {
            Drop(work);
        }

        attempt.Free();
        Inform();
    }

    private void Drop(PolledWork work)
    {
        lock (_gate)
        {
            _work.Remove(work.Id);
        }

        work.End();
    }

    private PolledWork? Find(Attempt attempt)
    {
        lock (_gate)
        {
            return _work.Values.Concat(_brought).FirstOrDefault(work => ReferenceEquals(work.Attempt, attempt));
        }
    }
}
