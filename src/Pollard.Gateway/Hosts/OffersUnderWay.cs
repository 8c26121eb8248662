namespace Pollard.Gateway.Hosts;

/// <summary>Offers that wait for their way out to the host: the time in which they must be taken begins when they have left.</summary>
internal sealed class OffersUnderWay(TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly List<(long End, SessionAttempt Entry)> _offers = [];
    private volatile int _count;

    /// <summary>An offer was put into the outbox, which then held so many bytes over all.</summary>
    public void Add(long end, SessionAttempt entry)
    {
        lock (_gate)
        {
            _offers.Add((end, entry));
            _count = _offers.Count;
        }
    }

    /// <summary>So many bytes have left over all, and the offers that were among them.</summary>
    public void Left(long bytes)
    {
        // hot: once a flush, mostly with nothing to do.
        if (_count == 0)
        {
            return;
        }

        lock (_gate)
        {
            var now = time.GetTimestamp();
            foreach (var (end, entry) in _offers)
            {
                if (end <= bytes)
                {
                    entry.OfferLeftAt = now;
                }
            }

            _offers.RemoveAll(offer => offer.End <= bytes);
            _count = _offers.Count;
        }
    }
}
