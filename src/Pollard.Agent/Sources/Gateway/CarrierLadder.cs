namespace Pollard.Agent.Sources.Gateway;

/// <summary>Which carrier to try: the one that worked last, the next one down when it does not get through, and the best again every half hour.</summary>
internal sealed class CarrierLadder
{
    private static readonly TimeSpan ProbeUpwardEvery = TimeSpan.FromMinutes(30);
    private readonly IReadOnlyList<ILinkCarrier> _carriers;
    private readonly TimeProvider _time;
    private int _index;
    private long _lastAtTop;

    /// <summary>Begins with the carrier that worked last.</summary>
    public CarrierLadder(IReadOnlyList<ILinkCarrier> carriers, string? remembered, TimeProvider time)
    {
        (_carriers, _time, _lastAtTop) = (carriers, time, time.GetTimestamp());
        for (var i = 0; i < carriers.Count; i++)
        {
            if (string.Equals(carriers[i].Name, remembered, StringComparison.Ordinal))
            {
                _index = i;
            }
        }
    }

    /// <summary>The carrier to try now.</summary>
    public ILinkCarrier Current => _carriers[_index];

    /// <summary>How long a session on the present carrier may last until a better one is tried; null: for ever.</summary>
    public TimeSpan? SessionLimit => _index == 0 ? null : ProbeUpwardEvery;

    /// <summary>Goes down a step. False when all were tried: then it begins at the top again.</summary>
    public bool TryNext()
    {
        _index = (_index + 1) % _carriers.Count;
        if (_index == 0)
        {
            _lastAtTop = _time.GetTimestamp();
        }

        return _index != 0;
    }

    /// <summary>A session ended: the best carrier is due for a try again.</summary>
    public void ProbeUpward()
    {
        if (_index > 0 && _time.GetElapsedTime(_lastAtTop) >= ProbeUpwardEvery)
        {
            (_index, _lastAtTop) = (0, _time.GetTimestamp());
        }
    }
}
