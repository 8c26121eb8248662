using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Pollard.Voice.Legs.Sip;

/// <summary>
/// Proves with a password that it is known, without saying it (RFC 7616, and RFC 2617 with MD5). Not for several threads.
/// </summary>
/// <param name="user">Whose.</param>
/// <param name="password">The password.</param>
internal sealed class SipDigest(string user, string password)
{
    private const string Scheme = "Digest ";
    private Dictionary<string, string>? _challenge;
    private int _count;

    /// <summary>Whether the last challenge says that only what it is answered with was too old.</summary>
    public bool IsStale =>
        string.Equals(_challenge?.GetValueOrDefault("stale"), "true", StringComparison.OrdinalIgnoreCase);

    /// <summary>Takes what a server asks, the strongest that we can where it asks several.</summary>
    /// <param name="challenges">Its header lines.</param>
    /// <returns>Whether it can be answered.</returns>
    public bool TryTake(IEnumerable<string> challenges)
    {
        var best = challenges
            .Where(static line => line.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
            .Select(static line => Read(line[Scheme.Length..]))
            .Where(static one => HashOf(one) is not null && one.ContainsKey("nonce") && one.ContainsKey("realm"))
            .MaxBy(static one => HashOf(one) == HashAlgorithmName.SHA256);
        if (best is not null)
        {
            (_challenge, _count) = (best, 0);
        }

        return best is not null;
    }

    /// <summary>The line that proves it for one request; null: nothing was asked yet.</summary>
    /// <param name="method">Of the request.</param>
    /// <param name="uri">For whom it is.</param>
    /// <param name="clientNonce">What we put in, which is drawn.</param>
    public string? Authorize(string method, string uri, string clientNonce)
    {
        if (_challenge is not { } challenge)
        {
            return null;
        }

        var (realm, nonce) = (challenge["realm"], challenge["nonce"]);
        var isCounted = challenge.GetValueOrDefault("qop", "").Split(',').Any(static one => one.Trim() == "auth");
        var count = (++_count).ToString("x8", CultureInfo.InvariantCulture);
        var secret = Hash(challenge, $"{user}:{realm}:{password}");
        var request = Hash(challenge, $"{method}:{uri}");
        var answer = Hash(
            challenge,
            isCounted ? $"{secret}:{nonce}:{count}:{clientNonce}:auth:{request}" : $"{secret}:{nonce}:{request}"
        );
        var line = new StringBuilder(Scheme)
            .Append(CultureInfo.InvariantCulture, $"username={SipText.Quote(user)}, realm={SipText.Quote(realm)}, ")
            .Append(CultureInfo.InvariantCulture, $"nonce={SipText.Quote(nonce)}, uri={SipText.Quote(uri)}, ")
            .Append(CultureInfo.InvariantCulture, $"response=\"{answer}\"");
        if (challenge.TryGetValue("algorithm", out var algorithm))
        {
            line.Append(CultureInfo.InvariantCulture, $", algorithm={algorithm}");
        }

        if (isCounted)
        {
            line.Append(CultureInfo.InvariantCulture, $", qop=auth, nc={count}, cnonce=\"{clientNonce}\"");
        }

        if (challenge.TryGetValue("opaque", out var opaque))
        {
            line.Append(CultureInfo.InvariantCulture, $", opaque={SipText.Quote(opaque)}");
        }

        return line.ToString();
    }

    private static Dictionary<string, string> Read(string line)
    {
        Dictionary<string, string> pairs = new(StringComparer.Ordinal);
        foreach (var part in SipText.Split(line, ','))
        {
            var (name, value) = SipText.Pair(part);
            pairs.TryAdd(name, value);
        }

        return pairs;
    }

    private static HashAlgorithmName? HashOf(Dictionary<string, string> challenge) =>
        challenge.GetValueOrDefault("algorithm", "MD5").ToUpperInvariant() switch
        {
            "MD5" => HashAlgorithmName.MD5,
            "SHA-256" => HashAlgorithmName.SHA256,
            _ => null,
        };

    private static string Hash(Dictionary<string, string> challenge, string text) =>
        Convert.ToHexStringLower(
            CryptographicOperations.HashData(HashOf(challenge)!.Value, Encoding.UTF8.GetBytes(text))
        );
}
