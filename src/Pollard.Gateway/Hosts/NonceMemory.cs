using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Pollard.Protocol.HostLink;

namespace Pollard.Gateway.Hosts;

/// <summary>What is known of a nonce.</summary>
internal enum NonceUse
{
    /// <summary>It comes for the first time.</summary>
    New,

    /// <summary>It came before.</summary>
    Seen,

    /// <summary>It is older than what is remembered of its host, and may have come before.</summary>
    Stale,
}

/// <summary>
/// Remembers the nonces of each host for as long as a signature is good. Each host has a bounded memory of its own: one that
/// makes very many requests pushes out its own oldest ones, and from then on only later ones of it are taken.
/// </summary>
internal sealed class NonceMemory(TimeProvider time)
{
    /// <summary>Nonces in one generation of a host; two are remembered.</summary>
    internal const int Most = 2048;

    // A request may be stamped so far ahead, and be sent again until so far behind.
    private static readonly TimeSpan Generation = (2 * LinkLimits.ClockTolerance) + TimeSpan.FromSeconds(2); // Stamps are whole seconds.
    private readonly ConcurrentDictionary<string, HostNonces> _hosts = new(StringComparer.Ordinal);

    /// <summary>Looks a nonce up and remembers it. The caller has made sure that it is the host's: strangers must not fill it.</summary>
    public NonceUse Take(string hostId, string nonce, long stampSeconds)
    {
        // Half a hash is enough to tell a few thousand apart, and always of the same size.
        var hash = BinaryPrimitives.ReadUInt64LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(nonce)));
        return _hosts.GetOrAdd(hostId, static (_, time) => new HostNonces(time), time).Take(hash, stampSeconds);
    }

    private sealed class HostNonces(TimeProvider time)
    {
        private readonly Lock _gate = new();
        private HashSet<ulong> _now = [];
        private HashSet<ulong> _before = [];
        private long _since = time.GetTimestamp();
        private long _newest; // Stamp of what is in both.
        private long _newestBefore;
        private long _forgotten = long.MinValue; // Nothing stamped so or earlier is taken.

        public NonceUse Take(ulong nonce, long stampSeconds)
        {
            lock (_gate)
            {
                if (time.GetElapsedTime(_since) is var age && age >= Generation)
                {
                    // What was pushed out by then is too old by its stamp, unless the wall clock was set back.
                    _before = age < 2 * Generation ? _now : [];
                    _forgotten = long.MinValue;
                    Begin();
                }
                else if (_now.Count >= Most)
                {
                    _forgotten = _before.Count > 0 ? Math.Max(_forgotten, _newestBefore) : _forgotten;
                    _before = _now;
                    Begin();
                }

                if (_now.Contains(nonce) || _before.Contains(nonce))
                {
                    return NonceUse.Seen;
                }

                if (stampSeconds <= _forgotten)
                {
                    return NonceUse.Stale;
                }

                _now.Add(nonce);
                _newest = Math.Max(_newest, stampSeconds);
                return NonceUse.New;
            }
        }

        private void Begin()
        {
            (_newestBefore, _newest, _now, _since) = (_newest, 0, [], time.GetTimestamp());
        }
    }
}
