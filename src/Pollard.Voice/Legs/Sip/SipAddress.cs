using System.Net;

namespace Pollard.Voice.Legs.Sip;

/// <summary>An address in a header line, as <c>"Ada" &lt;sip:ada@10.0.0.1:5062;lr&gt;;tag=1</c>.</summary>
/// <param name="Name">Of whom, for people; empty where it has none.</param>
/// <param name="Uri">The address itself.</param>
/// <param name="Parameters">What stands behind it.</param>
internal sealed record SipAddress(string Name, string Uri, IReadOnlyDictionary<string, string> Parameters)
{
    private const int SchemeCharacters = 4; // sip:
    private const int DefaultPort = 5060;

    /// <summary>Which end of a call it is; null: it does not say.</summary>
    public string? Tag => Parameters.GetValueOrDefault("tag");

    /// <summary>Reads an address; null: it is none.</summary>
    public static SipAddress? Parse(string text)
    {
        var open = text.LastIndexOf('<');
        var close = text.IndexOf('>', Math.Max(open, 0));
        if ((open < 0) != (close < 0))
        {
            return null;
        }

        // Without brackets, what stands behind is the line's and not the address's (RFC 3261, 20.10).
        var parts = SipText.Split(open < 0 ? text : text[(close + 1)..], ';');
        var uri = open < 0 ? parts.FirstOrDefault("") : text[(open + 1)..close];
        Dictionary<string, string> parameters = new(StringComparer.Ordinal);
        foreach (var part in open < 0 ? parts.Skip(1) : parts)
        {
            var (name, value) = SipText.Pair(part);
            parameters.TryAdd(name, value);
        }

        return uri.Length == 0 ? null : new(open <= 0 ? "" : text[..open].Trim(' ', '"'), uri, parameters);
    }

    /// <summary>
    /// Where an address lies; null: it has another scheme than sip, or a name in place of numbers, which we do not look up.
    /// </summary>
    public static IPEndPoint? EndPointOf(string uri)
    {
        if (!uri.StartsWith("sip:", StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        var rest = uri.AsSpan(SchemeCharacters);
        var end = rest.IndexOfAny(';', '?');
        rest = end < 0 ? rest : rest[..end];
        return HostOf(rest[(rest.LastIndexOf('@') + 1)..]);
    }

    /// <summary>An address and a port as they stand in a line; null: they are not written in numbers.</summary>
    public static IPEndPoint? HostOf(ReadOnlySpan<char> host) =>
        !IPEndPoint.TryParse(host, out var at) ? null
        : at.Port == 0 ? new IPEndPoint(at.Address, DefaultPort)
        : at;

    /// <summary>Whether requests to an address go by TCP.</summary>
    public static bool IsTcp(string uri) => uri.Contains(";transport=tcp", StringComparison.OrdinalIgnoreCase);
}
