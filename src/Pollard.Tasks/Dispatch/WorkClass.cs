using System.Globalization;
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
                : $"{Written(requires.Host)}{requires.Context};{(byte?)requires.Tier};{Written(requires.Labels)};{Written(requires.Features)}"
        );

    private static string Written(IReadOnlyList<string>? words) =>
        string.Concat((words ?? []).Order(StringComparer.Ordinal).Select(Written));

    // With its length before it: no word that a client chooses can look like two, or like the end of the list.
    private static string Written(string? word) =>
        word is null ? "-" : string.Create(CultureInfo.InvariantCulture, $"{word.Length}:{word}");
}

/// <summary>Tasks that wait for the same hosts, and the hosts that could take one now.</summary>
internal sealed class WorkClass(WorkKey key, TaskRequirements? requires)
{
    private readonly HostSet _freeWorkers = new();
    private readonly HostSet _freeFallbacks = new();
    private readonly HostSet _freeKnowing = new();
    private readonly HashSet<DispatchHost> _knowing = []; // By host: what it lists may change before it is taken out.
    private int _fallbacks;

    public WorkKey Key { get; } = key;

    public TaskRequirements? Requires { get; } = requires;

    public ReadyQueue Queue { get; } = new();

    /// <summary>Connected workers that can run it, busy or not.</summary>
    public int Workers { get; private set; }

    /// <summary>Connected workers that list its model and are being drained.</summary>
    public int Drained { get; private set; }

    /// <summary>Connected fallbacks that may be given it when no worker can run it, busy or not.</summary>
    public int Fallbacks => Drained > 0 ? _knowing.Count : _fallbacks;

    /// <summary>
    /// The hosts to choose from now: fallbacks only when no worker can run it. A drained worker comes back, so only those
    /// fallbacks that list the model stand in for it: one that takes any name may lack this one, and says so for good.
    /// </summary>
    public HostSet Free =>
        Workers > 0 ? _freeWorkers
        : Drained > 0 ? _freeKnowing
        : _freeFallbacks;

    /// <summary>True when this host, which can run it, may be given it now.</summary>
    public bool IsFor(DispatchHost host) =>
        host.Role == HostRole.Worker || (Workers == 0 && (Drained == 0 || host.Lists(Key.Model)));

    /// <summary>A connected host can run it.</summary>
    public void Add(DispatchHost host)
    {
        if (host.Role == HostRole.Worker)
        {
            Workers++;
            return;
        }

        _fallbacks++;
        if (host.Lists(Key.Model))
        {
            _knowing.Add(host);
        }
    }

    /// <summary>A host that could run it cannot any more.</summary>
    public void Remove(DispatchHost host)
    {
        SetFree(host, free: false);
        if (host.Role == HostRole.Worker)
        {
            Workers--;
            return;
        }

        _fallbacks--;
        _knowing.Remove(host);
    }

    /// <summary>Counts a worker that is being drained, or takes it out again.</summary>
    public void CountDrained(int by) => Drained += by;

    /// <summary>Says whether a host that can run it has a free slot.</summary>
    public void SetFree(DispatchHost host, bool free)
    {
        if (host.Role == HostRole.Worker)
        {
            _freeWorkers.Set(host, free);
            return;
        }

        _freeFallbacks.Set(host, free);
        _freeKnowing.Set(host, free && host.Lists(Key.Model));
    }
}

/// <summary>A set of hosts from which one is drawn at random in constant time.</summary>
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
