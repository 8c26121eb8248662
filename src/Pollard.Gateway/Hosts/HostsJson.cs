using System.Text.Json.Serialization;
using Pollard.Protocol;

namespace Pollard.Gateway.Hosts;

/// <summary>How hosts and join tokens lie in the store.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(HostRecord))]
[JsonSerializable(typeof(TokenRecord))]
internal sealed partial class HostsJson : JsonSerializerContext;

/// <summary>A host that was enrolled.</summary>
internal sealed record HostRecord
{
    public required string Id { get; init; }

    public required string Name { get; init; }

    /// <summary>ECDSA P-256, SubjectPublicKeyInfo, base64.</summary>
    public required string PublicKey { get; init; }

    public required DateTimeOffset EnrolledAt { get; init; }

    public DateTimeOffset? SeenAt { get; init; }

    /// <summary>True from its hello to the end of its link; after a crash of the gateway: it was there until then.</summary>
    public bool Linked { get; init; }

    /// <summary>What it had when it was last here.</summary>
    public required IReadOnlyList<ModelInfo> Models { get; init; }

    public required int Slots { get; init; }

    public string? Role { get; init; }

    public string? Agent { get; init; }

    public bool Revoked { get; init; }

    /// <summary>Null for one that was revoked before this was written down.</summary>
    public DateTimeOffset? RevokedAt { get; init; }

    public bool Draining { get; init; }
}

/// <summary>A join token; its secret only as a hash.</summary>
internal sealed record TokenRecord
{
    public required string Id { get; init; }

    public string? Name { get; init; }

    /// <summary>SHA-256 of the secret, hex.</summary>
    public required string SecretHash { get; init; }

    public required int UsesLeft { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>When its last use was taken; null: it has some left, or lost them before this was written down.</summary>
    public DateTimeOffset? UsedUpAt { get; init; }
}
