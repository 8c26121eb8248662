using System.Buffers;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Leases;

namespace Pollard.Tasks.Dispatch;

/// <content>Whose output counts, how far it has come, and how much more of it may come.</content>
public sealed partial class Attempt
{
    /// <summary>Gives the host leave to send on, as far as what it sent is on disk or read.</summary>
    internal void GiveCredit()
    {
        int bytes;
        DispatchHost? host;
        lock (Task.Log.Gate)
        {
            var done = IsPaced ? Math.Clamp(Task.Log.ReadBytes - _readBefore, 0, _outputBytes) : _outputBytes;
            bytes = (int)(done - _creditedBytes);
            if (bytes < CreditBytes || !IsOpen)
            {
                return;
            }

            _creditedBytes = done;
            _creditedAt = _core.Time.GetTimestamp();
            host = Host; // Under the gate: what is given before a move is in the credit that the new session begins with.
        }

        host?.Sink.Credit(this, bytes);
    }

    /// <summary>Since when nothing came though something could, on the monotonic clock; and whether it waits for its reader.</summary>
    internal (long Since, bool HeldUp) StandsStill()
    {
        // The host sends in pieces, so it may stop short of the window's end.
        var heldUp = IsPaced && _outputBytes - _creditedBytes > LinkLimits.CreditWindowBytes - CreditBytes;
        return (Math.Max(Math.Max(LastOutputAt, LastPhaseAt), _creditedAt), heldUp);
    }

    // A client that reads along sets the pace; what nobody waits for, or what is on disk, holds nothing up.
    private bool IsPaced => Task.Row is { Stream: true, Durability: Durability.Relaxed, LostOutput: LostOutput.Fail };

    /// <summary>A newer session of its host has it from here on. The caller holds the engine's lock.</summary>
    internal void MoveTo(DispatchHost host)
    {
        lock (Task.Log.Gate)
        {
            Host = host;
            CreditLeft = LinkLimits.CreditWindowBytes - (int)(_outputBytes - _creditedBytes);
        }
    }

    /// <summary>For an attempt that was taken up after a restart: what it had written by then.</summary>
    internal void Restore(int outputs, long bytes, AnswerShape shape)
    {
        NextSeq = outputs;
        HasShown |= outputs > 0;
        Shape = shape;
        _outputBytes = bytes;
        _creditedBytes = bytes;
        _acknowledgedBytes = bytes;
    }

    /// <summary>It is the task's attempt from here on. The caller holds the engine's lock.</summary>
    internal void TakeOver()
    {
        lock (Task.Log.Gate)
        {
            IsHedge = false;
            FirstEvent = Task.Log.Count;
            _readBefore = Task.Log.Bytes;
        }
    }

    // How far a second host is interests nobody before it has the task. Only tasks that are not on disk have second hosts, so
    // that no event needs to be found by the number of its piece.
    private AppendOutcome PassOver(int seq)
    {
        lock (Task.Log.Gate)
        {
            var outcome = Check(seq);
            if (outcome == AppendOutcome.Taken)
            {
                NextSeq++;
                LastPhaseAt = _core.Time.GetTimestamp();
            }

            return outcome;
        }
    }

    // The caller holds the log's gate.
    private AppendOutcome Check(int seq) =>
        !IsOpen ? AppendOutcome.Fenced
        : seq < NextSeq || IsFinishing ? AppendOutcome.Duplicate
        : seq > NextSeq ? AppendOutcome.Gap
        : AppendOutcome.Taken;

    // Puts a piece into the log. The caller holds its gate.
    private void Keep(DeltaKind kind, ushort choice, in ReadOnlySequence<byte> data, int tokens)
    {
        // hot: one call a token (bench: stream).
        _gatheredBytes += (int)data.Length;
        Task.Log.AppendOutput(kind, choice, data, _core.Time.GetUtcNow().ToUnixTimeMilliseconds());
        NoteTime(kind);
        Shape.Add(kind, choice, (int)data.Length, tokens);
    }

    private void NoteTime(DeltaKind kind)
    {
        var now = _core.Time.GetTimestamp();
        if (kind == DeltaKind.Progress)
        {
            LastPhaseAt = now;
        }
        else
        {
            if (!HasShown && Task.Row.Attempt <= 1)
            {
                TaskMetrics.FirstOutput(Task.Row, _core.Time.GetUtcNow());
            }

            HasShown = true;
            if (LastOutputAt == 0)
            {
                FirstOutputAt = now;
                LastOutputAt = now;
                Clock.Set(ClockPhase.Running, Clock.Look().Next); // From here on it may stand still for less long.
            }

            LastOutputAt = now;
        }
    }

    internal long FirstOutputAt { get; private set; }

    /// <summary>Something of the answer itself came; a word on how far it is does not count.</summary>
    internal bool HasShown { get; private set; }
}
