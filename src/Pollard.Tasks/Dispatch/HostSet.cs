namespace Pollard.Tasks.Dispatch;

/// <summary>A set of hosts from which two are drawn at random in constant time.</summary>
internal sealed class HostSet
{
    private readonly List<DispatchHost> _hosts = [];
    private readonly Dictionary<DispatchHost, int> _places = [];

    public int Count => _hosts.Count;

    public void Set(DispatchHost host, bool isMember)
    {
        if (isMember)
        {
            Add(host);
        }
        else
        {
            Remove(host);
        }
    }

    /// <summary>A copy of the list.</summary>
    public DispatchHost[] ToArray() => [.. _hosts];

    public bool Contains(DispatchHost host) => _places.ContainsKey(host);

    /// <summary>One of them at random. The set is not empty.</summary>
    public DispatchHost DrawOne(Random random) => _hosts[random.Next(_hosts.Count)];

    /// <summary>Two of them at random; the same one twice when there is no other. The set is not empty.</summary>
    public (DispatchHost One, DispatchHost Other) Draw(Random random)
    {
        if (_hosts.Count == 1)
        {
            return (_hosts[0], _hosts[0]);
        }

        var one = random.Next(_hosts.Count);
        var other = random.Next(_hosts.Count - 1);
        return (_hosts[one], _hosts[other < one ? other : other + 1]);
    }

    private void Add(DispatchHost host)
    {
        if (_places.TryAdd(host, _hosts.Count))
        {
            _hosts.Add(host);
        }
    }

    private void Remove(DispatchHost host)
    {
        if (!_places.Remove(host, out var place))
        {
            return;
        }

        var last = _hosts[^1];
        _hosts.RemoveAt(_hosts.Count - 1);
        if (!ReferenceEquals(last, host))
        {
            _hosts[place] = last;
            _places[last] = place;
        }
    }
}
