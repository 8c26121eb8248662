using System.Security.Cryptography;
using System.Text;

namespace Pollard.Gateway.Hosts;

/// <summary>By what a host is known again that has no key. All of it as hashes: it is only to be compared.</summary>
internal sealed record GuestMarks
{
    /// <summary>What makes it the same host as before; null where nothing does.</summary>
    public string? Self { get; init; }

    /// <summary>What it may share with hosts of other people: its address, and the token that let it in.</summary>
    public required IReadOnlyList<string> Shared { get; init; }

    /// <summary>The marks of a host.</summary>
    /// <param name="address">Where it calls from.</param>
    /// <param name="token">What it brought to be let in; null: nothing.</param>
    /// <param name="self">What makes it the same as before; null: nothing.</param>
    public static GuestMarks Of(string address, string? token, string? self) =>
        new()
        {
            Self = self is null ? null : Hash("self", self),
            Shared = token is null ? [Hash("address", address)] : [Hash("address", address), Hash("token", token)],
        };

    /// <summary>True for hosts that share an address or a token.</summary>
    public bool AreKin(GuestMarks other) => Shared.Intersect(other.Shared, StringComparer.Ordinal).Any();

    private static string Hash(string kind, string text) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{kind}\n{text}")));
}
