namespace Pollard.Tasks.Dispatch;

/// <summary>
/// An owner's part of the pool. Whoever had least of late comes next. What it had is counted in seconds of the whole of those
/// hosts that can do such work, so that it means the same in a large pool and in a small one. Used under the engine's lock.
/// </summary>
internal sealed class OwnerShare(string name, OwnerShares all, TimeProvider time)
{
    private const double Ageing = 0.25;
    private Fading _had;
    private long _unservedSince;

    public string Name { get; } = name;

    /// <summary>Its tasks that wait, in whichever class of work.</summary>
    public int Waiting { get; private set; }

    /// <summary>Its tasks that hosts have.</summary>
    public int Running { get; set; }

    /// <summary>How many that may be; null: no limit.</summary>
    public int? Limit { get; set; }

    public bool MayRun => Limit is not { } limit || Running < limit;

    /// <summary>What it had of late.</summary>
    public double Had => _had.Now(time);

    /// <summary>One more waits, where those who were served last had so much.</summary>
    public void Waits(double othersHad)
    {
        if (Waiting++ > 0)
        {
            return;
        }

        all.Waiting++;
        _unservedSince = time.GetTimestamp();
        if (Running == 0 && othersHad > 0)
        {
            Set(Math.Max(Had, othersHad)); // Time in which it wanted nothing is no credit.
        }
    }

    /// <summary>One waits no more.</summary>
    public void WaitsNoMore() => all.Waiting -= --Waiting == 0 ? 1 : 0;

    /// <summary>It gets something that will probably take so long.</summary>
    public void Charge(double seconds)
    {
        _unservedSince = time.GetTimestamp();
        Correct(seconds);
    }

    /// <summary>What it got took more, or less.</summary>
    public void Correct(double seconds) => Set(Math.Max(Had + seconds, 0));

    /// <summary>
    /// Where it stands: the lowest comes next. Waiting counts as well, at a quarter of the pace at which one of so many is served: it
    /// changes no shares that are fair, but whoever newcomers pass again and again gets a turn.
    /// </summary>
    public double Standing =>
        Had - (Ageing / Math.Max(all.Waiting, 1) * time.GetElapsedTime(_unservedSince).TotalSeconds);

    private void Set(double had) => _had = new Fading(had, time.GetTimestamp());
}
