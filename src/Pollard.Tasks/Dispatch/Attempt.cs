using System.Buffers;
using Pollard.Protocol.Api;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Events;
using Pollard.Tasks.Leases;

namespace Pollard.Tasks.Dispatch;

/// <summary>What became of output.</summary>
public enum AppendOutcome : byte
{
    /// <summary>It is taken.</summary>
    Taken,

    /// <summary>It was taken before.</summary>
    Duplicate,

    /// <summary>Something before it is missing: the link is broken and must be made anew.</summary>
    Gap,

    /// <summary>The attempt may not write any more.</summary>
    Fenced,
}

/// <summary>One try at a task by one host. What it writes counts while its fence is the task's.</summary>
public sealed partial class Attempt
{
    private const double MostRetryAfterSeconds = 3600;
    private const int AcknowledgeBytes = 16 * 1024; // A relaxed task's host keeps no more than this, at a frame's price.
    private const int CreditBytes = LinkLimits.CreditWindowBytes / 4;
    private readonly EngineCore _core;
    private string? _token;
    private bool _isHedge;
    private readonly int _outputBefore; // Of the hosts whose answer this one goes on with.
    private long _readBefore; // Bytes of all events that came before its own.
    private long _outputBytes;
    private long _acknowledgedBytes;
    private int _gatheredBytes;
    private long _creditedBytes;
    private long _creditedAt;

    internal Attempt(EngineCore core, LiveTask task, string hostId, string model, long fence, int firstEvent)
    {
        _core = core;
        Task = task;
        HostId = hostId;
        Model = model;
        Fence = fence;
        FirstEvent = firstEvent;
        Cut = task.Cut;
        Shape = Cut?.Shape ?? default;
        HasShown = Cut is not null;
        _outputBefore = Shape.Bytes;
        _readBefore = task.Log.Bytes;
        KeepsBodyApart = core.Results.HasBodyApart(task.Row.Kind);
        task.Log.DropsBodies = KeepsBodyApart && IsPaced;
        BeganAt = OfferedAt = core.Time.GetTimestamp();
        Clock = new AttemptClock(core, this);
    }

    /// <summary>The task.</summary>
    public TaskId TaskId => Task.Id;

    /// <summary>The task's id as clients see it.</summary>
    public string PublicTaskId => Task.PublicId;

    /// <summary>The signed name of this attempt, good for <see cref="DispatchHost.Resume"/>.</summary>
    public string Token => _token ??= _core.Tokens.Make(Task.Id, Cut is null ? Fence : -Fence, HostId);

    /// <summary>Which kind of work.</summary>
    public string Kind => Task.Row.Kind;

    /// <summary>The model, by the host's name for it.</summary>
    public string Model { get; }

    /// <summary>True when somebody reads along.</summary>
    public bool Stream => Task.Row.Stream;

    /// <summary>What is left of the time that this try may take.</summary>
    public TimeSpan TimeLeft => Task.Row.RunTimeout - _core.Time.GetElapsedTime(BeganAt);

    /// <summary>W3C trace context.</summary>
    public string? Traceparent => Task.Trace?.Traceparent ?? Task.Traceparent;

    /// <summary>The request: the client's, or the one that asks again after answers that did not pass.</summary>
    public ReadOnlyMemory<byte> Request => Revised ?? Task.Request ?? ReadOnlyMemory<byte>.Empty;

    internal ReadOnlyMemory<byte>? Revised { get; set; }

    /// <summary>What others have written of the answer that this host is to go on with; null when it begins.</summary>
    public Messages.Continue? Continue { get; internal set; }

    /// <summary>The answer as it was when this host was to go on with it; null when it began it.</summary>
    internal CutAnswer? Cut { get; }

    /// <summary>What the whole answer is so far. Under the log's gate.</summary>
    internal AnswerShape Shape; // A field: it is changed in place.

    /// <summary>It has added to the answer itself.</summary>
    internal bool HasWritten => LastOutputAt != 0;

    /// <summary>Digest of the weights that write the answer; null where the host does not say.</summary>
    internal string? Digest { get; set; }

    /// <summary>The number of the next output frame.</summary>
    public int NextSeq { get; internal set; }

    /// <summary>For the session: the handle it gave the attempt.</summary>
    public uint Handle { get; set; }

