using System.Buffers;
using System.IO.Pipelines;
using Microsoft.Extensions.Logging;
using Pollard.Agent.Backends;
using Pollard.Agent.Pipeline;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Sources.Gateway;

/// <summary>How a session ended.</summary>
/// <param name="IsProven">True when both directions were seen to work: the carrier is good.</param>
/// <param name="Reason">Why, for people.</param>
/// <param name="GoAway">What the gateway said at the end, when it said something.</param>
/// <param name="Quiet">How long nothing had been sent or heard.</param>
internal sealed record SessionEnd(bool IsProven, string Reason, Messages.GoAway? GoAway, TimeSpan Quiet);

/// <summary>One connection to the gateway, above whatever carries it, from the answer to the hello to its end.</summary>
internal sealed partial class LinkSession : IDisposable
{
    private const double LeastSeconds = 1;
    private const double MostSeconds = 24 * 3600;

    // A gateway to which thousands come back at once is slow with its first word, and no carrier is to blame for that.
    private static readonly TimeSpan ProvenWithin = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LastWordsWithin = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan TickEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan GoodbyeWithin = TimeSpan.FromSeconds(2);
    private readonly IDuplexPipe _link;
    private readonly AttemptTable _attempts;
    private readonly WorkPipeline _pipeline;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly FrameOutbox _outbox;
    private readonly Dictionary<uint, PooledBuffer> _offers = [];
    private readonly CancellationTokenSource _dead;
    private readonly long _begun;
    private TimeSpan _heartbeat = LinkLimits.HeartbeatInterval;
    private TimeSpan? _idleHeartbeat;
    private Messages.HelloOk? _answer;
    private Messages.GoAway? _goAway;
    private string _reason = "the gateway closed the connection";
    private volatile bool _isProven;
    private bool _isGivenUp;
    private long _lastRead;

    public LinkSession(
        IDuplexPipe link,
        AttemptTable attempts,
        WorkPipeline pipeline,
        TimeProvider time,
        ILogger logger
    )
    {
        (_link, _attempts, _pipeline, _time, _logger) = (link, attempts, pipeline, time, logger);
        _dead = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
        _outbox = new FrameOutbox(link.Output, time, HearLastWords);
        _begun = _lastRead = time.GetTimestamp();
    }

    /// <summary>Called once, when the carrier has proven itself; on the thread that reads the link.</summary>
    public Action<Messages.HelloOk>? Proven { get; init; }

    /// <summary>Called with settings that say what becomes of the host, and why.</summary>
    public Action<Messages.Config>? Told { get; init; }

    /// <summary>Called when the session gave the link up: from here on its reader must come to its end.</summary>
    public Action? GivenUp { get; init; }

    /// <summary>Reads until the link ends, whoever ends it. Throws nothing.</summary>
    public async Task<SessionEnd> RunAsync(CancellationToken ct)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(ct, _dead.Token);
        await using var ticker = _time.CreateTimer(
            static session => ((LinkSession)session!).Tick(),
            this,
            TickEvery,
            TickEvery
        );
        try
        {
            await ReadAsync(ending.Token);
        }
        catch (LinkException e)
        {
            _reason = e.Message;
        }
        catch (OperationCanceledException)
        {
            if (ct.IsCancellationRequested)
            {
                _reason = "the agent is being stopped";
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or InvalidOperationException)
        {
            _reason = e.Message;
        }

        var (unheard, unsaid) = (_time.GetElapsedTime(Volatile.Read(ref _lastRead)), _outbox.Quiet);
        _attempts.Detach(_outbox);
        foreach (var half in _offers.Values)
        {
            half.Clear();
        }

        await _outbox.CompleteAsync(GoodbyeWithin);
        return new SessionEnd(
            _isProven,
            _goAway?.Reason ?? _reason,
            _goAway,
            Quiet: unheard < unsaid ? unheard : unsaid
        );
    }

