using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Pollard.Tasks.Storage;

namespace Pollard.Gateway.Keys;

/// <summary>
/// Who is signed in with a browser: a cookie that stands for a key, which no script can read and no other site can send. It lasts over
/// restarts, and ends with the key.
/// </summary>
internal sealed class Sessions(ITaskStore store, KeyStore keys, TimeProvider time)
{
    /// <summary>The cookie's name.</summary>
    public const string Cookie = "pollard_session";

    private const string Collection = "session";
    private const int Most = 1_000;

    /// <summary>How long one is signed in.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromDays(7);

    private readonly ConcurrentDictionary<string, SessionRecord> _byHash = new(StringComparer.Ordinal);

    /// <summary>Reads what is stored.</summary>
    public async Task LoadAsync(CancellationToken ct)
    {
        foreach (var stored in await store.ReadRecordsAsync(Collection, ct))
        {
            _byHash[stored.Id] = JsonSerializer.Deserialize(stored.Json.Span, KeysJson.Default.SessionRecord)!;
        }
    }

    /// <summary>Signs in; answers with the cookie's value, which is stored nowhere.</summary>
    public async Task<string> BeginAsync(ClientKey key, CancellationToken ct)
    {
        await MakeRoomAsync(ct);
        var secret = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
        var hash = KeyStore.HashOf(secret);
        var record = new SessionRecord(key.Record.Hash, time.GetUtcNow() + Lifetime);
        var json = JsonSerializer.SerializeToUtf8Bytes(record, KeysJson.Default.SessionRecord);
        await store.PutRecordAsync(Collection, hash, json, ct);
        _byHash[hash] = record;
        return secret;
    }

    /// <summary>The key of whoever is signed in; null when nobody is, or no more.</summary>
    public ClientKey? Find(HttpRequest request) =>
        request.Cookies[Cookie] is { Length: > 0 } secret
        && _byHash.TryGetValue(KeyStore.HashOf(secret), out var session)
        && session.ExpiresAt > time.GetUtcNow()
            ? keys.FindByHash(session.KeyHash)
            : null;

    /// <summary>Signs out; nothing happens when nobody is signed in.</summary>
    public async Task EndAsync(HttpRequest request, CancellationToken ct)
    {
        if (request.Cookies[Cookie] is { Length: > 0 } secret)
        {
            await EndAsync(KeyStore.HashOf(secret), ct);
        }
    }

    private async Task MakeRoomAsync(CancellationToken ct)
    {
        var now = time.GetUtcNow();
        var newestFirst = _byHash.ToArray().OrderByDescending(static pair => pair.Value.ExpiresAt);
        foreach (var (place, (hash, session)) in newestFirst.Index())
        {
            if (session.ExpiresAt <= now || place >= Most - 1)
            {
                await EndAsync(hash, ct);
            }
        }
    }

    private async Task EndAsync(string hash, CancellationToken ct)
    {
        if (_byHash.TryRemove(hash, out _))
        {
            await store.DeleteRecordAsync(Collection, hash, ct);
        }
    }
}
