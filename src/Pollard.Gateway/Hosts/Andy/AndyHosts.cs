using Microsoft.Extensions.Logging;
using Pollard.Gateway.Http;
using Pollard.Tasks;

namespace Pollard.Gateway.Hosts.Andy;

/// <summary>
/// The Andy hosts that poll, by the address they call from: an id is good only there, so that to know one is of no use elsewhere.
/// They are forgotten with the gateway's end; a host that hears that nobody knows it joins again.
/// </summary>
internal sealed partial class AndyHosts : IAsyncDisposable
{
    private static readonly TimeSpan TickEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan TickWithin = TimeSpan.FromSeconds(10);
    private readonly TaskEngine _engine;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Place> _places = new(StringComparer.Ordinal);
    private readonly ITimer _ticker;
    private int _count;

    public AndyHosts(TaskEngine engine, HostGuests guests, TimeProvider time, ILogger<AndyHosts> logger)
    {
        (_engine, Guests, _time, _logger) = (engine, guests, time, logger);
        Loop = new BackgroundLoop("andy_hosts", TickWithin, TickEvery, time);
        _ticker = time.CreateTimer(static hosts => ((AndyHosts)hosts!).Tick(), this, TickEvery, TickEvery);
    }

    /// <summary>Knows hosts again that were here before.</summary>
    public HostGuests Guests { get; }

    /// <summary>How the looking after hosts is.</summary>
    public BackgroundLoop Loop { get; }

    /// <summary>How many there are.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>All hosts that poll.</summary>
    public IReadOnlyList<AndyHost> List()
    {
        lock (_gate)
        {
            return [.. _places.Values.SelectMany(static place => place.Hosts.Values)];
        }
    }

    /// <summary>
    /// Takes a host in. One that names an id of its own, or one that it was given, is the same as before; so is one with the name of
    /// a host at its address that gets no work.
    /// </summary>
    /// <param name="address">Where it calls from.</param>
    /// <param name="token">What it brought to be let in; null: nothing.</param>
    /// <param name="profile">What it says of itself.</param>
    /// <returns>The host, or why not.</returns>
    public (AndyHost? Host, DoorError? Refusal) Join(string address, string? token, AndyProfile profile)
    {
        AndyHost host;
        var isKnown = false;
        lock (_gate)
        {
            var place = PlaceOf(address);
            if ((place.Find(profile.ChosenId) ?? HeldBack(place, profile)) is { } known)
            {
                if (!place.Requests.Take())
                {
                    return (null, AndyLimits.CallsTooOften);
                }

                (host, isKnown) = (known, true);
            }
            else if (Refusal(place) is { } refusal)
            {
                return (null, TooMany(refusal));
            }
            else if (Welcome(address, token, profile) is not { } id)
            {
                return (null, new DoorError(403, "host_revoked", "an admin has shut this host out"));
            }
            else
            {
                host = new AndyHost(_engine.Hosts, Guests, _time, id, address, profile);
                place.Add(host, profile.ChosenId);
                _count++;
                LogJoined(_logger, host.PublicId, address, profile.Slots, profile.Models.Count);
            }
        }

        host.Touch(); // Outside the lock: it connects the host to the engine.
        if (isKnown)
        {
            host.Rejoin(profile);
        }

        return (host, null);
    }

    /// <summary>Counts a host in that comes by another way; answers with why not, or null.</summary>
    public DoorError? Enter(string address)
    {
        lock (_gate)
        {
            var place = PlaceOf(address);
            if (Refusal(place) is { } refusal)
            {
                return TooMany(refusal);
            }

            place.Others++;
            _count++;
            return null;
        }
    }

    /// <summary>Counts such a host out.</summary>
    public void Exit(string address)
    {
        lock (_gate)
        {
            PlaceOf(address).Others--;
            _count--;
        }
    }

    /// <summary>The host that calls itself by this id at this address; null when there is none.</summary>
    public AndyHost? Find(string address, string? id)
    {
        lock (_gate)
        {
            return _places.GetValueOrDefault(address)?.Find(id);
        }
    }

    /// <summary>Counts a request of an address: false when it is one too many, null when the address has no host.</summary>
    public bool? MayCall(string address)
    {
        lock (_gate)
        {
            return _places.GetValueOrDefault(address) is { Hosts.Count: > 0 } place ? place.Requests.Take() : null;
        }
    }

    /// <summary>The hosts at an address.</summary>
    public IReadOnlyList<AndyHost> At(string address)
    {
        lock (_gate)
        {
            return _places.TryGetValue(address, out var place) ? [.. place.Hosts.Values] : [];
        }
    }

