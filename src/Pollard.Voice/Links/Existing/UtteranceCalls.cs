using System.Buffers;

namespace Pollard.Voice.Links.Existing;

/// <summary>
/// What a caller says, brought to an existing speech-to-text service: an utterance is a frame, whatever the pieces that it comes in. One that
/// is too long for that is several.
/// </summary>
/// <param name="wire">What it is made of.</param>
internal sealed class UtterancesOut(CallWire wire)
    : ExistingCall(wire, (FrameCodec.Heard, FrameCodec.Text), mostIncoming: 256)
{
    private const int Rate = 16_000;
    private const int MostBytes = 2_000_000;
    private readonly ArrayBufferWriter<byte> _utterance = new();
    private (SpeechMark Mark, uint Chunk) _last;
    private uint _sent;

    /// <inheritdoc/>
    protected override bool Say(in LinkFrame frame) =>
        frame.Kind switch
        {
            FrameKind.Audio => frame.Mark.Turn <= _sent || Add(frame), // It is said again though the link has it.
            FrameKind.End => frame.Mark == default || End(frame.Mark.Turn),
            FrameKind.Key => LeaveOut(frame),
            _ => true,
        };

    /// <inheritdoc/>
    protected override IEnumerable<LinkFrame> Hear(LinkFrame frame) =>
        frame.Kind == FrameKind.Text ? [frame with { Mark = new SpeechMark(_sent, 0, 0) }] : [];

    /// <inheritdoc/>
    protected override void Connected() => Tell(new LinkFrame(FrameKind.Ready));

    private bool Add(in LinkFrame frame)
    {
        if (frame.Rate != Rate)
        {
            throw new FrameException($"a link for recognition has sound of {Rate} samples a second alone");
        }

        if (frame.Mark.Turn != _last.Mark.Turn || IsAgain(frame))
        {
            _utterance.ResetWrittenCount(); // It is said anew, from its beginning.
        }

        _last = (frame.Mark, frame.Chunk);
        return Append(WireSound.Clean(frame.Payload.Span));
    }

    private bool IsAgain(in LinkFrame frame) =>
        frame.Mark == _last.Mark
            ? frame.Chunk != 0 && frame.Chunk <= _last.Chunk
            : frame.Mark.Sentence < _last.Mark.Sentence;

    private bool Append(ReadOnlySpan<byte> sound)
    {
        while (_utterance.WrittenCount + sound.Length > MostBytes)
        {
            var room = MostBytes - _utterance.WrittenCount;
            _utterance.Write(sound[..room]);
            sound = sound[room..];
            if (!TryWriteUtterance())
            {
                return false;
            }
        }

        _utterance.Write(sound);
        return true;
    }

    private bool End(uint turn)
    {
        if (turn > _sent && !TryWriteUtterance())
        {
            return false;
        }

        _sent = Math.Max(_sent, turn);
        Tell(new LinkFrame(FrameKind.Done, Mark: new SpeechMark(turn, 0, 0))); // The link keeps it until it has arrived.
        return true;
    }

    private bool TryWriteUtterance()
    {
        if (_utterance.WrittenCount > 0 && !TryWrite(new LinkFrame(FrameKind.Audio, _utterance.WrittenMemory, Rate)))
        {
            return false;
        }

        _utterance.ResetWrittenCount();
        return true;
    }
}

/// <summary>What a caller says, as an existing inbound service brings it: each frame is an utterance.</summary>
/// <param name="wire">What it is made of.</param>
internal sealed class UtterancesIn(CallWire wire)
    : ExistingCall(wire, (FrameCodec.Text, FrameCodec.Heard), mostIncoming: 16)
{
    private uint _turn = FirstTurn(wire.Setup.Link.Time);

    /// <inheritdoc/>
    protected override void Connected() => Tell(new LinkFrame(FrameKind.End)); // It says nothing again.

    /// <inheritdoc/>
    protected override bool Say(in LinkFrame frame) => frame.Kind != FrameKind.Text || TryWriteText(frame);

    /// <inheritdoc/>
    protected override IEnumerable<LinkFrame> Hear(LinkFrame frame)
    {
        if (frame.Kind == FrameKind.Audio)
        {
            var mark = new SpeechMark(_turn++, 0, 1);
            yield return frame with
            {
                Payload = WireSound.Clean(frame.Payload.Span),
                Chunk = 1,
                Mark = mark,
            };
            yield return new LinkFrame(FrameKind.End, Mark: mark with { Sentence = 0 });
        }
    }
}