    /// <summary>For the session: its host has sent what it had no credit for, by more than the last frame may be.</summary>
    public bool IsBeyondCredit { get; private set; }

    /// <summary>For the session that resumed it: how many bytes its host may send ahead of credit yet to come.</summary>
    public int CreditLeft { get; private set; } = LinkLimits.CreditWindowBytes;

    internal LiveTask Task { get; }

    internal string HostId { get; }

    internal long Fence { get; }

    /// <summary>The number of the event that its first output makes; output n is event FirstEvent + n.</summary>
    internal int FirstEvent { get; private set; }

    internal long BeganAt { get; }

    internal long OfferedAt { get; set; }

    internal AttemptClock Clock { get; }

    /// <summary>What was foreseen when it was given; null when it was taken up after a restart.</summary>
    internal Forecast? Forecast { get; set; }

    /// <summary>The length of its output in tokens: by the backend's count, or else by the rule of four bytes a token.</summary>
    internal double Tokens
    {
        get => field > 0 ? field : _outputBytes / 4.0;
        private set;
    }

    /// <summary>Takes the host's word for its length, as far as it can be true of a host for which nobody vouches: a token is a byte at least.</summary>
    internal void Count(double tokens) =>
        Tokens = Host is { Description.Tier: TrustTier.Community } ? Math.Min(tokens, _outputBytes) : tokens;

    /// <summary>The connection that has it; null while its link is lost.</summary>
    internal DispatchHost? Host { get; set; }

    /// <summary>What it may write counts. Changes under the engine's lock and the log's.</summary>
    internal bool IsOpen { get; set; } = true;

    /// <summary>It is a second one beside the task's attempt, and neither has begun the answer. Changes under the engine's lock.</summary>
    internal bool IsHedge
    {
        get => Volatile.Read(ref _isHedge);
        set => Volatile.Write(ref _isHedge, value);
    }

    /// <summary>A second one was begun beside it.</summary>
    internal bool WasHedged { get; set; }

    /// <summary>The result is there and on its way to disk: nothing more may come.</summary>
    internal bool IsFinishing { get; set; }

    internal bool IsAccepted { get; set; }

    /// <summary>Its host can go on with it after a loss; null: not known, it has not been here since the gateway's start.</summary>
    internal bool? GoesOn { get; set; }

    /// <summary>Its host was lost together with very many, and has longer to come back.</summary>
    internal bool IsSpared { get; set; }

    /// <summary>The moment of the last output, on the monotonic clock; 0 before the first.</summary>
    internal long LastOutputAt { get; private set; }

    /// <summary>The moment of the last word on how far it is, on the monotonic clock; 0 before the first.</summary>
    internal long LastPhaseAt { get; private set; }

    /// <summary>The host has begun.</summary>
    public void Accept() => _core.Accept(this);

    /// <summary>The host will not; the task goes to another and the try does not count.</summary>
    public void Refuse(string code, string reason) => _core.Refuse(this, code, reason);

    /// <summary>Takes output. Readers see it after <see cref="Flush"/>: call that once for all that one read brought.</summary>
    /// <param name="seq">The number of this piece, from 0.</param>
    /// <param name="kind">What the bytes are.</param>
    /// <param name="choice">Which of several answers.</param>
    /// <param name="data">The bytes, which are copied.</param>
    /// <param name="tokens">How many tokens they are; 0: not known.</param>
    public AppendOutcome Append(int seq, DeltaKind kind, ushort choice, in ReadOnlySequence<byte> data, int tokens = 0)
    {
        // hot: one call a token (bench: stream).
        if (IsHedge)
        {
            if (kind == DeltaKind.Progress)
            {
                return PassOver(seq);
            }

            if (!_core.TakeOver(this))
            {
                return AppendOutcome.Fenced;
            }
        }

        return kind == DeltaKind.Body && (Task.Log.DropsBodies || HasBodyStore)
            ? AppendBody(seq, data)
            : AppendPiece(seq, kind, choice, data, tokens);
    }

