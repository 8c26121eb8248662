using System.Net;

namespace Pollard.Voice.Legs.Sip;

/// <summary>The topmost <c>Via</c> of a message: who sent it last, and where its answer goes.</summary>
internal static class SipVia
{
    /// <summary>What branches begin with since RFC 3261.</summary>
    public const string Cookie = "z9hG4bK";

    /// <summary>What tells a response's request; null: it has none.</summary>
    public static string? BranchOf(SipMessage message) =>
        message.Find("Via") is { } via
            ? SipText
                .Split(via, ';')
                .Skip(1)
                .Select(SipText.Pair)
                .FirstOrDefault(static one => one.Name == "branch")
                .Value
            : null;

    /// <summary>
    /// Where the answer to a request that came by UDP goes (RFC 3581): to where it came from, at the port it came from if the sender asks
    /// for that, and otherwise at the one it names. The line says so then.
    /// </summary>
    /// <param name="via">The line as it came.</param>
    /// <param name="from">Where the request came from.</param>
    /// <returns>Where, and the line as it goes back; null: it is none.</returns>
    public static (IPEndPoint To, string Via)? Return(string via, IPEndPoint from)
    {
        var parts = SipText.Split(via, ';');
        var sender = parts.FirstOrDefault("").Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (sender.Length != 2 || !sender[0].StartsWith("SIP/2.0/", StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        var kept = parts.Where(static part => SipText.Pair(part).Name is not ("rport" or "received")).ToList();
        kept.Add($"received={from.Address}");
        if (parts.Any(static part => SipText.Pair(part).Name == "rport"))
        {
            kept.Add($"rport={from.Port}");
            return (from, string.Join(';', kept));
        }

        // Where it names a host by its name, only the port counts: it is not looked up.
        var named = SipAddress.HostOf(sender[1]) ?? SipAddress.HostOf($"{IPAddress.Any}:{PortOf(sender[1])}");
        return named is null ? null : (new IPEndPoint(from.Address, named.Port), string.Join(';', kept));
    }

    private static string PortOf(string host)
    {
        var colon = host.LastIndexOf(':');
        return colon < 0 ? "0" : host[(colon + 1)..]; // 0: the usual one.
    }
}
