namespace Pollard.Voice.Links.Existing;

/// <summary>
/// Text, brought to an existing model or text-to-speech service. It never says that it is ready: a stage says all again then that it has no
/// sign of, and the link has that already.
/// </summary>
/// <param name="wire">What it is made of.</param>
/// <param name="sign">What the stage waits for when it has said a text, and the wire does not say.</param>
internal sealed class TextOut(CallWire wire, FrameKind sign)
    : ExistingCall(wire, (FrameCodec.Text, FrameCodec.Text), mostIncoming: 256)
{
    private uint _turn;

    /// <inheritdoc/>
    protected override bool Say(in LinkFrame frame)
    {
        if (frame.Kind != FrameKind.Text)
        {
            return frame.Kind != FrameKind.Key || LeaveOut(frame);
        }

        if (!TryWriteText(frame))
        {
            return false;
        }

        _turn = frame.Mark.Turn;
        Tell(new LinkFrame(sign, Mark: frame.Mark)); // The link keeps it until it has arrived.
        return true;
    }

    /// <inheritdoc/>
    protected override IEnumerable<LinkFrame> Hear(LinkFrame frame) =>
        frame.Kind == FrameKind.Text ? [frame with { Mark = new SpeechMark(_turn, 0, 0) }] : [];
}

/// <summary>Text, as an existing speech-to-text service or model brings it.</summary>
internal sealed class TextIn : ExistingCall
{
    private readonly bool _areTurns;
    private readonly uint _first;
    private uint _heard;

    /// <param name="wire">What it is made of.</param>
    /// <param name="areTurns">Whether each is a turn, or a sentence of one that never ends.</param>
    public TextIn(CallWire wire, bool areTurns)
        : base(wire, (FrameCodec.Text, FrameCodec.Text), mostIncoming: 256)
    {
        (_areTurns, _first) = (areTurns, FirstTurn(Time));
        Tell(new LinkFrame(FrameKind.Ready)); // What follows is all that there is: it never says anything again.
    }

    /// <inheritdoc/>
    protected override bool Say(in LinkFrame frame) => frame.Kind != FrameKind.Text || TryWriteText(frame);

    /// <inheritdoc/>
    protected override IEnumerable<LinkFrame> Hear(LinkFrame frame)
    {
        if (frame.Kind == FrameKind.Text)
        {
            _heard++;
            var mark = _areTurns ? new SpeechMark(_first + _heard, 0, 1) : new SpeechMark(_first, 0, _heard);
            yield return frame with
            {
                Mark = mark,
            };
        }
    }
}
