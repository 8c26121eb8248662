using Pollard.Protocol.HostLink;

namespace Pollard.Gateway.Hosts;

/// <summary>Counts how often each host opens a session. One that does nothing else would harm all others by it.</summary>
internal sealed class Arrivals(TimeProvider time)
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
    private readonly Lock _gate = new();
    private readonly Dictionary<string, (long Began, int Count)> _hosts = new(StringComparer.Ordinal);

    /// <summary>Counts one more session of a host; answers with why it is refused, or null.</summary>
    public string? Refusal(string hostId)
    {
        lock (_gate)
        {
            var (began, count) = _hosts.GetValueOrDefault(hostId, (time.GetTimestamp(), 0));
            if (time.GetElapsedTime(began) >= Minute)
            {
                (began, count) = (time.GetTimestamp(), 0);
            }

            _hosts[hostId] = (began, ++count);
            return count <= LinkLimits.SessionsPerMinute
                ? null
                : $"host {hostId} has opened {LinkLimits.SessionsPerMinute} sessions within a minute; it may come back later";
        }
    }

    /// <summary>Forgets hosts that have not come of late.</summary>
    public void Forget()
    {
        lock (_gate)
        {
            foreach (var (hostId, (began, _)) in _hosts)
            {
                if (time.GetElapsedTime(began) >= Minute)
                {
                    _hosts.Remove(hostId);
                }
            }
        }
    }
}
