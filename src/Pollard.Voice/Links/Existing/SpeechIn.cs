namespace Pollard.Voice.Links.Existing;

/// <summary>
/// Speech, as an existing text-to-speech service brings it. What it says on one connection, and before an end, is a sentence: one that was
/// started anew begins to count anew, and nothing of it is taken for what was heard before.
/// </summary>
/// <param name="wire">What it is made of.</param>
internal sealed class SpeechIn(CallWire wire)
    : ExistingCall(wire, (FrameCodec.Spoken, FrameCodec.Spoken), mostIncoming: 16)
{
    private uint _sentence;
    private uint _open; // The connection on which it is said; 0: it has ended.

    private SpeechMark Mark => new(1, 0, _sentence);

    /// <inheritdoc/>
    protected override bool Say(in LinkFrame frame) => true;

    /// <inheritdoc/>
    protected override void Connected() => Tell(new LinkFrame(FrameKind.Ready));

    /// <inheritdoc/>
    protected override IEnumerable<LinkFrame> Hear(LinkFrame frame)
    {
        if (_open != 0 && (frame.Kind == FrameKind.End || _open != frame.Connection))
        {
            yield return new LinkFrame(FrameKind.End, Mark: Mark); // It is whole, or it broke off.
            _open = 0;
        }

        if (frame.Kind == FrameKind.Audio)
        {
            if (_open == 0)
            {
                _sentence++;
            }

            _open = frame.Connection;
            yield return WireSound.Unpack(frame) with
            {
                Mark = Mark,
            };
        }
    }
}