    /// <summary>Shows what was appended.</summary>
    public void Flush()
    {
        // hot: one call a read (bench: stream).
        Waiter? readers = null;
        var acknowledge = false;
        Effects? effects = null;
        lock (Task.Log.Gate)
        {
            if (!IsOpen || _held is not null)
            {
                return;
            }

            if (Task.Row.Durability == Durability.Full)
            {
                effects = Effects.Rent();
                var isFirst = Task.Log.Stored <= FirstEvent;
                _core.Saver.OutputCame(Task, isFirst, _gatheredBytes, effects);
                _gatheredBytes = Task.OutputWaits ? _gatheredBytes : 0;
            }
            else
            {
                readers = Task.Log.Show(Task.Log.Count, final: false);
                acknowledge = _outputBytes - _acknowledgedBytes >= AcknowledgeBytes;
                _acknowledgedBytes = acknowledge ? _outputBytes : _acknowledgedBytes;
            }
        }

        Waiter.WakeAll(readers);
        effects?.Run();
        if (acknowledge && Host?.Sink is { } sink)
        {
            sink.Acknowledge(this, NextSeq);
        }

        GiveCredit();
    }

    /// <summary>Ends the task well. Acknowledged through <see cref="IHostSink.Acknowledge"/> when it is kept.</summary>
    public AppendOutcome Finish(int seq, Messages.Finish finish)
    {
        if (IsHedge && !_core.TakeOver(this))
        {
            return AppendOutcome.Fenced;
        }

        List<TaskEvent>? output = null;
        lock (Task.Log.Gate)
        {
            if (Check(seq) is var outcome && outcome != AppendOutcome.Taken)
            {
                return outcome;
            }

            if (EndsBeyondSeam())
            {
                IsFinishing = true;
                output = Task.Log.Slice(FirstEvent);
            }
        }

        if (output is null)
        {
            _core.StartsOver(this);
            return AppendOutcome.Fenced;
        }

        _core.Complete(this, output, finish);
        return AppendOutcome.Taken;
    }

    /// <summary>Ends the try badly; whether the task is tried again is the engine's to say. Acknowledged like <see cref="Finish"/>.</summary>
    public AppendOutcome Fail(int seq, Messages.Fail fail)
    {
        lock (Task.Log.Gate)
        {
            if (Check(seq) is var outcome && outcome != AppendOutcome.Taken)
            {
                return outcome;
            }
        }

        double? asked = fail.RetryAfterSeconds is { } seconds and >= 0 // A NaN is no number of seconds.
            ? Math.Min(seconds, MostRetryAfterSeconds)
            : null;
        var error = new TaskError(fail.Code, fail.Message, fail.Retryable, fail.Status, asked, fail.Parameter);
        _core.FailAttempt(this, error, TimeSpan.FromSeconds(asked ?? 0));
        return AppendOutcome.Taken;
    }

    private AppendOutcome AppendPiece(
        int seq,
        DeltaKind kind,
        ushort choice,
        in ReadOnlySequence<byte> data,
        int tokens
    )
    {
        var (tooMuch, begins, startsOver) = (false, false, false);
        lock (Task.Log.Gate)
        {
            if (Check(seq) is var outcome && outcome != AppendOutcome.Taken)
            {
                return outcome;
            }

            tooMuch = _outputBefore + _outputBytes + data.Length > _core.Options.MaxOutputBytes;
            if (!tooMuch)
            {
                NextSeq++;
                begins = LastOutputAt == 0;
                _outputBytes += (int)data.Length;
                NoteCredit();
                if (_seam is null)
                {
                    Keep(kind, choice, data, tokens);
                }
                else
                {
                    startsOver = !PassesSeam(kind, choice, data, tokens);
                }
            }
        }

        if (startsOver)
        {
            _core.StartsOver(this);
            return AppendOutcome.Fenced;
        }

        if (tooMuch)
        {
            FailAsTooLarge();
            return AppendOutcome.Fenced;
        }

        if (begins && HasWritten && Task.Hedge is not null)
        {
            _core.StopHedge(Task);
        }

        return AppendOutcome.Taken;
    }

    private void FailAsTooLarge()
    {
        var reason = $"the output is over the limit of {_core.Options.MaxOutputBytes} bytes";
        _core.FailAttempt(this, new TaskError("output_too_large", reason), TimeSpan.Zero);
    }

    /// <summary>The backend has stopped; the slot is free.</summary>
    public void Free() => _core.Free(this);
}
