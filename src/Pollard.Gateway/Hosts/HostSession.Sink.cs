using Microsoft.Extensions.Logging;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Dispatch;

namespace Pollard.Gateway.Hosts;

/// <content>What the gateway says to the host: each call puts frames into the outbox and never waits.</content>
internal sealed partial class HostSession
{
    // When thousands come back at once, the first echo takes its time, and who gave up earlier would only come once more.
    private static readonly TimeSpan EchoWithin = TimeSpan.FromSeconds(10);
    private readonly Lock _opening = new();
    private List<Action>? _early = [];
    private volatile bool _stopped;
    private volatile bool _echoed;
    private long _openedAt;
    private volatile bool _isAsked; // The host is busy by its own reckoning, and wants to hear of us.
    private TimeSpan _idleHeartbeat; // As the host was told.

    private TimeSpan Heartbeat =>
        Peer.Carrier == LinkCarrier.Turn ? LinkLimits.LongPollHold : LinkLimits.HeartbeatInterval;

    // How often the host hears of us now. Carrier C has its turns.
    private TimeSpan Interval =>
        Peer.Carrier != LinkCarrier.Turn && _attempts.IsEmpty && !_isAsked ? _idleHeartbeat : Heartbeat;

    private TimeSpan Silence =>
        Peer.Carrier == LinkCarrier.Turn ? LinkLimits.LongPollSilence : LinkLimits.FramesSilence;

    /// <inheritdoc/>
    public void Offer(Attempt attempt)
    {
        var entry = _attempts.Add(attempt);
        var timeLeft = attempt.TimeLeft.TotalSeconds;
        _outbox.WriteOffer(
            attempt.Handle,
            new Messages.Offer
            {
                Attempt = attempt.Token,
                Task = attempt.PublicTaskId,
                Kind = attempt.Kind,
                Model = attempt.Model,
                Stream = attempt.Stream,
                TimeoutSeconds = timeLeft is > 0 and < int.MaxValue ? timeLeft : null,
                Traceparent = attempt.Traceparent,
                Continue = attempt.Continue,
            },
            Allowed(attempt)
        );
        _offers.Add(_outbox.WrittenBytes, entry);
        _outbox.Flush();
        OffersLeft(); // Another thread may have flushed it before it was noted.
    }

    /// <inheritdoc/>
    public TimeSpan? SinceOfferLeft(Attempt attempt) =>
        _attempts.Find(attempt.Handle) is { OfferLeftAt: not 0 and var at } ? _server.Time.GetElapsedTime(at) : null;

    /// <summary>Carrier C: the answers of turns have left with so many bytes over all.</summary>
    public void TurnAnswered(long bytes) => _offers.Left(bytes);

    /// <inheritdoc/>
    public void Cancel(Attempt attempt, string reason) =>
        Say(() =>
        {
            if (_attempts.Find(attempt.Handle) is { } entry)
            {
                entry.IsStopped = true;
                _outbox.Write(
                    FrameType.Cancel,
                    attempt.Handle,
                    new Messages.Cancel(reason),
                    ProtocolJson.Default.Cancel
                );
            }
        });

    /// <inheritdoc/>
    public void Fenced(Attempt attempt) =>
        Say(() =>
        {
            if (_attempts.Find(attempt.Handle) is { } entry)
            {
                Fence(entry);
            }
        });

    /// <inheritdoc/>
    public void Acknowledge(Attempt attempt, int nextSeq)
    {
        // hot: no closure once the session is open.
        if (Volatile.Read(ref _early) is null)
        {
            _outbox.Write(FrameType.Ack, attempt.Handle, (uint)nextSeq);
            _outbox.Flush();
        }
        else
        {
            Say(() => _outbox.Write(FrameType.Ack, attempt.Handle, (uint)nextSeq));
        }
    }

    /// <inheritdoc/>
    public void Credit(Attempt attempt, int bytes)
    {
        // hot: no closure once the session is open.
        if (Volatile.Read(ref _early) is null)
        {
            _outbox.WriteCredit(attempt.Handle, (uint)bytes);
            _outbox.Flush();
        }
        else
        {
            Say(() => _outbox.WriteCredit(attempt.Handle, (uint)bytes));
        }
    }

    /// <inheritdoc/>
    public void Close(string code, string reason)
    {
        LogClosing(_server.Logger, Peer.HostId, code, reason);
        double? reconnect = code switch
        {
            "replaced" or "revoked" => null,
            "draining" => _server.ReconnectSeconds,
            _ => 1,
        };
        SayGoAway(code, reason, reconnect);
        Stop();
    }

