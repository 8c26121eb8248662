using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Pollard.Protocol.Api;
using Pollard.Tasks.Storage;

namespace Pollard.Gateway.Hosts;

/// <summary>What a join token was good for.</summary>
internal enum TokenUse
{
    /// <summary>One use was taken off it.</summary>
    Good,

    /// <summary>There is no such token.</summary>
    Unknown,

    /// <summary>Its time is over.</summary>
    Expired,

    /// <summary>As many hosts as it allows have joined.</summary>
    UsedUp,
}

/// <summary>The tokens with which new hosts may join. Secrets are shown once and stored as hashes.</summary>
internal sealed class JoinTokens(ITaskStore store, TimeProvider time)
{
    /// <summary>Hosts that one token may let in.</summary>
    public const int MostUses = 10_000;

    /// <summary>How long a token is shown that is good for nothing any more.</summary>
    public static readonly TimeSpan KeepOver = TimeSpan.FromDays(1);

    private const string Collection = "join_token";
    private const int ForgetAtOnce = 100;
    private readonly ConcurrentDictionary<string, TokenRecord> _tokens = new(StringComparer.Ordinal);

    // Held for a change and its place in the store's order, never while it is written: hosts that join at once share commits.
    private readonly Lock _changing = new();

    /// <summary>Reads what the store has; once, before the first request.</summary>
    public async Task LoadAsync(CancellationToken ct)
    {
        foreach (var record in await store.ReadRecordsAsync(Collection, ct))
        {
            if (JsonSerializer.Deserialize(record.Json.Span, HostsJson.Default.TokenRecord) is { } token)
            {
                _tokens[token.Id] = token;
            }
        }
    }

    /// <summary>All tokens, the newest first, without their secrets.</summary>
    public IReadOnlyList<TokenDocument> List() =>
        [.. _tokens.Values.OrderByDescending(token => token.CreatedAt).Select(token => Show(token, secret: null))];

    /// <summary>Makes a token; only this answer holds its secret.</summary>
    public async Task<TokenDocument> CreateAsync(
        string? name,
        int uses,
        TimeSpan lifetime,
        JoinTerms terms,
        CancellationToken ct
    )
    {
        var secret = $"jt_{RandomNumberGenerator.GetHexString(40, lowercase: true)}";
        var now = time.GetUtcNow();
        var token = new TokenRecord
        {
            Id = $"token_{Guid.CreateVersion7(now):N}",
            Name = name,
            SecretHash = Hash(secret),
            UsesLeft = uses,
            CreatedAt = now,
            ExpiresAt = now + lifetime,
            Terms = terms,
        };
        await PutAsync(token, ct);
        _tokens[token.Id] = token;
        return Show(token, secret);
    }

    /// <summary>Takes one use off the token with this secret.</summary>
    /// <returns>Whether that was possible, and on which terms a host then joins.</returns>
    public async Task<(TokenUse Use, JoinTerms? Terms)> UseAsync(string secret, CancellationToken ct)
    {
        TokenRecord used;
        Task written;
        lock (_changing)
        {
            if (Find(Hash(secret)) is not { } token)
            {
                return (TokenUse.Unknown, null);
            }

            if (token.ExpiresAt <= time.GetUtcNow())
            {
                return (TokenUse.Expired, null);
            }

            if (token.UsesLeft == 0)
            {
                return (TokenUse.UsedUp, null);
            }

            var left = token.UsesLeft - 1;
            used = token with { UsesLeft = left, UsedUpAt = left == 0 ? time.GetUtcNow() : null };
            _tokens[token.Id] = used;
            written = PutAsync(used, ct).AsTask();
        }

        try
        {
            await written;
        }
        catch
        {
            GiveBack(used.Id);
            throw;
        }

        return (TokenUse.Good, used.Terms);
    }

    /// <summary>Deletes a token; again is no error. False when there was none.</summary>
    public async Task<bool> DeleteAsync(string id, CancellationToken ct)
    {
        TokenRecord? token;
        Task deleted;
        lock (_changing)
        {
            _tokens.TryRemove(id, out token);
            deleted = store.DeleteRecordAsync(Collection, id, ct).AsTask();
        }

        try
        {
            await deleted;
        }
        catch (StoreException) when (token is not null)
        {
            _tokens.TryAdd(id, token); // It is not deleted, and shall not seem so until the next start.
            throw;
        }

        return token is not null;
    }

    /// <summary>Deletes some of the tokens whose time or uses were over longer ago than <see cref="KeepOver"/>.</summary>
    public async Task ForgetOverAsync(CancellationToken ct)
    {
        var until = time.GetUtcNow() - KeepOver;
        var over = _tokens.Values.Where(token => token.ExpiresAt <= until || token.UsedUpAt <= until);
        foreach (var token in over.Take(ForgetAtOnce))
        {
            await DeleteAsync(token.Id, ct);
        }
    }

    // It did not come to disk, or its client left before: nobody joins by this use.
    private void GiveBack(string id)
    {
        lock (_changing)
        {
            if (_tokens.TryGetValue(id, out var token))
            {
                _tokens[id] = token with { UsesLeft = token.UsesLeft + 1, UsedUpAt = null };
            }
        }
    }

    private static string Hash(string secret) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(secret)));

    private static TokenDocument Show(TokenRecord token, string? secret) =>
        new()
        {
            Id = token.Id,
            Name = token.Name,
            Token = secret,
            Tier = token.Terms.Tier,
            Owner = token.Owner,
            MostSlots = token.MostSlots,
            Models = token.OnlyModels,
            UsesLeft = token.UsesLeft,
            CreatedAt = token.CreatedAt,
            ExpiresAt = token.ExpiresAt,
        };

    /// <summary>Looks at every token, and at each in the same time, so that the answer's delay tells nothing.</summary>
    private TokenRecord? Find(string hash)
    {
        TokenRecord? found = null;
        var wanted = Encoding.ASCII.GetBytes(hash);
        foreach (var token in _tokens.Values)
        {
            if (CryptographicOperations.FixedTimeEquals(wanted, Encoding.ASCII.GetBytes(token.SecretHash)))
            {
                found = token;
            }
        }

        return found;
    }

    private ValueTask PutAsync(TokenRecord token, CancellationToken ct) =>
        store.PutRecordAsync(
            Collection,
            token.Id,
            JsonSerializer.SerializeToUtf8Bytes(token, HostsJson.Default.TokenRecord),
            ct
        );
}
