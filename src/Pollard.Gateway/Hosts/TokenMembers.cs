using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Pollard.Gateway.Http;
using Pollard.Tasks.Storage;

namespace Pollard.Gateway.Hosts;

/// <summary>Who joined with a token and shows it with each request, having no key of its own.</summary>
internal sealed record TokenMember
{
    /// <summary>SHA-256 of what it shows, hex.</summary>
    public required string SecretHash { get; init; }

    /// <summary>When it was last here, to the day.</summary>
    public required DateTimeOffset SeenAt { get; init; }

    /// <summary>The terms of its token, as they were when it joined.</summary>
    public required JoinTerms Terms { get; init; }
}

/// <summary>
/// What join tokens let in that has no key of its own. A name and the secret that first came with it belong together from then on:
/// no other secret gets the name, and that the token is used up or over does not lock out who joined with it.
/// </summary>
internal sealed class TokenMembers(ITaskStore store, JoinTokens tokens, TimeProvider time) : IDisposable
{
    private const string Collection = "token_member";
    private const int Most = 10_000;

    /// <summary>How long nobody must have come by a name before it is anybody's.</summary>
    public static readonly TimeSpan KeepName = TimeSpan.FromDays(30);

    private static readonly TimeSpan SeenWithin = TimeSpan.FromDays(1);
    private readonly ConcurrentDictionary<string, TokenMember> _members = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _writing = new(1);
    private bool _isLoaded;

    /// <summary>The terms of who comes by this name with this secret.</summary>
    /// <param name="name">What it comes as.</param>
    /// <param name="secret">What it shows.</param>
    /// <param name="own">The terms of a secret that is no token; null: it has to be one.</param>
    /// <param name="isShutOut">Whether an admin shut out who has the name, by the hash of its secret: then the name is free.</param>
    /// <param name="ct">Gives up.</param>
    public async Task<(JoinTerms? Terms, DoorError? Refusal)> AdmitAsync(
        string name,
        string secret,
        JoinTerms? own,
        Func<string, bool> isShutOut,
        CancellationToken ct
    )
    {
        var hash = HashOf(secret);
        if (
            Volatile.Read(ref _isLoaded)
            && _members.TryGetValue(name, out var known)
            && Matches(known, hash)
            && time.GetUtcNow() - known.SeenAt < SeenWithin
        )
        {
            return (known.Terms, null);
        }

        await _writing.WaitAsync(ct);
        try
        {
            await LoadAsync(ct);
            return await JoinAsync(name, hash, own is null ? secret : null, own, isShutOut, ct);
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <summary>A secret as it is stored and compared.</summary>
    public static string HashOf(string secret) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(secret)));

    /// <inheritdoc/>
    public void Dispose() => _writing.Dispose();

    private async Task<(JoinTerms? Terms, DoorError? Refusal)> JoinAsync(
        string name,
        string hash,
        string? token,
        JoinTerms? own,
        Func<string, bool> isShutOut,
        CancellationToken ct
    )
    {
        var terms = own;
        if (_members.TryGetValue(name, out var known))
        {
            var isFree = time.GetUtcNow() - known.SeenAt > KeepName || isShutOut(known.SecretHash);
            terms = Matches(known, hash) ? known.Terms : terms;
            if (!Matches(known, hash) && !isFree)
            {
                return (null, Taken);
            }
        }
        else if (_members.Count >= Most)
        {
            return (null, new DoorError(403, "too_many_names", $"{Most} names have been taken, which is all"));
        }

        if (terms is null)
        {
            var (use, granted) = await tokens.UseAsync(token!, ct);
            if (use != TokenUse.Good)
            {
                return (null, Refusal(use));
            }

            terms = granted!;
        }

        var member = new TokenMember
        {
            SecretHash = hash,
            SeenAt = time.GetUtcNow(),
            Terms = terms,
        };
        var json = JsonSerializer.SerializeToUtf8Bytes(member, HostsJson.Default.TokenMember);
        await store.PutRecordAsync(Collection, name, json, ct);
        _members[name] = member;
        return (terms, null);
    }

    private async Task LoadAsync(CancellationToken ct)
    {
        if (_isLoaded)
        {
            return;
        }

        foreach (var record in await store.ReadRecordsAsync(Collection, ct))
        {
            if (JsonSerializer.Deserialize(record.Json.Span, HostsJson.Default.TokenMember) is { } member)
            {
                _members[record.Id] = member;
            }
        }

        Volatile.Write(ref _isLoaded, true);
    }

    private static bool Matches(TokenMember member, string hash) =>
        CryptographicOperations.FixedTimeEquals(
            Encoding.ASCII.GetBytes(member.SecretHash),
            Encoding.ASCII.GetBytes(hash)
        );

    private static DoorError Taken { get; } =
        new(
            403,
            "name_taken",
            "this name belongs to agents with another token; take another name, or have an admin revoke them"
        );

    private static DoorError Refusal(TokenUse use) =>
        new(
            401,
            "invalid_client_token",
            use switch
            {
                TokenUse.Expired => "the join token has expired; ask for a new one",
                TokenUse.UsedUp => "the join token is used up; ask for a new one",
                _ => "the join token is not known here; `pollard token create` makes one",
            }
        );
}
