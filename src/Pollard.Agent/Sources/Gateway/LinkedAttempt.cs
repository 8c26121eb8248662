using System.Text.Json;
using Pollard.Agent.Backends;
using Pollard.Agent.Pipeline;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Sources.Gateway;

/// <summary>
/// An attempt that came over the link and outlives the link's connections: gathers the backend's output, sends it within the
/// gateway's credit, keeps it until it is acknowledged, and sends it again over the next connection.
/// </summary>
/// <param name="work">What is to be done.</param>
/// <param name="time">The clock.</param>
/// <param name="over">Called once when nothing of the attempt is left to do.</param>
[System.Diagnostics.CodeAnalysis.SuppressMessage(
    "Design",
    "CA1001",
    Justification = "The token source has no timer and no handle; who asks it last is not known, so that nobody can dispose it."
)]
internal sealed class LinkedAttempt(WorkItem work, TimeProvider time, Action<LinkedAttempt> over) : IOfferedWork
{
    // How long and how much output gathers: short while somebody reads along, longer where fewer frames are all that counts.
    private static readonly (TimeSpan Delay, int Bytes) ReadAlong = (TimeSpan.FromMilliseconds(5), 1024);
    private static readonly (TimeSpan Delay, int Bytes) Unread = (TimeSpan.FromMilliseconds(50), 16 * 1024);

    /// <summary>Output that may wait in the agent for credit or for a link before its backend has to wait.</summary>
    private const int SlackBytes = 64 * 1024;

    private readonly Lock _gate = new();
    private readonly OutputLog _log = new();
    private readonly FramePace _frames = new(time);
    private readonly CancellationTokenSource _stop = new();
    private readonly (TimeSpan Delay, int Bytes) _pace = work.Offer.Stream is true ? ReadAlong : Unread;
    private FrameOutbox? _outbox;
    private TaskCompletionSource? _room;
    private ITimer? _timer;
    private bool _isArmed;
    private bool _isBlocked;
    private bool _hasBegun;
    private long _lastSend;
    private long _credit;
    private int _window;
    private State _state;
    private bool _isFreeSaid;

    private enum State
    {
        Running,
        Stopping,
        Ended,
        Over,
    }

    /// <inheritdoc/>
    public WorkItem Work { get; } = work;

    /// <inheritdoc/>
    public CancellationToken Stopping => _stop.Token;

    /// <summary>Its name over all sessions.</summary>
    public string Token => Work.Offer.Attempt;

    /// <summary>Its name in the present session.</summary>
    public uint Handle { get; private set; }

    /// <summary>What a hello says of it.</summary>
    public Messages.Resume Resume
    {
        get
        {
            lock (_gate)
            {
                return new Messages.Resume(Token, _log.NextSeq, _log.FirstSeq);
            }
        }
    }

    /// <summary>A session has begun in which this is the attempt's handle; everything from <paramref name="nextSeq"/> on is sent over it.</summary>
    public void Attach(FrameOutbox outbox, uint handle, long nextSeq, int creditBytes, int? windowBytes = null)
    {
        bool isResumable;
        lock (_gate)
        {
            (_outbox, Handle, _isFreeSaid) = (outbox, handle, false);
            (_credit, _window) = (creditBytes, windowBytes ?? creditBytes);
            isResumable = _log.TryRewind(nextSeq);
            if (isResumable)
            {
                Send();
            }
        }

        outbox.Flush();
        if (!isResumable)
        {
            Stop(); // The gateway lacks what was forgotten here: that cannot be mended.
        }
    }

    /// <summary>The session has ended.</summary>
    public void Detach(FrameOutbox outbox)
    {
        lock (_gate)
        {
            if (ReferenceEquals(_outbox, outbox))
            {
                _outbox = null;
            }
        }
    }

    /// <inheritdoc/>
    public void Accept() => Say(FrameType.Accept, []);

    /// <inheritdoc/>
    public void Refuse(string code, string reason)
    {
        Say(
            FrameType.Refuse,
            JsonSerializer.SerializeToUtf8Bytes(new Messages.Refuse(code, reason), ProtocolJson.Default.Refuse)
        );
        EndIf(() => true);
    }

    /// <inheritdoc/>
    public ValueTask WriteAsync(
        DeltaKind kind,
        ushort choice,
        ReadOnlyMemory<byte> data,
        CancellationToken cancellationToken
    )
    {
        cancellationToken.ThrowIfCancellationRequested();
        FrameOutbox? outbox = null;
        Task? room = null;
        lock (_gate)
        {
            if (_state != State.Running || data.IsEmpty)
            {
                return ValueTask.CompletedTask; // Stopped: its token says so too, nobody wants the rest.
            }

            _log.Add(kind, choice, data.Span);
            if (IsDue())
            {
                outbox = Send();
            }

            if (_log.UnsentBytes > SlackBytes)
            {
                _room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                room = _room.Task;
            }
        }

        outbox?.Flush();
        return room is null ? ValueTask.CompletedTask : new ValueTask(room.WaitAsync(cancellationToken));
    }

    /// <inheritdoc/>
    public void End(WorkResult? result)
    {
        FrameOutbox? outbox;
        lock (_gate)
        {
            if (result is not null && _state == State.Running)
            {
                var (type, payload) = LargePieces.End(result);
                _log.Add(type, payload);
            }
            else
            {
                _state = State.Stopping;
            }

            var isStopped = _state == State.Stopping;
            _state = State.Ended;
            outbox = isStopped ? SayFree() : Send();
            if (isStopped)
            {
                _log.Clear();
            }
        }

        outbox?.Flush();
        EndIf(() => _state == State.Ended && _log.NextSeq == _log.FirstSeq);
    }

