using System.Threading.Channels;

namespace Pollard.Voice.Links.Mux;

/// <summary>A call on a link that has many.</summary>
internal sealed class MuxCall : ICallLink
{
    /// <summary>Frames that wait for this side: of sound in pieces of 20 ms nearly a minute.</summary>
    private const int MostIncoming = 2_500;

    private readonly Channel<LinkFrame> _incoming = Channel.CreateBounded<LinkFrame>(MostIncoming);
    private readonly MuxLink _link;
    private int _lost;
    private volatile bool _isOver;
    private int _started; // A bit for each lane; the link's lock is held.

    internal MuxCall(MuxLink link, CallId call, uint epoch, bool isOurs) =>
        (_link, Call, Epoch, IsOurs) = (link, call, epoch, isOurs);

    /// <inheritdoc/>
    public CallId Call { get; }

    /// <inheritdoc/>
    public ChannelReader<LinkFrame> Incoming => _incoming.Reader;

    /// <summary>Frames that came while too many waited, and were thrown away.</summary>
    public int Lost => Volatile.Read(ref _lost);

    /// <summary>Which of the calls under this id.</summary>
    internal uint Epoch { get; }

    /// <summary>True: this side has opened it.</summary>
    internal bool IsOurs { get; }

    /// <inheritdoc/>
    public bool IsOver => _isOver;

    /// <inheritdoc/>
    public bool TrySend(in LinkFrame frame) => !_isOver && _link.TrySend(frame with { Call = Call });

    /// <inheritdoc/>
    public void Close() => _link.Close(this);

    /// <summary>A lane has said that it begins. True: with this, all have.</summary>
    internal bool StartedOn(MuxLane lane)
    {
        var all = _started | (lane == MuxLane.Control ? 1 : 2);
        var isLast = all == 3 && _started != 3;
        _started = all;
        return isLast;
    }

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
    internal void Complete()
    {
        _isOver = true;
        _incoming.Writer.TryComplete();
    }
}
