using System.Collections.Concurrent;
using Microsoft.AspNetCore.Http;
using Pollard.Gateway.Http;

namespace Pollard.Gateway.Keys;

/// <summary>
/// Callers without a key, where the owner lets them in: all of one address are one key, which owns what they ask for and has limits
/// of its own. Nobody can present such a key, so nobody reads what a stranger's task says but in its answer.
/// </summary>
internal sealed class Strangers(GatewayOptions options, TimeProvider time)
{
    private const string NoKey = "no-key-needed"; // What clients of the Andy API send that have none.
    private const int MostAddresses = 10_000;
    private readonly ConcurrentDictionary<string, ClientKey> _keys = new(StringComparer.Ordinal);

    /// <summary>The key that stands for the caller's address; null where strangers are not let in.</summary>
    public ClientKey? KeyOf(HttpContext http, string? secret) =>
        options.AndyOpen
        && secret is null or NoKey
        && http.GetEndpoint()?.Metadata.GetMetadata<OpenToStrangers>() is not null
            ? _keys.GetOrAdd(CallerAddress.Of(http), Make)
            : null;

    private ClientKey Make(string address)
    {
        if (_keys.Count >= MostAddresses)
        {
            foreach (var (idle, key) in _keys)
            {
                if (key.IsIdle)
                {
                    _keys.TryRemove(idle, out _);
                }
            }
        }

        var record = new KeyRecord
        {
            Id = $"stranger:{address}",
            Name = $"strangers at {address}",
            Role = KeyRoles.Client,
            Hash = "",
            CreatedAt = time.GetUtcNow(),
            RequestsPerMinute = options.StrangerRequestsPerMinute,
        };
        return new ClientKey(record, time, options.StrangerBurst);
    }
}
