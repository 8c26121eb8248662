using System.Threading.Channels;

namespace Pollard.Voice.Links;

/// <summary>
/// A neighbour in a call whichever of its processes it is: one that was started anew comes with another link, and takes the place of the
/// one before. Over only when the newest is.
/// </summary>
/// <param name="call">The call.</param>
/// <param name="since">Since when it is one.</param>
internal sealed class RejoinedCall(CallId call, DateTimeOffset since) : ICallLink
{
    private const int MostFrames = 64; // What waits longer waits in the link.
    private const int MostBytes = 4 * 1024 * 1024;
    private readonly WaitingFrames _incoming = new(MostFrames, MostBytes);
    private readonly Lock _gate = new();
    private readonly List<ICallLink> _links = [];
    private bool _isOver;
    private int _came;

    /// <inheritdoc/>
    public CallId Call => call;

    /// <inheritdoc/>
    public ChannelReader<LinkFrame> Incoming => _incoming;

    /// <summary>Since when it is one.</summary>
    public DateTimeOffset Since => since;

    /// <summary>How often the neighbour has come anew.</summary>
    public int Rejoined { get; private set; }

    /// <inheritdoc/>
    public bool IsOver
    {
        get
        {
            lock (_gate)
            {
                return _isOver;
            }
        }
    }

    /// <inheritdoc/>
    public bool TrySend(in LinkFrame frame)
    {
        ICallLink? newest;
        lock (_gate)
        {
            newest = _links.LastOrDefault();
        }

        return newest?.TrySend(frame) == true;
    }

    /// <summary>The neighbour has come, or come anew. False: the call is over, and this is another one under its id.</summary>
    public bool TryAttach(ICallLink link)
    {
        lock (_gate)
        {
            if (_isOver || _links.LastOrDefault()?.IsOver == true)
            {
                return false;
            }

            _links.Add(link);
            Rejoined = _came++;
        }

        _ = HearAsync(link); // Ends with the link, and throws nothing.
        return true;
    }

    /// <inheritdoc/>
    public void Close()
    {
        ICallLink[] links;
        lock (_gate)
        {
            _isOver = true;
            links = [.. _links];
        }

        _incoming.End();
        foreach (var link in links)
        {
            link.Close();
        }
    }

    private async Task HearAsync(ICallLink link)
    {
        await foreach (var frame in link.Incoming.ReadAllAsync(CancellationToken.None))
        {
            if (!await _incoming.AddAsync(frame))
            {
                break; // The call is over.
            }
        }

        lock (_gate)
        {
            _isOver |= _links[^1] == link;
            _links.Remove(link);
            if (!_isOver)
            {
                return;
            }
        }

        _incoming.End();
    }
}
