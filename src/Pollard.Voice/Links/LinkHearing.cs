namespace Pollard.Voice.Links;

/// <summary>What was heard of the other side so far, over all connections with it: what it says again is known.</summary>
internal sealed class LinkHearing
{
    private readonly Lock _gate = new();
    private string? _peer;
    private uint _last;

    /// <summary>The number of the last frame that was heard.</summary>
    public uint Last
    {
        get
        {
            lock (_gate)
            {
                return _last;
            }
        }
    }

    /// <summary>A connection is there. A process that is not the one before begins to count anew.</summary>
    /// <returns>Whether it is another one.</returns>
    public bool Meet(string? peer)
    {
        lock (_gate)
        {
            var isAnother = _peer is not null && _peer != peer;
            if (_peer != peer)
            {
                (_peer, _last) = (peer, 0);
            }

            return isAnother;
        }
    }

    /// <summary>False: the frame was heard before, on a connection that broke before that could be said. One without a number is always new.</summary>
    public bool IsNew(uint number)
    {
        lock (_gate)
        {
            return number == 0 || number > _last;
        }
    }

    /// <summary>A frame was heard, and has been handed on.</summary>
    public void Heard(uint number)
    {
        lock (_gate)
        {
            _last = Math.Max(_last, number);
        }
    }
}
