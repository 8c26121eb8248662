using Pollard.Agent.Backends.Http;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Sources.Gateway;

/// <summary>One frame of an attempt's output, as it can be sent again. Of text it says how many pieces the backend sent it in: servers stream a token at a time.</summary>
internal sealed record OutputFrame(FrameType Type, DeltaKind Kind, ushort Choice, byte[] Data, int Tokens = 0);

/// <summary>
/// An attempt's output until the gateway has kept it: the host is the write-ahead log of the link. Numbers frames, joins small
/// pieces that follow each other, and knows what was sent and what not. Not safe for threads: its owner holds a lock.
/// </summary>
internal sealed class OutputLog
{
    private const int MostJoinedBytes = 64 * 1024;
    private readonly List<OutputFrame> _frames = [];
    private readonly PooledBuffer _open = new();
    private DeltaKind _openKind;
    private ushort _openChoice;
    private int _openTokens;
    private int _unsentBytes;

    /// <summary>The number of the oldest frame that is still here.</summary>
    public int FirstSeq { get; private set; }

    /// <summary>The number of the next frame to be sent.</summary>
    public int SentSeq { get; private set; }

    /// <summary>The number of the next frame to be made.</summary>
    public int NextSeq => FirstSeq + _frames.Count;

    /// <summary>Bytes that were not sent yet.</summary>
    public int UnsentBytes => _unsentBytes + _open.Length;

    /// <summary>Adds output. Text is cut between characters only, JSON into objects that say the same.</summary>
    /// <exception cref="BackendException">It does not fit in a frame and cannot be cut.</exception>
    public void Add(DeltaKind kind, ushort choice, ReadOnlySpan<byte> data)
    {
        if (IsMessage(kind))
        {
            Seal();
            AddMessage(kind, choice, data);
            return;
        }

        if (
            _open.Length > 0
            && (_openKind != kind || _openChoice != choice || _open.Length + data.Length > MostJoinedBytes)
        )
        {
            Seal();
        }

        (_openKind, _openChoice) = (kind, choice);
        while (data.Length > MostJoinedBytes)
        {
            var cut = kind == DeltaKind.Body ? MostJoinedBytes : CutBetweenCharacters(data);
            _open.Append(data[..cut]);
            Seal();
            data = data[cut..];
        }

        _open.Append(data);
        _openTokens++;
    }

    /// <summary>Makes a frame of what was joined so far.</summary>
    public void Seal()
    {
        if (_open.Length > 0)
        {
            var data = _open.Written.ToArray();
            Append(new OutputFrame(FrameType.Delta, _openKind, _openChoice, data, _openTokens));
            _open.Clear();
            _openTokens = 0;
        }
    }

    /// <summary>Adds the attempt's end.</summary>
    public void Add(FrameType end, byte[] message)
    {
        Seal();
        Append(new OutputFrame(end, default, 0, message));
    }

    /// <summary>The next frame to send; false when all are sent.</summary>
    public bool TryPeek(out OutputFrame frame)
    {
        var index = SentSeq - FirstSeq;
        frame = index < _frames.Count ? _frames[index] : null!;
        return index < _frames.Count;
    }

    /// <summary>The frame that <see cref="TryPeek"/> gave is sent.</summary>
    public void Sent()
    {
        _unsentBytes -= _frames[SentSeq - FirstSeq].Data.Length;
        SentSeq++;
    }

    /// <summary>Forgets what the gateway has kept.</summary>
    public void Forget(int nextSeq)
    {
        var kept = Math.Min(nextSeq, NextSeq) - FirstSeq;
        if (kept <= 0)
        {
            return;
        }

        while (SentSeq < FirstSeq + kept)
        {
            Sent(); // It was sent in an earlier session, and this one never had to.
        }

        _frames.RemoveRange(0, kept);
        FirstSeq += kept;
    }

    /// <summary>Sends again from here on. False when that is forgotten already.</summary>
    public bool TryRewind(long nextSeq)
    {
        if (nextSeq < FirstSeq || nextSeq > NextSeq)
        {
            return false;
        }

        SentSeq = (int)nextSeq;
        _unsentBytes = _frames.Skip(SentSeq - FirstSeq).Sum(frame => frame.Data.Length);
        return true;
    }

    /// <summary>Forgets everything.</summary>
    public void Clear()
    {
        _open.Clear();
        _openTokens = 0;
        _frames.Clear();
        (FirstSeq, SentSeq, _unsentBytes) = (SentSeq, SentSeq, 0);
    }

    private static bool IsMessage(DeltaKind kind) =>
        kind is DeltaKind.ToolCall or DeltaKind.LogProbabilities or DeltaKind.Progress;

    private static int CutBetweenCharacters(ReadOnlySpan<byte> utf8)
    {
        var cut = MostJoinedBytes;
        while (cut > MostJoinedBytes - 4 && (utf8[cut] & 0xC0) == 0x80)
        {
            cut--;
        }

        return cut;
    }

    private void AddMessage(DeltaKind kind, ushort choice, ReadOnlySpan<byte> data)
    {
        var pieces = (data.Length > MostJoinedBytes ? LargePieces.Cut(kind, data) : null) ?? [data.ToArray()];
        foreach (var piece in pieces)
        {
            if (piece.Length > LinkLimits.FramePayloadBytes)
            {
                throw new BackendException(
                    LargePieces.TooLarge(
                        $"a {kind} of {data.Length} bytes is over the limit of {LinkLimits.FramePayloadBytes}"
                    )
                );
            }
        }

        foreach (var piece in pieces)
        {
            Append(new OutputFrame(FrameType.Delta, kind, choice, piece));
        }
    }

    private void Append(OutputFrame frame)
    {
        _frames.Add(frame);
        _unsentBytes += frame.Data.Length;
    }
}
