using Pollard.Protocol.HostLink;

namespace Pollard.Gateway.Hosts;

/// <summary>Counts how often each host opens a session. One that does nothing else would harm all others by it.</summary>
internal sealed class Arrivals(TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, MinuteCount> _hosts = new(StringComparer.Ordinal);

    /// <summary>Counts one more session of a host; answers with why it is refused, or null.</summary>
    public string? Refusal(string hostId)
    {
        lock (_gate)
        {
            if (!_hosts.TryGetValue(hostId, out var sessions))
            {
                _hosts.Add(hostId, sessions = new MinuteCount(time, LinkLimits.SessionsPerMinute));
            }

            return sessions.Take()
                ? null
                : $"host {hostId} has opened {LinkLimits.SessionsPerMinute} sessions within a minute; it may come back later";
        }
    }

    /// <summary>Forgets hosts that have not come of late.</summary>
    public void Forget()
    {
        lock (_gate)
        {
            foreach (var (hostId, sessions) in _hosts)
            {
                if (sessions.IsOver)
                {
                    _hosts.Remove(hostId);
                }
            }
        }
    }
}
