using System.Buffers;
using System.IO.Pipelines;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Dispatch;

namespace Pollard.Gateway.Hosts;

/// <summary>
/// One connection of a host, above whatever carries it: reads the host's frames into the engine; what the engine says comes
/// in through <see cref="IHostSink"/> (the other part of this class).
/// </summary>
internal sealed partial class HostSession : IHostSink
{
    private static readonly TimeSpan GoodbyeWithin = TimeSpan.FromSeconds(2);
    private readonly HostLinkServer _server;
    private readonly IDuplexPipe _link;
    private readonly FrameOutbox _outbox;
    private readonly SessionAttempts _attempts;
    private readonly OffersUnderWay _offers;
    private readonly FrameRate _frames;
    private readonly List<SessionAttempt> _touched = [];
    private DispatchHost? _host;

    public HostSession(HostLinkServer server, IDuplexPipe link, LinkPeer peer)
    {
        (_server, _link, Peer) = (server, link, peer);
        _attempts = new SessionAttempts(server.Time);
        _offers = new OffersUnderWay(server.Time);
        _frames = new FrameRate(server.Time, LinkLimits.HostFramesPerSecond);
        _outbox = new FrameOutbox(link.Output, server.Time, Stop, OffersLeft);
    }

    /// <summary>The session's name in the requests of carrier C.</summary>
    public string Id { get; } = RandomNumberGenerator.GetHexString(32, lowercase: true);

    /// <summary>Who is at the other end.</summary>
    public LinkPeer Peer { get; }

    /// <summary>What the host said of itself; null until it did.</summary>
    public Messages.Hello? Hello { get; private set; }

    /// <summary>Grows with every session; 0 until the host is connected.</summary>
    public long Epoch => _host?.SessionEpoch ?? 0;

