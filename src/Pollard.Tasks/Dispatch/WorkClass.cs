using System.Globalization;
using Pollard.Protocol.Api;
using Pollard.Tasks.Leases;

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
internal sealed class WorkClass(WorkKey key, TaskRequirements? requires, WorkRate pool, TimeProvider time)
{
    private readonly HostSet _freeWorkers = new();
    private readonly HostSet _freeFallbacks = new();
    private readonly HostSet _freeKnowing = new();
    private readonly Dictionary<string, HostSet> _freeOwned = new(StringComparer.Ordinal);
    private readonly HashSet<DispatchHost> _loaded = []; // Workers that say that they have the model in memory, and the free ones.
    private readonly HostSet _freeLoaded = new();
    private readonly HashSet<DispatchHost> _knowing = []; // By host: what it lists may change before it is taken out.
    private int _fallbacks;

    public WorkKey Key { get; } = key;

    public TaskRequirements? Requires { get; } = requires;

    /// <summary>Free workers that say that they have the model in memory.</summary>
    public HostSet FreeLoaded => _freeLoaded;

    /// <summary>Workers that have the model in memory and no slot free.</summary>
    public int BusyLoaded => _loaded.Count - _freeLoaded.Count;

    /// <summary>Looks again at who could take such work; set while that waits for a host that has the model in memory.</summary>
    public WheelTimer? LookAgain { get; set; }

    /// <summary>How fast such work goes, on whichever host.</summary>
    public WorkRate Pool { get; } = pool;

    public ReadyQueue Queue { get; } = new(time);

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

    /// <summary>The hosts to choose from for a task of this owner: those that are its own, when one of them is free.</summary>
    public HostSet FreeFor(string owner) =>
        _freeOwned.Count > 0 && _freeOwned.TryGetValue(owner, out var own) && own.Count > 0 ? own : Free;

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
            _loaded.Remove(host);
            Workers--;
            return;
        }

        _fallbacks--;
        _knowing.Remove(host);
    }

    /// <summary>Says whether a host that can run it has the model in memory.</summary>
    public void SetLoaded(DispatchHost host, bool loaded)
    {
        if (host.Role == HostRole.Worker && (loaded ? _loaded.Add(host) : _loaded.Remove(host)))
        {
            _freeLoaded.Set(host, loaded && _freeWorkers.Contains(host));
        }
    }

    /// <summary>Counts a worker that is being drained, or takes it out again.</summary>
    public void CountDrained(int by) => Drained += by;

    /// <summary>Says whether a host that can run it has a free slot.</summary>
    public void SetFree(DispatchHost host, bool free)
    {
        if (host.Role == HostRole.Worker)
        {
            _freeWorkers.Set(host, free);
            _freeLoaded.Set(host, free && _loaded.Contains(host));
            if (host.Description.Owner is { } owner)
            {
                SetOwned(owner, host, free);
            }

            return;
        }

        _freeFallbacks.Set(host, free);
        _freeKnowing.Set(host, free && host.Lists(Key.Model));
    }

    private void SetOwned(string owner, DispatchHost host, bool free)
    {
        if (!_freeOwned.TryGetValue(owner, out var own))
        {
            _freeOwned.Add(owner, own = new HostSet());
        }

        own.Set(host, free);
        if (own.Count == 0)
        {
            _freeOwned.Remove(owner);
        }
    }
}

/// <summary>A host's place in a class of work.</summary>
/// <param name="model">The host's own name for the model.</param>
internal sealed class Place(string model)
{
    public string Model { get; } = model;

    /// <summary>What the host was measured to do with it; null before it had any.</summary>
    public HostRate? Rate { get; set; }
}
