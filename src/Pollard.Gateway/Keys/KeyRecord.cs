using System.Text.Json.Serialization;

namespace Pollard.Gateway.Keys;

/// <summary>A key as it is stored: its secret only as a hash.</summary>
internal sealed record KeyRecord
{
    /// <summary>Its id, which owns tasks.</summary>
    public required string Id { get; init; }

    /// <summary>What people call it.</summary>
    public required string Name { get; init; }

    /// <summary><c>client</c>, <c>viewer</c> or <c>admin</c>.</summary>
    public required string Role { get; init; }

    /// <summary>SHA-256 of the secret, hexadecimal. 256 random bits need no slow hash.</summary>
    public required string Hash { get; init; }

    /// <summary>When it was made.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When it ends.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>Requests a minute.</summary>
    public int? RequestsPerMinute { get; init; }

    /// <summary>Tasks at the same time.</summary>
    public int? MaxRunning { get; init; }
}

/// <summary>A browser that is signed in, as it is stored, by the hash of its cookie.</summary>
/// <param name="KeyHash">The hash of the key that it stands for.</param>
/// <param name="ExpiresAt">When it is signed out.</param>
internal sealed record SessionRecord(string KeyHash, DateTimeOffset ExpiresAt);

/// <summary>What a key's tasks have used, as it is stored, by the key's id.</summary>
internal sealed record UsageRecord(
    long Tasks,
    long Completed,
    long Failed,
    long InputTokens,
    long OutputTokens,
    DateTimeOffset? LastUsedAt
);

/// <summary>The stored shape of keys.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(KeyRecord))]
[JsonSerializable(typeof(SessionRecord))]
[JsonSerializable(typeof(UsageRecord))]
internal sealed partial class KeysJson : JsonSerializerContext;
