using System.Threading.Channels;

namespace Pollard.Voice.Links.Mux;

/// <summary>A call on a link that has many.</summary>
internal sealed class MuxCall
{
    /// <summary>Frames that wait for this side: of sound in pieces of 20 ms nearly a minute.</summary>
    private const int MostIncoming = 2_500;

    private readonly Channel<LinkFrame> _incoming = Channel.CreateBounded<LinkFrame>(MostIncoming);
    private readonly MuxLink _link;
    private int _lost;

    internal MuxCall(MuxLink link, CallId call, uint epoch, bool isOurs) =>
        (_link, Call, Epoch, IsOurs) = (link, call, epoch, isOurs);

    /// <summary>Its id.</summary>
    public CallId Call { get; }

    /// <summary>What the other side says of it; ends with it.</summary>
    public ChannelReader<LinkFrame> Incoming => _incoming.Reader;

    /// <summary>Frames that came while too many waited, and were thrown away.</summary>
    public int Lost => Volatile.Read(ref _lost);

    /// <summary>Which of the calls under this id.</summary>
    internal uint Epoch { get; }

    /// <summary>True: this side has opened it.</summary>
    internal bool IsOurs { get; }

    /// <summary>Sends a frame. False: too much waits already, or the call is over, and it is not taken.</summary>
    /// <exception cref="FrameException">There is no such frame on this link.</exception>
    public bool TrySend(in LinkFrame frame) =>
        !_incoming.Reader.Completion.IsCompleted
        && _link.TrySend(frame with { Mark = frame.Mark with { Call = Call } });

    /// <summary>Ends it, on both sides.</summary>
    public void Close() => _link.Close(this);

    /// <summary>Takes what has come. False: too much waits, and it is thrown away; this side does not keep up.</summary>
    internal bool TryTake(in LinkFrame frame)
    {
        if (_incoming.Writer.TryWrite(frame))
        {
            return true;
        }

        Interlocked.Increment(ref _lost);
        return false;
    }

    /// <summary>Nothing more comes.</summary>
    internal void Complete() => _incoming.Writer.TryComplete();
}