    /// <summary>Says how many attempts the agent runs from now on.</summary>
    public void SaySlots(int slots)
    {
        _outbox.Write(FrameType.Slots, 0, new Messages.Slots(slots), ProtocolJson.Default.SlotsMessage);
        _outbox.Flush();
    }

    /// <summary>Says what the agent can run from now on.</summary>
    public void SayModels(IReadOnlyList<ModelInfo> models) => SayStatus(new Messages.Status { Models = models });

    /// <summary>Says whether the agent takes work from now on.</summary>
    public void SayRest(Messages.Rest rest) => SayStatus(new Messages.Status { Rest = rest });

    private void SayStatus(Messages.Status status)
    {
        _outbox.Write(FrameType.Status, 0, status, ProtocolJson.Default.Status);
        _outbox.Flush();
    }

    /// <inheritdoc/>
    public void Dispose() => _dead.Dispose();

    // An idle agent need not be heard of, nor hear, as often: that matters to a gateway with thousands of them.
    private TimeSpan Interval => _attempts.IsEmpty && _idleHeartbeat is { } idle ? idle : _heartbeat;

    private static TimeSpan Seconds(double value) => TimeSpan.FromSeconds(Math.Clamp(value, LeastSeconds, MostSeconds));

    private static TimeSpan? Seconds(double? value) => value is { } seconds ? Seconds(seconds) : null;

    private async Task ReadAsync(CancellationToken ct)
    {
        while (_goAway is null)
        {
            var read = await _link.Input.ReadAsync(ct);
            if (read.IsCompleted && read.Buffer.IsEmpty)
            {
                return;
            }

            Volatile.Write(ref _lastRead, _time.GetTimestamp());
            var buffer = read.Buffer;
            ReadBatch(ref buffer);
            _link.Input.AdvanceTo(buffer.Start, buffer.End);
            if (read.IsCompleted || read.IsCanceled)
            {
                return;
            }
        }
    }

    private void ReadBatch(ref ReadOnlySequence<byte> buffer)
    {
        _outbox.Hold();
        try
        {
            while (_goAway is null && FrameReader.TryRead(ref buffer, out var frame))
            {
                Take(frame);
            }
        }
        finally
        {
            _outbox.Release();
        }
    }

    private void Take(in Frame frame)
    {
        var handle = frame.Header.Attempt;
        switch (frame.Header.Type)
        {
            case FrameType.Offer:
                TakeOffer(frame);
                break;
            case FrameType.Ack:
                _attempts.Find(handle)?.Acknowledge(frame.Header.Sequence);
                break;
            case FrameType.Credit:
                _attempts.Find(handle)?.AddCredit(FrameWriter.ReadCredit(frame.Payload));
                break;
            case FrameType.Cancel:
            case FrameType.Fenced:
                _attempts.Find(handle)?.Stop();
                break;
            case FrameType.Ping:
                _outbox.Write(FrameType.Pong, 0, 0, frame.Payload.ToArray());
                Prove();
                break;
            default:
                TakeAboutSession(frame);
                break;
        }
    }

    private void TakeAboutSession(in Frame frame)
    {
        switch (frame.Header.Type)
        {
            case FrameType.HelloOk:
                _answer = ReadAnswer(frame);
                _heartbeat = Seconds(_answer.HeartbeatSeconds);
                _idleHeartbeat = Seconds(_answer.IdleHeartbeatSeconds);
                _attempts.Attach(_answer, _outbox);
                break;
            case FrameType.Config:
                var config = LinkJson.Read(frame.Payload, ProtocolJson.Default.Config);
                _heartbeat = Seconds(config.HeartbeatSeconds) ?? _heartbeat;
                _idleHeartbeat = Seconds(config.IdleHeartbeatSeconds) ?? _idleHeartbeat;
                if (config.Draining is false)
                {
                    _pipeline.KeepAll();
                }

                Told?.Invoke(config);

                break;
            case FrameType.GoAway:
                _goAway = LinkJson.Read(frame.Payload, ProtocolJson.Default.GoAway);
                break;
            case FrameType.Drain:
                var drain = LinkJson.Read(frame.Payload, ProtocolJson.Default.Drain);
                LogDrain(_logger, drain.Reason);
                if (drain.DeadlineSeconds is { } deadline)
                {
                    _pipeline.HandOverAfter(TimeSpan.FromSeconds(Math.Clamp(deadline, 0, MostSeconds)));
                }

                break;
            default:
                throw new LinkException($"a {frame.Header.Type} frame does not belong here");
        }
    }

