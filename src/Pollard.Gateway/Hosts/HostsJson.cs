using System.Text.Json.Serialization;
using Pollard.Gateway.Hosts.Audits;
using Pollard.Protocol;
using Pollard.Protocol.Api;

namespace Pollard.Gateway.Hosts;

/// <summary>How hosts and join tokens lie in the store.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(HostRecord))]
[JsonSerializable(typeof(TokenRecord))]
[JsonSerializable(typeof(AuditRecord))]
[JsonSerializable(typeof(TokenMember))]
internal sealed partial class HostsJson : JsonSerializerContext;

/// <summary>A host that was enrolled.</summary>
internal sealed record HostRecord
{
    public required string Id { get; init; }

    public required string Name { get; init; }

    /// <summary>ECDSA P-256, SubjectPublicKeyInfo, base64; empty for a guest.</summary>
    public required string PublicKey { get; init; }

    /// <summary>By what a guest is known again; null for a host that has a key.</summary>
    public GuestMarks? Guest { get; init; }

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

    /// <summary>When its audits had failed too often; null when it is not quarantined.</summary>
    public DateTimeOffset? QuarantinedAt { get; init; }

    /// <summary>Why it is quarantined, for its owner; null when it is not.</summary>
    [JsonIgnore]
    public string? WhyQuarantined =>
        QuarantinedAt is null ? null : "it is quarantined: too many of its answers failed their audits";

    /// <summary>True when it is to get no work.</summary>
    [JsonIgnore]
    public bool IsHeldBack => Draining || QuarantinedAt is not null;

    /// <summary>True for a guest about which nothing was decided: it is forgotten when it goes.</summary>
    [JsonIgnore]
    public bool IsPassing => Guest is not null && !Revoked && !IsHeldBack;

    /// <summary>Null for one that joined before there were tiers.</summary>
    public TrustTier? Tier { get; init; }

    public string? Owner { get; init; }

    public int? MostSlots { get; init; }

    public IReadOnlyList<string>? OnlyModels { get; init; }

    /// <summary>On which terms it joined.</summary>
    [JsonIgnore]
    public JoinTerms Terms
    {
        get => new(Tier ?? TrustTier.Trusted, Owner, MostSlots, OnlyModels);
        init => (Tier, Owner, MostSlots, OnlyModels) = (value.Tier, value.Owner, value.MostSlots, value.Models);
    }
}

/// <summary>On which terms a host joins.</summary>
/// <param name="Tier">How far it is trusted.</param>
/// <param name="Owner">Whose it is: the id of a key whose tasks go first on it, or a word for people.</param>
/// <param name="MostSlots">Attempts that it gets at the same time; null: as many as it says.</param>
/// <param name="Models">The only models that it may serve, as patterns; null: all that it has.</param>
internal sealed record JoinTerms(
    TrustTier Tier,
    string? Owner = null,
    int? MostSlots = null,
    IReadOnlyList<string>? Models = null
)
{
    /// <summary>Those of the gateway's own machine.</summary>
    public static JoinTerms Own { get; } = new(TrustTier.Own);

    /// <summary>Those of a token that says nothing else.</summary>
    public static JoinTerms Usual { get; } = new(TrustTier.Trusted);
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

    /// <summary>Null for one that was made before there were tiers.</summary>
    public TrustTier? Tier { get; init; }

    public string? Owner { get; init; }

    public int? MostSlots { get; init; }

    public IReadOnlyList<string>? OnlyModels { get; init; }

    /// <summary>On which terms a host joins with it.</summary>
    [JsonIgnore]
    public JoinTerms Terms
    {
        get => new(Tier ?? TrustTier.Trusted, Owner, MostSlots, OnlyModels);
        init => (Tier, Owner, MostSlots, OnlyModels) = (value.Tier, value.Owner, value.MostSlots, value.Models);
    }

    /// <summary>When its last use was taken; null: it has some left, or lost them before this was written down.</summary>
    public DateTimeOffset? UsedUpAt { get; init; }
}
