namespace Pollard.Voice.Links.Existing;

/// <summary>
/// Speech, brought to an existing outbound service, which drops the oldest when it has too much, says nothing of what was heard, and can be
/// told nothing of an interruption. So it gets no more than it will play soon, and what was heard is reckoned by the clock.
/// </summary>
internal sealed class SpeechOut : ExistingCall
{
    private const int PiecesPerSecond = 100; // More than a voice is cut into.
    private const int MostPieceParts = 5; // Of a second.
    private static readonly TimeSpan HeldFor = TimeSpan.FromSeconds(15); // Who holds says so again every five.
    private readonly Lock _gate = new();
    private readonly Changing _change = new();
    private readonly Queue<LinkFrame> _waiting = new();
    private readonly Queue<(LinkFrame Sign, TimeSpan At)> _signs = new();
    private readonly CallWire _wire;
    private readonly long _begun;
    private TimeSpan _heardAt; // When all that was sent will have been heard.
    private (SpeechMark Mark, TimeSpan Length)? _open; // The sentence that was sent in part.
    private (SpeechMark Mark, TimeSpan Length) _taken; // The sentence that came last.
    private TimeSpan _skip; // Of what comes of it, since it came before.
    private uint _chunk;
    private uint _generation;
    private int _waitingBytes;
    private TimeSpan? _heldSince;

    /// <param name="wire">What it is made of.</param>
    public SpeechOut(CallWire wire)
        : base(wire, (FrameCodec.Spoken, FrameCodec.Text), mostIncoming: 1_024)
    {
        _wire = wire;
        _begun = Time.GetTimestamp();

        // The service drops what has a number that is not higher than the last of the call, also after this process was started anew.
        _chunk = unchecked((uint)(Time.GetUtcNow().ToUnixTimeSeconds() * PiecesPerSecond));
    }

    private TimeSpan Now => Time.GetElapsedTime(_begun);

    private bool IsHeld => _heldSince is { } since && Now - since < HeldFor;

    /// <inheritdoc/>
    protected override bool Say(in LinkFrame frame)
    {
        lock (_gate)
        {
            switch (frame.Kind)
            {
                case FrameKind.Audio or FrameKind.End when frame.Mark.Generation < _generation:
                    return true; // The caller has interrupted it.
                case FrameKind.End when frame.Mark.Sentence == 0:
                    return true; // Of the whole answer.
                case FrameKind.Audio when _waitingBytes + frame.Payload.Length > _wire.Setup.Link.MostKeptBytes:
                    return false;
                case FrameKind.Audio:
                    Add(frame);
                    break;
                case FrameKind.End:
                    _waiting.Enqueue(frame);
                    break;
                case FrameKind.Flush when frame.Mark.Generation > _generation:
                    Drop(frame.Mark.Generation);
                    break;
                case FrameKind.Hold or FrameKind.Resume:
                    _heldSince = frame.Kind == FrameKind.Hold ? Now : null;
                    break;
                default:
                    return true;
            }
        }

        _change.Changed();
        return true;
    }

    /// <inheritdoc/>
    protected override IEnumerable<LinkFrame> Hear(LinkFrame frame) => [];

    /// <inheritdoc/>
    protected override async Task PlayAsync(CancellationToken ct)
    {
        while (true)
        {
            var (said, linked) = (_change.NextAsync(), ChangedAsync());
            while (NextSign() is { } sign)
            {
                Tell(sign);
            }

            while (NextPiece() is { } piece)
            {
                await WriteAsync(piece, ct);
            }

            await ((Task)Task.WhenAny(said, linked).WaitAsync(Wait(), Time, ct)).ConfigureAwait(
                ConfigureAwaitOptions.SuppressThrowing
            );
            ct.ThrowIfCancellationRequested();
        }
    }

    private static TimeSpan LengthOf(in LinkFrame frame) =>
        TimeSpan.FromSeconds((double)frame.Payload.Length / sizeof(float) / frame.Rate);

