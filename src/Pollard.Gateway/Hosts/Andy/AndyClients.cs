using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Pollard.Tasks.Storage;

namespace Pollard.Gateway.Hosts.Andy;

/// <summary>
/// Which token let in which client of the WebSocket: it comes back with both after any break, also of the gateway, and that is not
/// another use. Ids stand here as hashes only.
/// </summary>
internal sealed class AndyClients(ITaskStore store) : IDisposable
{
    private const string Collection = "andy_client";
    private readonly ConcurrentDictionary<string, string> _tokens = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _loading = new(1);
    private bool _isLoaded;

    /// <summary>True when this token let in the client with this id.</summary>
    public async Task<bool> KnowsAsync(string id, string token, CancellationToken ct)
    {
        await LoadAsync(ct);
        return _tokens.TryGetValue(Hash(id), out var known)
            && CryptographicOperations.FixedTimeEquals(
                Encoding.ASCII.GetBytes(known),
                Encoding.ASCII.GetBytes(Hash(token))
            );
    }

    /// <summary>This token let in this client.</summary>
    public async Task RememberAsync(string id, string token, CancellationToken ct)
    {
        await LoadAsync(ct);
        var (key, hash) = (Hash(id), Hash(token));
        await store.PutRecordAsync(Collection, key, Encoding.UTF8.GetBytes($"\"{hash}\""), ct);
        _tokens[key] = hash;
    }

    /// <inheritdoc/>
    public void Dispose() => _loading.Dispose();

    private async Task LoadAsync(CancellationToken ct)
    {
        if (Volatile.Read(ref _isLoaded))
        {
            return;
        }

        await _loading.WaitAsync(ct);
        try
        {
            if (!_isLoaded)
            {
                foreach (var record in await store.ReadRecordsAsync(Collection, ct))
                {
                    _tokens[record.Id] = Encoding.UTF8.GetString(record.Json.Span).Trim('"');
                }

                Volatile.Write(ref _isLoaded, true);
            }
        }
        finally
        {
            _loading.Release();
        }
    }

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