    /// <summary>A host says goodbye; that nobody knows it is no error.</summary>
    public void Leave(AndyHost host)
    {
        Forget(host);
        host.Leave();
        LogLeft(_logger, host.PublicId, "it said goodbye");
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _ticker.DisposeAsync();

    private void Tick()
    {
        Loop.Begin();
        foreach (var host in List())
        {
            try
            {
                if (!host.Tick())
                {
                    Forget(host);
                    host.Leave();
                    LogLeft(_logger, host.PublicId, "nothing was heard of it");
                }
            }
            catch (Exception e) // One host's fault must not end what looks after all of them.
            {
                LogTickFailed(_logger, e, host.PublicId);
            }
        }

        lock (_gate)
        {
            foreach (var (address, _) in _places.Where(place => place.Value.IsEmpty).ToList())
            {
                _places.Remove(address);
            }
        }

        Loop.End();
    }

    private void Forget(AndyHost host)
    {
        lock (_gate)
        {
            if (_places.TryGetValue(host.Address, out var place) && place.Remove(host))
            {
                _count--;
            }
        }
    }

    // Its program was started anew, perhaps: as another host it would get work again. The caller holds the lock.
    private AndyHost? HeldBack(Place place, AndyProfile profile) =>
        profile.IsNamed
            ? place.Hosts.Values.FirstOrDefault(host =>
                !host.IsGone && host.Profile.Name == profile.Name && Guests.IsHeldBack(host.PublicId)
            )
            : null;

    private string? Welcome(string address, string? token, AndyProfile profile) =>
        Guests.Welcome(
            AndyHost.NewPublicId(),
            $"andy:{profile.Name}",
            GuestMarks.Of(address, token, profile.IsNamed ? $"{address}\n{profile.Name}" : null)
        );

    private static DoorError TooMany(string reason) =>
        new(429, "too_many_hosts", reason) { RetryAfter = MinuteCount.Minute };

    // The caller holds the lock.
    private string? Refusal(Place place) =>
        !place.Joins.Take() ? $"{AndyLimits.JoinsPerMinute} hosts of one address may join in a minute"
        : place.Hosts.Count + place.Others >= AndyLimits.HostsPerAddress
            ? $"one address may have {AndyLimits.HostsPerAddress} hosts, and has them"
        : _count >= AndyLimits.Hosts ? $"the pool has {AndyLimits.Hosts} hosts of this kind, which is all that it takes"
        : null;

    private Place PlaceOf(string address)
    {
        if (!_places.TryGetValue(address, out var place))
        {
            _places.Add(address, place = new Place(_time));
        }

        return place;
    }

    /// <summary>An address with its hosts. The caller holds the lock.</summary>
    private sealed class Place(TimeProvider time)
    {
        private readonly Dictionary<string, AndyHost> _chosen = new(StringComparer.Ordinal);

        public MinuteCount Joins { get; } = new(time, AndyLimits.JoinsPerMinute);

        public MinuteCount Requests { get; } = new(time, AndyLimits.RequestsPerMinute);

        public Dictionary<string, AndyHost> Hosts { get; } = new(StringComparer.Ordinal);

        public int Others { get; set; }

        public AndyHost? Find(string? id) =>
            id is null ? null
            : (Hosts.GetValueOrDefault(id) ?? _chosen.GetValueOrDefault(id)) is { IsGone: false } host ? host
            : null;

        public void Add(AndyHost host, string? chosenId)
        {
            Hosts.Add(host.Id, host);
            if (chosenId is not null)
            {
                _chosen[chosenId] = host;
            }
        }

        public bool Remove(AndyHost host)
        {
            foreach (var (id, _) in _chosen.Where(pair => ReferenceEquals(pair.Value, host)).ToList())
            {
                _chosen.Remove(id);
            }

            return Hosts.Remove(host.Id);
        }

        public bool IsEmpty => Hosts.Count == 0 && Others == 0 && Joins.IsOver;
    }

    [LoggerMessage(
        Level = LogLevel.Information,
        Message = "Andy host {HostId} joined from {Address}; slots: {Slots}, models: {Models}"
    )]
    private static partial void LogJoined(ILogger logger, string hostId, string address, int slots, int models);

    [LoggerMessage(Level = LogLevel.Information, Message = "Andy host {HostId} is gone: {Reason}")]
    private static partial void LogLeft(ILogger logger, string hostId, string reason);

    [LoggerMessage(Level = LogLevel.Critical, Message = "Looking after Andy host {HostId} failed")]
    private static partial void LogTickFailed(ILogger logger, Exception exception, string hostId);
}
