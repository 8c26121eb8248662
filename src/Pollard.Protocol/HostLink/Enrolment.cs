using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Pollard.Protocol.HostLink;

/// <summary>What an agent sends once, to <c>POST /host/v1/enroll</c>.</summary>
public sealed record EnrollRequest
{
    /// <summary>The host's public key: ECDSA P-256, SubjectPublicKeyInfo, base64.</summary>
    public required string PublicKey { get; init; }

    /// <summary>What people call the machine.</summary>
    public required string Name { get; init; }

    /// <summary>The join token; not needed on loopback while no keys are required.</summary>
    public string? JoinToken { get; init; }
}

/// <summary>The answer to an enrolment.</summary>
/// <param name="HostId">The host's name in every signed request from now on.</param>
public sealed record EnrollReply(string HostId);

/// <summary>What <c>GET /host/v1</c> answers: which carriers exist and where.</summary>
public sealed record LinkDirectory
{
    /// <summary>The versions that the gateway speaks, oldest and newest.</summary>
    public required int ProtocolMin { get; init; }

    /// <summary>The newest version.</summary>
    public required int ProtocolMax { get; init; }

    /// <summary>The base address of carrier A in clear text, when it has a port of its own; absent: the same address.</summary>
    public int? Http2Port { get; init; }

    /// <summary>Names of the carriers, best first: <c>h2</c>, <c>turn</c>.</summary>
    public required IReadOnlyList<string> Carriers { get; init; }
}

/// <summary>
/// The signature of a host's request: <c>Pollard-Host</c>, <c>Pollard-Time</c> (unix seconds), <c>Pollard-Nonce</c> and
/// <c>Pollard-Signature</c> (base64, ECDSA P-256 with SHA-256, IEEE P1363) over the lines method, path with query, host, time,
/// nonce and the hex SHA-256 of the body (of the hello frame's payload on a streamed link).
/// </summary>
public static class HostSignature
{
    /// <summary>The header with the host's id.</summary>
    public const string HostHeader = "Pollard-Host";

    /// <summary>The header with the unix time in seconds.</summary>
    public const string TimeHeader = "Pollard-Time";

    /// <summary>The header with a value never used before by this host.</summary>
    public const string NonceHeader = "Pollard-Nonce";

    /// <summary>The header with the signature.</summary>
    public const string SignatureHeader = "Pollard-Signature";

    /// <summary>The word of a refusal that signing anew, with another clock or nonce, may mend.</summary>
    public const string UnauthorizedCode = "host_unauthorized";

    /// <summary>The word of a refusal because the gateway cannot tell any more whether the request came before: signing it anew mends it.</summary>
    public const string StaleCode = "host_stale";

    /// <summary>The word of a refusal because nobody with that id was enrolled: enrolling mends it.</summary>
    public const string UnknownCode = "host_unknown";

    /// <summary>The word of a refusal that nothing mends but a new key and a new enrolment.</summary>
    public const string RevokedCode = "host_revoked";

    /// <summary>The bytes that are signed.</summary>
    public static byte[] Content(
        string method,
        string pathAndQuery,
        string hostId,
        long unixSeconds,
        string nonce,
        ReadOnlySpan<byte> body
    ) =>
        Encoding.UTF8.GetBytes(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{method}\n{pathAndQuery}\n{hostId}\n{unixSeconds}\n{nonce}\n{Convert.ToHexStringLower(SHA256.HashData(body))}"
            )
        );
}
