using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Pollard.Voice.Audio;
using Pollard.Voice.Legs.Rtp;

namespace Pollard.Voice.Legs.Sip;

/// <summary>What a phone says of its sound (RFC 8866, RFC 3264): one stream of G.711, with keys. Others are left out.</summary>
/// <param name="At">Where it hears.</param>
/// <param name="Laws">What it can, in the order in which it likes it.</param>
/// <param name="EventType">The payload type of its keys; null: it sends none.</param>
/// <param name="Hears">Whether it wants to hear.</param>
/// <param name="Sends">Whether it sends.</param>
/// <param name="Media">The words of each of its <c>m=</c> lines: an answer has as many.</param>
/// <param name="Index">Which of them it is.</param>
internal sealed record Sdp(
    IPEndPoint At,
    IReadOnlyList<G711Law> Laws,
    byte? EventType,
    bool Hears,
    bool Sends,
    IReadOnlyList<string[]> Media,
    int Index
)
{
    /// <summary>What it is called in <c>Content-Type</c>.</summary>
    public const string Type = "application/sdp";

    private const int OurEventType = 101;
    private const int MostLines = 256;
    private const int MostMedia = 8;
    private const int LeastWords = 4; // Of such a line: what, port, how, and a type.
    private const string Newline = "\r\n";

    /// <summary>Reads a description.</summary>
    /// <param name="text">The description.</param>
    /// <param name="family">Which kind of addresses we can send to.</param>
    /// <param name="sdp">What it says.</param>
    /// <returns>Why there is no sound that we can; null: there is.</returns>
    public static string? Read(string text, AddressFamily family, out Sdp? sdp)
    {
        sdp = null;
        var lines = text.Split('\n', MostLines + 1);
        if (lines.Length > MostLines || !lines[0].StartsWith("v=0", StringComparison.Ordinal))
        {
            return $"it is no SDP of up to {MostLines} lines";
        }

        var all = new List<SdpPart> { new("") }; // What stands before the first stream holds for each.
        foreach (var line in lines.Select(static line => line.TrimEnd('\r')).Where(static line => line.Length > 2))
        {
            if (line.StartsWith("m=", StringComparison.Ordinal))
            {
                all.Add(new SdpPart(line[2..]));
            }

            all[^1].Lines.Add(line);
        }

        if (all.Count > MostMedia + 1 || all.Skip(1).Any(static part => part.Words.Length < LeastWords))
        {
            return $"it has more than {MostMedia} streams, or one that is none";
        }

        string? problem = null;
        for (var i = 1; i < all.Count && sdp is null; i++)
        {
            problem = ReadStream(all, i, family, out sdp) ?? problem;
        }

        return sdp is not null ? null : problem ?? "it has no stream of sound";
    }

    /// <summary>What it comes to for the sound, with one of its laws.</summary>
    public RtpTerms TermsWith(G711Law law) => new(At, law, EventType, Hears, Sends);

    /// <summary>Writes our description.</summary>
    /// <param name="at">Where we hear.</param>
    /// <param name="session">The session's number, and which version of it this is.</param>
    /// <param name="terms">What is agreed on; null: nothing yet.</param>
    /// <param name="offer">What is answered; null: it is an offer of ours.</param>
    public static string Write(IPEndPoint at, (long Id, int Version) session, RtpTerms? terms, Sdp? offer)
    {
        var host = $"IN {(at.AddressFamily == AddressFamily.InterNetworkV6 ? "IP6" : "IP4")} {at.Address}";
        List<string> lines = ["v=0", $"o=pollard {session.Id} {session.Version} {host}", "s=-", $"c={host}", "t=0 0"];
        for (var i = 0; i < (offer?.Media.Count ?? 1); i++)
        {
            if (offer is not null && i != offer.Index)
            {
                var words = offer.Media[i];
                lines.Add($"m={string.Join(' ', [words[0], "0", .. words[2..]])}"); // Not wanted.
                continue;
            }

            G711Law[] laws = terms is null ? [G711Law.Mu, G711Law.A] : [terms.Law];
            var keys = offer is null ? OurEventType : offer.EventType;
            lines.AddRange(StreamLines(at.Port, laws, keys));
            lines.Add($"a={(offer is null ? "sendrecv" : DirectionOf(offer.Hears, offer.Sends))}");
        }

        return string.Join(Newline, [.. lines, ""]);
    }

    private static IEnumerable<string> StreamLines(int port, G711Law[] laws, int? keys)
    {
        var types = laws.Select(static law => (int)RtpTerms.TypeOf(law));
        yield return $"m=audio {port} RTP/AVP {string.Join(' ', keys is { } last ? types.Append(last) : types)}";
        foreach (var law in laws)
        {
            yield return $"a=rtpmap:{RtpTerms.TypeOf(law)} {(law == G711Law.Mu ? "PCMU" : "PCMA")}/{G711.Rate}";
        }

        if (keys is not null)
        {
            yield return $"a=rtpmap:{keys} telephone-event/{G711.Rate}";
            yield return $"a=fmtp:{keys} 0-15";
        }

        yield return "a=ptime:20";
    }

    private static string DirectionOf(bool sends, bool hears) =>
        (sends, hears) switch
        {
            (true, true) => "sendrecv",
            (true, false) => "sendonly",
            (false, true) => "recvonly",
            _ => "inactive",
        };

    private static string? ReadStream(List<SdpPart> all, int index, AddressFamily family, out Sdp? sdp)
    {
        sdp = null;
        var media = all[index].Words;
        if (media[0] != "audio" || media[2] != "RTP/AVP")
        {
            return "its streams are not sound by RTP/AVP";
        }

        var slash = media[1].IndexOf('/', StringComparison.Ordinal);
        var port = slash < 0 ? media[1] : media[1][..slash];
        if (!ushort.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number == 0)
        {
            return "its stream of sound has no port";
        }

        if ((all[index].Address ?? all[0].Address) is not { } address || address.AddressFamily != family)
        {
            return "it does not say in numbers, and such as ours, where it hears";
        }

        var types = media
            .Skip(3)
            .Select(static type => int.TryParse(type, NumberStyles.None, null, out var n) ? n : -1)
            .ToList();
        G711Law[] laws = [.. types.Select(RtpTerms.LawOf).OfType<G711Law>().Distinct()];
        if (laws.Length == 0)
        {
            return "it has neither PCMU nor PCMA";
        }

        // An address of all zeros is how hold was said once (RFC 3264, 8.4).
        var direction = all[index].Direction ?? all[0].Direction ?? "sendrecv";
        var isHeld = address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any);
        sdp = new Sdp(
            new IPEndPoint(address, number),
            laws,
            all[index].EventType is { } keys && types.Contains(keys) ? keys : null,
            Hears: !isHeld && (direction is "sendrecv" or "recvonly"),
            Sends: !isHeld && (direction is "sendrecv" or "sendonly"),
            [.. all.Skip(1).Select(static part => part.Words)],
            index - 1
        );
        return null;
    }

    // A stream's lines, or those before the first one.
    private sealed record SdpPart(string Media)
    {
        public string[] Words { get; } = Media.Split(' ', StringSplitOptions.RemoveEmptyEntries);

        public List<string> Lines { get; } = [];

        public IPAddress? Address =>
            Find("c=IN ") is { } where
            && where.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [_, var address]
            && IPAddress.TryParse(address, out var parsed)
                ? parsed
                : null;

        public string? Direction =>
            Lines
                .Where(static line => line is "a=sendrecv" or "a=sendonly" or "a=recvonly" or "a=inactive")
                .Select(static line => line[2..])
                .LastOrDefault();

        public byte? EventType =>
            Lines
                .Where(static line => line.StartsWith("a=rtpmap:", StringComparison.Ordinal))
                .Select(static line => line["a=rtpmap:".Length..].Split(' ', 2))
                .Where(static map =>
                    map.Length == 2
                    && map[1].StartsWith($"telephone-event/{G711.Rate}", StringComparison.OrdinalIgnoreCase)
                )
                .Select(static map => byte.TryParse(map[0], NumberStyles.None, null, out var type) ? type : (byte?)null)
                .FirstOrDefault(static type => type is >= 96 and <= 127);

        private string? Find(string start) =>
            Lines.Find(line => line.StartsWith(start, StringComparison.Ordinal))?[start.Length..];
    }
}