    /// <summary>Cuts sound into pieces that are short enough to be sent when it is time for each.</summary>
    private void Add(in LinkFrame frame)
    {
        SpokenCodec.CheckRate((uint)frame.Rate);
        var sound = NewOf(frame);
        _waitingBytes += sound.Length;
        var most = frame.Rate / MostPieceParts * sizeof(float);
        for (; !sound.IsEmpty; sound = sound[Math.Min(most, sound.Length)..])
        {
            _waiting.Enqueue(frame with { Payload = sound[..Math.Min(most, sound.Length)] });
        }
    }

    /// <summary>A copy of what did not come before: another engine may say a sentence anew from its beginning.</summary>
    private ReadOnlyMemory<byte> NewOf(in LinkFrame frame)
    {
        if (frame.Mark != _taken.Mark)
        {
            (_taken, _skip) = ((frame.Mark, TimeSpan.Zero), TimeSpan.Zero);
        }
        else if (frame.Chunk == 1)
        {
            _skip = _taken.Length;
        }

        var length = LengthOf(frame);
        var skipped = _skip < length ? _skip : length;
        _skip -= skipped;
        _taken.Length += length - skipped;
        var samples = (int)Math.Round(skipped.TotalSeconds * frame.Rate);
        return WireSound.Clean(frame.Payload.Span).AsMemory(samples * sizeof(float));
    }

    /// <summary>What waits is not said; what was sent is heard, and nothing can be done about it.</summary>
    private void Drop(uint generation)
    {
        (_generation, _heldSince, _waitingBytes) = (generation, null, 0);
        var signs = _signs.Select(static one => one.Sign).ToList();
        _signs.Clear();
        signs.AddRange(
            (_open is { } open ? [open.Mark] : Array.Empty<SpeechMark>())
                .Concat(_waiting.Select(static frame => frame.Mark))
                .Distinct()
                .Select(mark => new LinkFrame(FrameKind.Cut, Chunk: SentOf(mark), Mark: mark))
        );
        _waiting.Clear();
        _open = null;
        signs.ForEach(sign => _signs.Enqueue((sign, TimeSpan.Zero))); // What becomes of each is known now.
    }

    private uint SentOf(SpeechMark mark) =>
        _open is var (sent, length) && sent == mark ? (uint)length.TotalMilliseconds : 0;

    private LinkFrame? NextSign()
    {
        lock (_gate)
        {
            return _signs.TryPeek(out var next) && next.At <= Now ? _signs.Dequeue().Sign : null;
        }
    }

    private LinkFrame? NextPiece()
    {
        lock (_gate)
        {
            while (_waiting.TryPeek(out var next))
            {
                if (next.Kind == FrameKind.End)
                {
                    _waiting.Dequeue();
                    _open = null;
                    _signs.Enqueue((new LinkFrame(FrameKind.Played, Mark: next.Mark), _heardAt));
                    continue;
                }

                if (IsHeld || !IsUp || _heardAt - Now > _wire.Setup.Lead)
                {
                    break;
                }

                var length = LengthOf(_waiting.Dequeue());
                _waitingBytes -= next.Payload.Length;
                _heardAt = (_heardAt > Now ? _heardAt : Now) + length;
                _open = (next.Mark, (_open is var (mark, sent) && mark == next.Mark ? sent : TimeSpan.Zero) + length);
                return next with { Chunk = ++_chunk };
            }

            return null;
        }
    }

    /// <summary>How long until there is something to do, if nothing happens before.</summary>
    private TimeSpan Wait()
    {
        lock (_gate)
        {
            var wait = TimeSpan.FromMinutes(1);
            if (_signs.TryPeek(out var sign))
            {
                wait = sign.At - Now;
            }

            if (_waiting.Count > 0 && IsUp)
            {
                var next = IsHeld ? _heldSince!.Value + HeldFor : _heardAt - _wire.Setup.Lead;
                wait = TimeSpan.FromTicks(Math.Min(wait.Ticks, (next - Now).Ticks));
            }

            return wait > TimeSpan.Zero ? wait : TimeSpan.Zero;
        }
    }
}
