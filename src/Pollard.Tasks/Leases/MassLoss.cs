namespace Pollard.Tasks.Leases;

/// <summary>
/// Notices that links drop in numbers: then the trouble is the gateway's or the network's, no host is blamed, and running tasks
/// wait longer for their hosts to come back. Called under the engine's lock.
/// </summary>
internal sealed class MassLoss(TimeProvider time)
{
    private const int Least = 5; // In a small pool one lost host is many per cent and no sign of anything.
    private const double Share = 0.2;
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Freeze = TimeSpan.FromSeconds(15);
    private readonly Queue<long> _losses = new();
    private long _frozenAt;
    private bool _frozen;

    /// <summary>How long expiry is still to wait; zero when nothing special goes on.</summary>
    public TimeSpan FreezeLeft =>
        _frozen && Freeze - time.GetElapsedTime(_frozenAt) is var left && left > TimeSpan.Zero ? left : TimeSpan.Zero;

    /// <summary>One of <paramref name="connected"/> hosts is lost.</summary>
    public void Note(int connected)
    {
        var now = time.GetTimestamp();
        _losses.Enqueue(now);
        while (_losses.Count > 0 && time.GetElapsedTime(_losses.Peek(), now) > Window)
        {
            _losses.Dequeue();
        }

        if (_losses.Count >= Least && _losses.Count > Share * (connected + _losses.Count - 1))
        {
            _frozen = true;
            _frozenAt = now;
        }
    }
}