    /// <summary>The attempt is not wanted any more: its backend stops, nothing more of it is sent but that its slot is free.</summary>
    public void Stop()
    {
        FrameOutbox? outbox = null;
        lock (_gate)
        {
            if (_state == State.Running)
            {
                _state = State.Stopping;
            }
            else if (_state == State.Ended)
            {
                outbox = SayFree();
            }

            _log.Clear();
            _room?.TrySetResult();
            _room = null;
        }

        outbox?.Flush();
        EndIf(() => _state == State.Ended);
        _ = StopBackendAsync(); // Cancelling runs the backend's own code: not on the thread that reads the link.
    }

    /// <summary>The gateway has kept everything below this number.</summary>
    public void Acknowledge(uint nextSeq)
    {
        lock (_gate)
        {
            _log.Forget((int)Math.Min(nextSeq, int.MaxValue));
        }

        EndIf(() => _state == State.Ended && _log.NextSeq == _log.FirstSeq);
    }

    /// <summary>So many more bytes may be sent.</summary>
    public void AddCredit(uint bytes)
    {
        FrameOutbox? outbox;
        lock (_gate)
        {
            _credit += bytes;
            outbox = _isBlocked ? Send() : null;
        }

        outbox?.Flush();
    }

    private async Task StopBackendAsync()
    {
        await Task.Yield();
        try
        {
            await _stop.CancelAsync();
        }
        catch (AggregateException)
        {
            // A backend's callback broke. The attempt is over all the same; the pipeline logs what comes of it.
        }
    }

    // What follows runs under the lock, unless it says otherwise.

    private bool IsDue()
    {
        if (_isBlocked)
        {
            return false; // Credit, a new session or the pace of frames sends all that gathers until then.
        }

        var quiet = time.GetElapsedTime(_lastSend);
        if (_log.UnsentBytes >= _pace.Bytes || (Work.Offer.Stream is true && (!_hasBegun || quiet >= _pace.Delay)))
        {
            return true;
        }

        // Who reads along waits that long after the last piece; otherwise output gathers from now on.
        SendAfter(Work.Offer.Stream is true ? _pace.Delay - quiet : _pace.Delay);
        return false;
    }

    private void SendAfter(TimeSpan delay)
    {
        if (_isArmed)
        {
            return;
        }

        _isArmed = true;
        _timer ??= time.CreateTimer(
            static attempt => ((LinkedAttempt)attempt!).SendInTime(),
            this,
            Timeout.InfiniteTimeSpan,
            Timeout.InfiniteTimeSpan
        );
        _timer.Change(delay, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Comes from the timer, without the lock.</summary>
    private void SendInTime()
    {
        FrameOutbox? outbox = null;
        lock (_gate)
        {
            _isArmed = false;
            if (_state is State.Running or State.Ended)
            {
                outbox = Send();
            }
        }

        outbox?.Flush();
    }

    private FrameOutbox? Send()
    {
        _log.Seal();
        _hasBegun = _log.NextSeq > 0;
        _lastSend = time.GetTimestamp();
        return Pump();
    }

    /// <summary>Puts out what credit and the pace of frames allow. The caller flushes after leaving the lock.</summary>
    private FrameOutbox? Pump()
    {
        while (_outbox is not null && _log.TryPeek(out var frame))
        {
            if (frame.Type == FrameType.Delta)
            {
                // The gateway gives credit by the quarter: with more than three there, what does not fit has nothing to wait for.
                if (frame.Data.Length > _credit && _credit <= _window / 4 * 3)
                {
                    break;
                }

                if (!_frames.TryTake())
                {
                    SendAfter(FramePace.Wait);
                    break;
                }

                _credit -= frame.Data.Length;
            }

            var choice = FrameHeader.ForDelta(frame.Choice, frame.Tokens);
            _outbox.Write(frame.Type, Handle, (uint)_log.SentSeq, frame.Data, (byte)frame.Kind, choice);
            _log.Sent();
        }

        _isBlocked = _log.TryPeek(out _);
        if (_room is not null && _log.UnsentBytes <= SlackBytes / 2)
        {
            _room.TrySetResult();
            _room = null;
        }

        if (_state == State.Ended && _log.SentSeq == _log.NextSeq)
        {
            SayFree();
        }

        return _outbox;
    }

    /// <summary>Last of all: behind it the gateway knows the handle no more.</summary>
    private FrameOutbox? SayFree()
    {
        if (_outbox is not null && !_isFreeSaid)
        {
            _isFreeSaid = true;
            _outbox.Write(FrameType.Free, Handle);
        }

        return _outbox;
    }

    /// <summary>Without the lock.</summary>
    private void Say(FrameType type, byte[] payload)
    {
        FrameOutbox? outbox;
        lock (_gate)
        {
            outbox = _outbox;
            outbox?.Write(type, Handle, 0, payload);
        }

        outbox?.Flush();
    }

    /// <summary>Without the lock: says once that nothing is left to do.</summary>
    private void EndIf(Func<bool> isOver)
    {
        lock (_gate)
        {
            if (_state == State.Over || !isOver())
            {
                return;
            }

            _state = State.Over;
            _timer?.Dispose();
        }

        over(this);
    }
}
