using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Pollard.Protocol.Api;
using Pollard.Tasks;
using Pollard.Tasks.Storage;

namespace Pollard.Gateway.Keys;

/// <summary>All keys: on disk as hashes, in memory by hash.</summary>
internal sealed class KeyStore(ITaskStore store, TaskEngine engine, TimeProvider time) : IDisposable
{
    private const string Collection = "key";
    private const string SecretAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    private const string IdAlphabet = "abcdefghijklmnopqrstuvwxyz234567";
    private const int SecretCharacters = 43; // 62^43 is more than 2^256.
    private const int IdCharacters = 16;

    private readonly SemaphoreSlim _changing = new(1); // One that is being deleted must not come back by a change.
    private readonly ConcurrentDictionary<string, ClientKey> _byHash = new(StringComparer.Ordinal);

    /// <summary>All keys, oldest first.</summary>
    public IEnumerable<KeyRecord> List() =>
        _byHash.Values.Select(key => key.Record).OrderBy(record => record.CreatedAt);

    /// <summary>Reads what is stored.</summary>
    public async Task LoadAsync(CancellationToken ct)
    {
        foreach (var stored in await store.ReadRecordsAsync(Collection, ct))
        {
            Add(JsonSerializer.Deserialize(stored.Json.Span, KeysJson.Default.KeyRecord)!);
        }
    }

    /// <summary>Makes the first admin key when there is none; answers with its secret.</summary>
    public async Task<string?> CreateFirstAdminAsync(CancellationToken ct) =>
        List().Any(IsLiveAdmin)
            ? null
            : (await CreateAsync(new CreateKey { Name = "first admin", Role = KeyRoles.Admin }, ct)).Key;

    /// <summary>The key with this secret, expired or not; null when there is none.</summary>
    public ClientKey? Find(string secret) => FindByHash(HashOf(secret));

    /// <summary>The key whose secret has this hash, expired or not; null when there is none.</summary>
    public ClientKey? FindByHash(string hash) => _byHash.GetValueOrDefault(hash);

    /// <summary>True when its time is over.</summary>
    public bool IsExpired(KeyRecord record) => record.ExpiresAt <= time.GetUtcNow();

    /// <summary>Makes a key; the answer is the only place where its secret ever stands.</summary>
    public async Task<KeyDocument> CreateAsync(CreateKey wanted, CancellationToken ct)
    {
        var secret = "pk_" + RandomNumberGenerator.GetString(SecretAlphabet, SecretCharacters);
        var now = time.GetUtcNow();
        var record = new KeyRecord
        {
            Id = "key_" + RandomNumberGenerator.GetString(IdAlphabet, IdCharacters),
            Name = wanted.Name,
            Role = wanted.Role ?? KeyRoles.Client,
            Hash = HashOf(secret),
            CreatedAt = now,
            ExpiresAt = wanted.ExpiresIn is { } seconds ? now.AddSeconds(seconds) : null,
            RequestsPerMinute = wanted.RequestsPerMinute,
            MaxRunning = wanted.MaxRunning,
        };
        await WriteAsync(record, ct);
        Add(record);
        return Describe(record) with { Key = secret };
    }

    /// <summary>Changes a key, from its next request on; null when there is no such key.</summary>
    public async Task<KeyRecord?> ChangeAsync(string id, Func<KeyRecord, KeyRecord> change, CancellationToken ct)
    {
        await _changing.WaitAsync(ct);
        try
        {
            if (FindById(id) is not { } before)
            {
                return null;
            }

            var record = change(before);
            await WriteAsync(record, ct);
            Add(record);
            return record;
        }
        finally
        {
            _changing.Release();
        }
    }

    /// <summary>Ends a key at once; its tasks stay, for admins.</summary>
    public async Task<DeleteOutcome> DeleteAsync(string id, CancellationToken ct)
    {
        await _changing.WaitAsync(ct);
        try
        {
            if (FindById(id) is not { } record)
            {
                return DeleteOutcome.NotFound;
            }

            if (IsLiveAdmin(record) && List().Count(IsLiveAdmin) == 1)
            {
                return DeleteOutcome.LastAdmin;
            }

            await store.DeleteRecordAsync(Collection, id, ct);
            _byHash.TryRemove(record.Hash, out _);
            return DeleteOutcome.Deleted;
        }
        finally
        {
            _changing.Release();
        }
    }

    /// <summary>A key without its secret.</summary>
    public static KeyDocument Describe(KeyRecord record) =>
        new()
        {
            Id = record.Id,
            Name = record.Name,
            Role = record.Role,
            CreatedAt = record.CreatedAt,
            ExpiresAt = record.ExpiresAt,
            RequestsPerMinute = record.RequestsPerMinute,
            MaxRunning = record.MaxRunning,
        };

    /// <inheritdoc/>
    public void Dispose() => _changing.Dispose();

    private KeyRecord? FindById(string id) => _byHash.Values.FirstOrDefault(key => key.Record.Id == id)?.Record;

    private ValueTask WriteAsync(KeyRecord record, CancellationToken ct) =>
        store.PutRecordAsync(
            Collection,
            record.Id,
            JsonSerializer.SerializeToUtf8Bytes(record, KeysJson.Default.KeyRecord),
            ct
        );

    private bool IsLiveAdmin(KeyRecord record) => record.Role == KeyRoles.Admin && !IsExpired(record);

    private void Add(KeyRecord record)
    {
        _byHash[record.Hash] = new ClientKey(record, time);
        engine.LimitOwner(record.Id, record.MaxRunning);
    }

    /// <summary>What is kept of a secret.</summary>
    public static string HashOf(string secret) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(secret)));
}

/// <summary>What became of a deletion.</summary>
internal enum DeleteOutcome
{
    /// <summary>It opens nothing any more.</summary>
    Deleted,

    /// <summary>There is no such key.</summary>
    NotFound,

    /// <summary>Without it nobody could administer the gateway.</summary>
    LastAdmin,
}
