using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Pollard.Gateway.Http;
using Pollard.Tasks;

namespace Pollard.Gateway.Hosts;

/// <summary>
/// The hosts of one kind that ask for work request by request, by whose they are (a token, a key or an address): what one has is
/// nobody else's to bring. They are forgotten with the gateway's end; who asks again is here again.
/// </summary>
internal sealed partial class PolledHosts : IAsyncDisposable
{
    private static readonly TimeSpan TickEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan TickWithin = TimeSpan.FromSeconds(10);
    private readonly TaskEngine _engine;
    private readonly HostGuests _guests;
    private readonly PolledLimits _limits;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Place> _places = new(StringComparer.Ordinal);
    private readonly ITimer _ticker;
    private int _count;

    public PolledHosts(TaskEngine engine, HostGuests guests, PolledLimits limits, TimeProvider time, ILogger logger)
    {
        (_engine, _guests, _limits, _time, _logger) = (engine, guests, limits, time, logger);
        Loop = new BackgroundLoop(limits.Family + "_hosts", TickWithin, TickEvery, time);
        _ticker = time.CreateTimer(static hosts => ((PolledHosts)hosts!).Tick(), this, TickEvery, TickEvery);
    }

    /// <summary>How the looking after hosts is.</summary>
    public BackgroundLoop Loop { get; }

    /// <summary>What is said to who asks too often.</summary>
    public DoorError TooOften =>
        new(
            429,
            "too_many_requests",
            string.Create(CultureInfo.InvariantCulture, $"{_limits.RequestsPerMinute} requests a minute are the most")
        )
        {
            RetryAfter = MinuteCount.Minute,
        };

    /// <summary>The host that asks, which may be new.</summary>
    /// <param name="place">Whose it is.</param>
    /// <param name="name">What tells it from others there.</param>
    /// <param name="profile">What it is.</param>
    /// <returns>The host, or why it is not let in.</returns>
    public (PolledHost? Host, DoorError? Refusal) Enter(string place, string name, PolledProfile profile)
    {
        if (_guests.IsShutOut(profile.Marks))
        {
            return (null, ShutOut);
        }

        PolledHost host;
        lock (_gate)
        {
            var here = PlaceOf(place);
            if (!here.Requests.Take())
            {
                return (null, TooOften);
            }

            if (here.Hosts.TryGetValue(name, out var known) && !known.IsGone)
            {
                return (known, null);
            }

            if (here.Hosts.Count >= _limits.HostsPerPlace || _count >= _limits.Hosts)
            {
                return (null, TooMany);
            }

            var newId = $"{_limits.Family}_{RandomNumberGenerator.GetHexString(32, lowercase: true)}";
            if (_guests.Welcome(newId, $"{_limits.Family}:{profile.Name}", profile.Marks, profile.Terms) is not { } id)
            {
                return (null, ShutOut);
            }

            host = new PolledHost(_engine.Hosts, _guests, _time, _limits, id, profile);
            _count += here.Hosts.ContainsKey(name) ? 0 : 1;
            here.Hosts[name] = host;
        }

        LogCame(_logger, host.Id, profile.Name, profile.Slots);
        return (host, null);
    }

    /// <summary>Counts a request of a place that is none for work: false when it is one too many, null when nobody is here from there.</summary>
    public bool? MayCall(string place)
    {
        lock (_gate)
        {
            return _places.GetValueOrDefault(place) is { Hosts.Count: > 0 } here ? here.Requests.Take() : null;
        }
    }

    /// <summary>Work that a host of this place has, or has brought of late; null when none has it.</summary>
    public (PolledHost Host, PolledWork Work)? Find(string place, string workId)
    {
        List<PolledHost> hosts;
        lock (_gate)
        {
            hosts = _places.TryGetValue(place, out var here) ? [.. here.Hosts.Values] : [];
        }

        foreach (var host in hosts)
        {
            if (host.Find(workId) is { } work)
            {
                return (host, work);
            }
        }

        return null;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _ticker.DisposeAsync();

    private void Tick()
    {
        Loop.Begin();
        List<(Place Place, string Name, PolledHost Host)> all;
        lock (_gate)
        {
            all =
            [
                .. _places.Values.SelectMany(static place => place.Hosts.Select(host => (place, host.Key, host.Value))),
            ];
        }

        foreach (var (place, name, host) in all)
        {
            try
            {
                if (!host.Tick())
                {
                    Forget(place, name, host);
                }
            }
            catch (Exception e) // One host's fault must not end what looks after all of them.
            {
                LogTickFailed(_logger, e, host.Id);
            }
        }

        lock (_gate)
        {
            foreach (var (place, _) in _places.Where(static place => place.Value.IsEmpty).ToList())
            {
                _places.Remove(place);
            }
        }

        Loop.End();
    }

    private void Forget(Place place, string name, PolledHost host)
    {
        lock (_gate)
        {
            if (!((ICollection<KeyValuePair<string, PolledHost>>)place.Hosts).Remove(new(name, host)))
            {
                return;
            }

            _count--;
        }

        host.Leave();
        LogLeft(_logger, host.Id, host.Profile.Name);
    }

    // The caller holds the lock.
    private Place PlaceOf(string name)
    {
        if (!_places.TryGetValue(name, out var place))
        {
            _places.Add(name, place = new Place(_time, _limits.RequestsPerMinute));
        }

        return place;
    }

    private static DoorError ShutOut { get; } =
        new(403, "host_revoked", "an admin has shut this agent out; it needs another token or name");

    private DoorError TooMany =>
        new(
            429,
            "too_many_hosts",
            string.Create(
                CultureInfo.InvariantCulture,
                $"{_limits.HostsPerPlace} agents with one token, key or address are the most, and {_limits.Hosts} in all"
            )
        )
        {
            RetryAfter = MinuteCount.Minute,
        };

    /// <summary>Whoever has one token, one key or one address. The caller holds the lock.</summary>
    private sealed class Place(TimeProvider time, int requestsPerMinute)
    {
        public MinuteCount Requests { get; } = new(time, requestsPerMinute);

        public Dictionary<string, PolledHost> Hosts { get; } = new(StringComparer.Ordinal);

        public bool IsEmpty => Hosts.Count == 0 && Requests.IsOver;
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Host {HostId} ({Name}) asks for work; slots: {Slots}")]
    private static partial void LogCame(ILogger logger, string hostId, string name, int slots);

    [LoggerMessage(Level = LogLevel.Information, Message = "Host {HostId} ({Name}) asks no more")]
    private static partial void LogLeft(ILogger logger, string hostId, string name);

    [LoggerMessage(Level = LogLevel.Critical, Message = "Looking after host {HostId} failed")]
    private static partial void LogTickFailed(ILogger logger, Exception exception, string hostId);
}