    /// <summary>Reads until the link ends, whoever ends it. Throws nothing.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        try
        {
            if (await OpenAsync(ct))
            {
                await ReadFramesAsync(ct);
            }
        }
        catch (LinkException e)
        {
            LogRefused(_server.Logger, Peer.HostId, e.Message);

            // A hello that is refused would be refused again; a broken stream is mended by a new one.
            SayGoAway("protocol", e.Message, Hello is null ? null : 1);
        }
        catch (OperationCanceledException)
        {
            LogLost(_server.Logger, Peer.HostId, "the connection was closed");
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or InvalidOperationException)
        {
            LogLost(_server.Logger, Peer.HostId, e.Message);
        }
        finally
        {
            await EndAsync();
        }
    }

    /// <summary>Something was heard of the host that is no frame: a turn of carrier C.</summary>
    public void Touch() => _host?.Touch();

    /// <summary>What carrier C answers about an attempt's output; null when there is no such attempt.</summary>
    public (long NextSeq, bool Stop, bool Stream)? Describe(uint handle) =>
        _attempts.Find(handle) is { } entry ? (entry.Attempt.NextSeq, entry.IsStopped, entry.Attempt.Stream) : null;

    private async Task<bool> OpenAsync(CancellationToken ct)
    {
        if (await HelloCheck.PeekInTimeAsync(_link.Input, _server.Time, ct) is not { } payload)
        {
            return false;
        }

        var read = await _link.Input.ReadAsync(ct);
        _link.Input.AdvanceTo(read.Buffer.GetPosition(FrameHeader.Size + payload.Length));
        var hello = HelloCheck.Read(new ReadOnlySequence<byte>(payload), IsLocal);
        if (_server.IsDraining)
        {
            SayGoAway("draining", "the gateway is being stopped", _server.ReconnectSeconds);
            return false;
        }

        _host = _server.Engine.Hosts.Connect(DescribeHost(hello), this);
        Hello = hello;
        _server.Joined(this);
        _server.Registry.Describe(Peer.HostId, hello with { Models = _host.Models });
        if (_server.Registry.Find(Peer.HostId) is { IsHeldBack: true } known)
        {
            _server.Engine.Hosts.SetQuarantined(Peer.HostId, known.QuarantinedAt);
            _server.Engine.Hosts.SetDraining(Peer.HostId, known.Draining);
            SayDraining(deadline: null); // Behind the answer; a deadline that the host was told stands.
        }

        Answer(hello, _host);
        LogOpened(_server.Logger, Peer.HostId, Peer.Carrier, hello.Slots, hello.Models.Count);
        return true;
    }

    private bool IsLocal => Peer.Carrier == LinkCarrier.Memory;

    private void Answer(Messages.Hello hello, DispatchHost host)
    {
        var verdicts = new List<Messages.ResumeVerdict>();
        foreach (var resume in hello.Resume ?? [])
        {
            var attempt = host.Resume(resume.Attempt, resume.LastAckedSeq);
            var entry = attempt is null ? null : _attempts.Add(attempt);
            verdicts.Add(
                new Messages.ResumeVerdict
                {
                    Attempt = resume.Attempt,
                    Fenced = entry is null,
                    Handle = entry?.Attempt.Handle,
                    NextSeq = entry?.Attempt.NextSeq,
                    CreditBytes = entry?.Attempt.CreditLeft,
                }
            );
        }

        if (Peer.Carrier != LinkCarrier.Turn)
        {
            SetIdleHeartbeat();
        }

        Open(
            new Messages.HelloOk
            {
                Protocol = LinkLimits.ProtocolVersion,
                SessionEpoch = host.SessionEpoch,
                Session = Id,
                HeartbeatSeconds = Heartbeat.TotalSeconds,
                IdleHeartbeatSeconds = Peer.Carrier == LinkCarrier.Turn ? null : _idleHeartbeat.TotalSeconds,
                SilenceSeconds = Silence.TotalSeconds,
                CreditBytes = LinkLimits.CreditWindowBytes,
                Resumed = verdicts,
            }
        );
        host.Ready();
    }

    private async Task ReadFramesAsync(CancellationToken ct)
    {
        while (!_stopped)
        {
            var read = await _link.Input.ReadAsync(ct);
            _host!.Touch();
            var buffer = read.Buffer;
            ReadBatch(ref buffer);
            _link.Input.AdvanceTo(buffer.Start, buffer.End);
            if (read.IsCompleted || read.IsCanceled)
            {
                return;
            }
        }
    }

    // hot: one pass over all that a read brought, then one flush to the readers of each attempt and one to the host.
    private void ReadBatch(ref ReadOnlySequence<byte> buffer)
    {
        _outbox.Hold();
        try
        {
            while (!_stopped && FrameReader.TryRead(ref buffer, out var frame))
            {
                Take(frame);
            }
        }
        finally
        {
            foreach (var entry in _touched)
            {
                entry.IsTouched = false;
                entry.Attempt.Flush();
            }

            _touched.Clear();
            _outbox.Release();
        }
    }

    private void Take(in Frame frame)
    {
        switch (frame.Header.Type)
        {
            case FrameType.Delta:
                TakeDelta(frame);
                break;
            case FrameType.Accept:
                Entry(frame)?.Attempt.Accept();
                break;
            case FrameType.Finish:
                var finish = EndCheck.Bound(LinkJson.Read(frame.Payload, ProtocolJson.Default.Finish));
                TakeEnd(frame, finish, static (attempt, seq, finish) => attempt.Finish(seq, finish));
                break;
            case FrameType.Fail:
                var fail = EndCheck.Bound(LinkJson.Read(frame.Payload, ProtocolJson.Default.Fail));
                TakeEnd(frame, fail, static (attempt, seq, fail) => attempt.Fail(seq, fail));
                break;
            case FrameType.Free:
                Entry(frame)?.Attempt.Free();
                _attempts.Remove(frame.Header.Attempt);
                break;
            case FrameType.Refuse:
                var refuse = EndCheck.Bound(LinkJson.Read(frame.Payload, ProtocolJson.Default.Refuse));
                Entry(frame)?.Attempt.Refuse(refuse.Code, refuse.Reason);
                _attempts.Remove(frame.Header.Attempt);
                break;
            default:
                TakeAboutHost(frame);
                break;
        }
    }

    private void TakeAboutHost(in Frame frame)
    {
        RequireHostRate();
        switch (frame.Header.Type)
        {
            case FrameType.Slots:
                var slots = LinkJson.Read(frame.Payload, ProtocolJson.Default.SlotsMessage).Total;
                HelloCheck.RequireSlots(slots);
                _host!.SetSlots(Allowed(slots));
                break;
            case FrameType.Status:
                TakeStatus(LinkJson.Read(frame.Payload, ProtocolJson.Default.Status));

                break;
            case FrameType.Pong:
                _echoed = true;
                break;
            case FrameType.Heartbeat:
                _isAsked = true; // It had nothing else to say, and may not have heard of us for as long.
                break;
            default:
                throw new LinkException($"a {frame.Header.Type} frame does not belong here");
        }
    }

    private void TakeDelta(in Frame frame)
    {
        var header = frame.Header;
        if (header.Flags > (byte)DeltaKind.Head || header.Sequence > int.MaxValue)
        {
            throw new LinkException($"output of kind {header.Flags}, number {header.Sequence}, is not known");
        }

        if (Entry(frame) is not { } entry)
        {
            return;
        }

        if (!entry.IsTouched)
        {
            entry.IsTouched = true;
            _touched.Add(entry);
        }

        Judge(
            entry,
            entry.Attempt.Append(
                (int)header.Sequence,
                (DeltaKind)header.Flags,
                header.Answer,
                frame.Payload,
                header.Tokens
            ),
            header.Sequence
        );
        if (entry.Attempt.IsBeyondCredit)
        {
            throw new LinkException("more output came than there was credit for");
        }
    }

    private void TakeEnd<T>(in Frame frame, T message, Func<Attempt, int, T, AppendOutcome> end)
    {
        if (Entry(frame) is { } entry && frame.Header.Sequence <= int.MaxValue)
        {
            Judge(entry, end(entry.Attempt, (int)frame.Header.Sequence, message), frame.Header.Sequence);
        }
    }

    private void Judge(SessionAttempt entry, AppendOutcome outcome, uint seq)
    {
        if (outcome == AppendOutcome.Gap)
        {
            throw new LinkException($"output {entry.Attempt.NextSeq} is missing before {seq}");
        }

        if (outcome == AppendOutcome.Fenced)
        {
            Fence(entry);
        }
    }

    /// <summary>The attempt a frame is about; null when its slot is free already, so that the frame says nothing new.</summary>
    private SessionAttempt? Entry(in Frame frame)
    {
        var handle = frame.Header.Attempt;
        if (_attempts.Find(handle) is { } entry)
        {
            RequireRate(entry.Rate, "an attempt", LinkLimits.FramesPerSecond);
            return entry;
        }

        RequireHostRate();
        return _attempts.WasGiven(handle)
            ? null
            : throw new LinkException($"a {frame.Header.Type} frame is about attempt {handle}, which was not offered");
    }

    private void RequireHostRate() => RequireRate(_frames, "itself", LinkLimits.HostFramesPerSecond);

    private static void RequireRate(FrameRate rate, string about, int most)
    {
        if (!rate.IsWithin())
        {
            throw new LinkException(
                $"a host may send {most} frames a second about {about}, averaged over ten seconds; gather small pieces"
            );
        }
    }

    private async Task EndAsync()
    {
        _stopped = true;
        if (_host is not null)
        {
            _host.Disconnect();
            _server.Registry.Left(Peer.HostId);
        }

        await _outbox.CompleteAsync(GoodbyeWithin);
        await _link.Input.CompleteAsync();
    }

    [LoggerMessage(
        Level = LogLevel.Information,
        Message = "Host {HostId} is here by {Carrier}; slots: {Slots}, models: {Models}"
    )]
    private static partial void LogOpened(ILogger logger, string hostId, LinkCarrier carrier, int slots, int models);

    [LoggerMessage(Level = LogLevel.Information, Message = "The link of host {HostId} ended: {Reason}")]
    private static partial void LogLost(ILogger logger, string hostId, string reason);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "Closed the link of host {HostId}, which broke its rules: {Reason}"
    )]
    private static partial void LogRefused(ILogger logger, string hostId, string reason);
}
