using Pollard.Protocol.Api;

namespace Pollard.Tasks.Dispatch;

/// <summary>What makes two tasks the same to a dispatcher: whoever can run one can run the other.</summary>
/// <param name="Kind">The kind of work.</param>
/// <param name="Model">The model as the client named it.</param>
/// <param name="OnlyFallback">Workers are used up for it.</param>
/// <param name="Requires">What the host must have, written out; empty for nothing in particular.</param>
internal readonly record struct WorkKey(string Kind, string Model, bool OnlyFallback, string Requires)
{
    public static WorkKey Of(string kind, string model, TaskRequirements? requires, bool onlyFallback) =>
        new(
            kind,
            model,
            onlyFallback,
            requires is null
                ? ""
                : string.Join(
                    '\n',
                    requires.Host,
                    requires.Context,
                    string.Join('\t', (requires.Labels ?? []).Order(StringComparer.Ordinal)),
                    string.Join('\t', (requires.Features ?? []).Order(StringComparer.Ordinal))
                )
        );
}

/// <summary>Tasks that wait for the same hosts, and the hosts that could take one now.</summary>
internal sealed class WorkClass(WorkKey key, TaskRequirements? requires)
{
    public WorkKey Key { get; } = key;

    public TaskRequirements? Requires { get; } = requires;

    public ReadyQueue Queue { get; } = new();

    /// <summary>Connected workers that can run it, busy or not.</summary>
    public int Workers { get; set; }

    /// <summary>Connected fallbacks that can run it, busy or not.</summary>
    public int Fallbacks { get; set; }

    /// <summary>Workers with a free slot.</summary>
    public HostSet FreeWorkers { get; } = new();

    /// <summary>Fallbacks with a free slot.</summary>
    public HostSet FreeFallbacks { get; } = new();

    /// <summary>The hosts to choose from now: fallbacks only when no worker can run it.</summary>
    public HostSet Free => Workers > 0 ? FreeWorkers : FreeFallbacks;
}

/// <summary>A set of hosts from which one is drawn at random in constant time.</summary>
internal sealed class HostSet
{
    private readonly List<DispatchHost> _hosts = [];
    private readonly Dictionary<DispatchHost, int> _places = [];

    public int Count => _hosts.Count;

    public void Add(DispatchHost host)
    {
        if (_places.TryAdd(host, _hosts.Count))
        {
            _hosts.Add(host);
        }
    }

    public void Remove(DispatchHost host)
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

    /// <summary>A copy of the list.</summary>
    public DispatchHost[] ToArray() => [.. _hosts];

    /// <summary>The less loaded of two drawn at random. The set is not empty.</summary>
    public DispatchHost Choose(Random random)
    {
        if (_hosts.Count == 1)
        {
            return _hosts[0];
        }

        var one = _hosts[random.Next(_hosts.Count)];
        var other = _hosts[random.Next(_hosts.Count)];
        return one.Load <= other.Load ? one : other;
    }
}
