using System.Globalization;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Pollard.Protocol.HostLink;

namespace Pollard.Gateway.Hosts;

/// <summary>Whether a request is a host's own: exactly one of the two is set.</summary>
/// <param name="Host">Who made the request.</param>
/// <param name="Refusal">Why nobody is believed to have made it, for people.</param>
/// <param name="Code">The same as a stable word, see <see cref="HostSignature"/>.</param>
internal sealed record SignatureCheck(HostRecord? Host, string? Refusal, string Code)
{
    public static SignatureCheck Refused(string reason, string code = HostSignature.UnauthorizedCode) =>
        new(null, reason, code);
}

/// <summary>Checks the signatures of hosts' requests, see <see cref="HostSignature"/>.</summary>
internal sealed class HostSignatures(HostRegistry registry, TimeProvider time)
{
    private readonly NonceMemory _nonces = new(time);
    private readonly HostKeys _keys = new();
    private readonly long _startedSeconds = time.GetUtcNow().ToUnixTimeSeconds();
    private readonly long _startedAt = time.GetTimestamp();

    /// <summary>Why a request is refused whatever its body is; null when that decides. So nothing large is read of strangers.</summary>
    public SignatureCheck? RefusalBeforeBody(HttpRequest request) => ReadClaim(request).Refusal;

    /// <summary>Checks a request whose signed body is <paramref name="body"/>.</summary>
    public SignatureCheck Check(HttpRequest request, ReadOnlySpan<byte> body)
    {
        var (claim, refusal) = ReadClaim(request);
        if (claim is not { Host: var host })
        {
            return refusal!;
        }

        var target = request.HttpContext.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        var content = HostSignature.Content(request.Method, target, host.Id, claim.Seconds, claim.Nonce, body);
        if (!Verifies(host.PublicKey, content, claim.Signature))
        {
            return SignatureCheck.Refused($"the signature is not that of host {host.Id}");
        }

        // Only now: a stranger must not be able to use up a host's nonces.
        return _nonces.Take(host.Id, claim.Nonce, claim.Seconds) switch
        {
            NonceUse.New => new SignatureCheck(host, null, ""),
            NonceUse.Stale => SignatureCheck.Refused(
                "the request is older than what is remembered of its host; sign it anew",
                HostSignature.StaleCode
            ),
            _ => SignatureCheck.Refused("the request was seen before"),
        };
    }

    /// <summary>What the headers claim, or why it is not looked into.</summary>
    private (Claim? Claim, SignatureCheck? Refusal) ReadClaim(HttpRequest request)
    {
        var headers = request.Headers;
        string? id = headers[HostSignature.HostHeader];
        string? nonce = headers[HostSignature.NonceHeader];
        string? signature = headers[HostSignature.SignatureHeader];
        if (
            id is null
            || signature is null
            || nonce is not { Length: >= 8 and <= 64 }
            || !long.TryParse(
                headers[HostSignature.TimeHeader],
                NumberStyles.None,
                CultureInfo.InvariantCulture,
                out var seconds
            )
        )
        {
            const string Unsigned =
                "the request is not signed; enrol the host at /host/v1/enroll and sign each request with its key";
            return (null, SignatureCheck.Refused(Unsigned));
        }

        if (CheckTime(seconds) is { } untimely)
        {
            return (null, untimely);
        }

        return registry.Find(id) switch
        {
            null or { Guest: not null } => (
                null,
                SignatureCheck.Refused($"host {Printable(id)} is not enrolled here", HostSignature.UnknownCode)
            ),
            { Revoked: true } => (null, SignatureCheck.Refused($"host {id} was revoked", HostSignature.RevokedCode)),
            { } host => (new Claim(host, seconds, nonce, signature), null),
        };
    }

    private SignatureCheck? CheckTime(long seconds)
    {
        var now = time.GetUtcNow().ToUnixTimeSeconds();
        if (Math.Abs(now - seconds) > LinkLimits.ClockTolerance.TotalSeconds)
        {
            return SignatureCheck.Refused(
                $"the host's clock is off by {seconds - now} seconds; set it to within {LinkLimits.ClockTolerance.TotalSeconds:0}"
            );
        }

        if (IsFromBeforeStart(seconds))
        {
            return SignatureCheck.Refused(
                "the request is from before the gateway's start, which remembers none; sign it anew",
                HostSignature.StaleCode
            );
        }

        return null;
    }

    // For as long as such a request would be good: later the wall clock may have been set back, and hosts must get in all the same.
    private bool IsFromBeforeStart(long seconds) =>
        seconds < _startedSeconds && time.GetElapsedTime(_startedAt) < 2 * LinkLimits.ClockTolerance;

    /// <summary>True when this is a public key of the one kind that hosts have.</summary>
    public static bool IsPublicKey(string base64)
    {
        try
        {
            using var key = ECDsa.Create();
            key.ImportSubjectPublicKeyInfo(Convert.FromBase64String(base64), out _);
            return key.KeySize == 256
                && string.Equals(
                    key.ExportParameters(includePrivateParameters: false).Curve.Oid.Value,
                    ECCurve.NamedCurves.nistP256.Oid.Value,
                    StringComparison.Ordinal
                );
        }
        catch (Exception e) when (e is FormatException or CryptographicException)
        {
            return false;
        }
    }

    private bool Verifies(string publicKey, byte[] content, string signature)
    {
        var bytes = new byte[64];
        return Convert.TryFromBase64String(signature, bytes, out var written)
            && written == bytes.Length
            && _keys.Verifies(publicKey, content, bytes);
    }

    private sealed record Claim(HostRecord Host, long Seconds, string Nonce, string Signature);

    private static string Printable(string id) =>
        id.Length <= 100 && id.All(c => char.IsAsciiLetterOrDigit(c) || c == '_') ? id : "(unprintable)";
}