    private static Messages.HelloOk ReadAnswer(in Frame frame)
    {
        var answer = LinkJson.Read(frame.Payload, ProtocolJson.Default.HelloOk);
        return answer.Resumed?.All(verdict => verdict?.Attempt is not null) is true
            ? answer
            : throw new LinkException("the answer to the hello names no verdict on each attempt");
    }

    private void TakeOffer(in Frame frame)
    {
        if (_answer is null)
        {
            throw new LinkException("an offer came before the answer to the hello");
        }

        var handle = frame.Header.Attempt;
        if ((frame.Header.Flags & FrameHeader.More) != 0 || _offers.ContainsKey(handle))
        {
            TakePart(frame, handle);
            return;
        }

        Start(handle, frame.Payload.ToArray());
    }

    private void TakePart(in Frame frame, uint handle)
    {
        if (!_offers.TryGetValue(handle, out var whole))
        {
            _offers[handle] = whole = new PooledBuffer();
        }

        if (whole.Length + frame.Payload.Length > LinkLimits.OfferBytes + LinkLimits.FramePayloadBytes)
        {
            throw new LinkException($"an offer is over its limit of {LinkLimits.OfferBytes} bytes");
        }

        foreach (var piece in frame.Payload)
        {
            whole.Append(piece.Span);
        }

        if ((frame.Header.Flags & FrameHeader.More) == 0)
        {
            var payload = whole.Written.ToArray();
            whole.Clear();
            _offers.Remove(handle);
            Start(handle, payload);
        }
    }

    private void Start(uint handle, byte[] payload)
    {
        var (offer, request) = OfferPayload.Read(payload);
        _pipeline.Offer(_attempts.Add(new WorkItem(offer, request), _outbox, handle, _answer!.CreditBytes));
    }

    private void Prove()
    {
        if (!_isProven && _answer is not null)
        {
            _isProven = true;
            Proven?.Invoke(_answer);
        }
    }

    /// <summary>About once a second, apart from the work: says that the agent is alive, and notices when the gateway is not.</summary>
    private void Tick()
    {
        if (!_isProven && _time.GetElapsedTime(_begun) > ProvenWithin)
        {
            Give("no answer came through: something between the agent and the gateway holds it back");
        }
        else if (
            _time.GetElapsedTime(Volatile.Read(ref _lastRead)) is var silence
            && silence > Interval + (2 * _heartbeat)
        )
        {
            Give($"nothing was heard of the gateway for {silence.TotalSeconds:0} seconds");
        }
        else if (_outbox.Quiet >= Interval)
        {
            _outbox.Write(FrameType.Heartbeat);
            _outbox.Flush();
        }
    }

    // The gateway takes nothing any more. What it said before, that another has taken our place perhaps, may still be on its way:
    // who comes back without having heard it would drive that other one out.
    private void HearLastWords()
    {
        _reason = "the gateway takes nothing any more";
        GivenUp?.Invoke();
        try
        {
            _dead.CancelAfter(LastWordsWithin);
        }
        catch (ObjectDisposedException)
        {
            // The session ended meanwhile.
        }
    }

    private void Give(string reason)
    {
        if (Interlocked.Exchange(ref _isGivenUp, true))
        {
            return;
        }

        _reason = reason;
        GivenUp?.Invoke();
        try
        {
            _dead.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The session ended meanwhile.
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "The gateway offers no more work: {Reason}")]
    private static partial void LogDrain(ILogger logger, string reason);
}
