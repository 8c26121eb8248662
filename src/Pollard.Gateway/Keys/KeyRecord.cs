using System.Text.Json.Serialization;

namespace Pollard.Gateway.Keys;

/// <summary>A key as it is stored: its secret only as a hash.</summary>
internal sealed record KeyRecord
{
    /// <summary>Its id, which owns tasks.</summary>
    public required string Id { get; init; }

    /// <summary>What people call it.</summary>
    public required string Name { get; init; }

    /// <summary><c>client</c> or <c>admin</c>.</summary>
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

/// <summary>The stored shape of keys.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(KeyRecord))]
internal sealed partial class KeysJson : JsonSerializerContext;