    /// <summary>Looks after the link, about once a second: an idle host hears a ping in each heartbeat, a dead carrier is given up.</summary>
    public void Tick(Func<WaitingWork> waiting)
    {
        if (_early is not null || _stopped)
        {
            return;
        }

        SayWhyIdle(waiting);

        if (_outbox.Stuck > Silence)
        {
            LogLost(_server.Logger, Peer.HostId, "it reads nothing any more");
            Stop();
            return;
        }

        if (Peer.Carrier == LinkCarrier.Turn)
        {
            return; // Every turn says that both ends are there.
        }

        if (!_echoed && _server.Time.GetElapsedTime(_openedAt) > EchoWithin)
        {
            Close("silence", "the first ping was not echoed: something between holds the frames back");
        }
        else if (_outbox.Quiet >= Interval)
        {
            _isAsked = false;
            if (_idleHeartbeat != IdleHeartbeat)
            {
                SetIdleHeartbeat();
                var config = new Messages.Config { IdleHeartbeatSeconds = _idleHeartbeat.TotalSeconds };
                _outbox.Write(FrameType.Config, 0, config, ProtocolJson.Default.Config);
            }

            _outbox.Write(FrameType.Ping);
            _outbox.Flush();
        }
    }

    /// <summary>Tells the host that no more work comes, and when what it has goes to others; a null deadline lets it finish.</summary>
    public void SayDraining(TimeSpan? deadline) =>
        Say(() =>
            _outbox.Write(
                FrameType.Drain,
                0,
                new Messages.Drain(deadline?.TotalSeconds, WhyQuarantined ?? "an admin drains this host"),
                ProtocolJson.Default.Drain
            )
        );

    /// <summary>Tells the host that work comes again.</summary>
    public void SayResumed() =>
        Say(() =>
            _outbox.Write(FrameType.Config, 0, new Messages.Config { Draining = false }, ProtocolJson.Default.Config)
        );

    /// <summary>As seldom as all idle hosts together allow, but not so seldom that something on the way takes this link for dead.</summary>
    private TimeSpan IdleHeartbeat =>
        Hello?.IdleHeartbeatSeconds is { } asked && TimeSpan.FromSeconds(asked) < _server.IdleHeartbeat
            ? TimeSpan.FromSeconds(asked)
            : _server.IdleHeartbeat;

    private void SetIdleHeartbeat()
    {
        _idleHeartbeat = IdleHeartbeat;
        _host!.SetIdleSilence(_idleHeartbeat + LinkLimits.FramesSilence - LinkLimits.HeartbeatInterval);
    }

    // On carrier C a flush fills the pipe only; there an offer leaves with the answer of a turn.
    private void OffersLeft()
    {
        if (Peer.Carrier != LinkCarrier.Turn)
        {
            _offers.Left(_outbox.SentBytes);
        }
    }

    /// <summary>The first words, then what the engine said meanwhile.</summary>
    private void Open(Messages.HelloOk answer)
    {
        _outbox.Hold();
        lock (_opening)
        {
            _outbox.Write(FrameType.HelloOk, 0, answer, ProtocolJson.Default.HelloOk);
            _outbox.Write(FrameType.Ping);
            foreach (var word in _early ?? [])
            {
                word();
            }

            _openedAt = _server.Time.GetTimestamp();
            Volatile.Write(ref _early, null);
        }

        _outbox.Release();
    }

    /// <summary>Says something about a resumed attempt, but not before the host has heard the attempt's handle.</summary>
    private void Say(Action word)
    {
        if (Volatile.Read(ref _early) is not null)
        {
            lock (_opening)
            {
                if (_early is { } early)
                {
                    early.Add(word);
                    return;
                }
            }
        }

        word();
        _outbox.Flush();
    }

    private void Fence(SessionAttempt entry)
    {
        if (entry.TryFence())
        {
            _outbox.Write(FrameType.Fenced, entry.Attempt.Handle);
            _outbox.Flush();
        }
    }

    private void SayGoAway(string code, string reason, double? reconnectSeconds)
    {
        _outbox.Write(
            FrameType.GoAway,
            0,
            new Messages.GoAway(code, reason, reconnectSeconds),
            ProtocolJson.Default.GoAway
        );
        _outbox.Flush();
    }

    /// <summary>Ends the reading; what is still to be said is said first.</summary>
    private void Stop()
    {
        _stopped = true;
        try
        {
            _link.Input.CancelPendingRead();
        }
        catch (Exception)
        {
            // The request that carried the link has ended or broken already, and with it the reading: a carrier says so as it likes.
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Closing the link of host {HostId} as {Code}: {Reason}")]
    private static partial void LogClosing(ILogger logger, string hostId, string code, string reason);
}
