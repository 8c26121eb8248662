using System.Globalization;
using System.Text;

namespace Pollard.Voice.Legs.Sip;

/// <summary>Reads messages. Sizes and counts are bounded; names come out in full, whichever way they were written.</summary>
internal static class SipParser
{
    /// <summary>Bytes of a message's head, with the empty line.</summary>
    public const int MostHeadBytes = 16_384;

    /// <summary>Bytes that a message may carry.</summary>
    public const int MostBodyBytes = 16_384;

    private const int MostLines = 128;
    private const int EndBytes = 4; // Of a head: the ends of its last line and of an empty one.
    private const string Version = "SIP/2.0";
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: false);

    // RFC 3261, 7.3.3 and 20.
    private static readonly Dictionary<string, string> FullNames = new(StringComparer.OrdinalIgnoreCase)
    {
        ["v"] = "Via",
        ["f"] = "From",
        ["t"] = "To",
        ["i"] = "Call-ID",
        ["m"] = "Contact",
        ["l"] = "Content-Length",
        ["c"] = "Content-Type",
        ["e"] = "Content-Encoding",
        ["k"] = "Supported",
        ["s"] = "Subject",
    };

    // Lines of which several may stand in one, behind commas, and of which we must know each.
    private static readonly string[] Lists = ["Via", "Route", "Record-Route", "Contact", "Require"];

    // Those that an answer takes over: however they were written, they are looked for like this.
    private static readonly Dictionary<string, string> UsualNames = new string[]
    {
        "Via",
        "From",
        "To",
        "Call-ID",
        "CSeq",
        "Record-Route",
    }.ToDictionary(static name => name, StringComparer.OrdinalIgnoreCase);

    /// <summary>How many bytes a head has, with the empty line behind it; -1: its end is not here yet.</summary>
    public static int HeadBytesOf(ReadOnlySpan<byte> bytes)
    {
        var end = bytes.IndexOf("\r\n\r\n"u8);
        return end < 0 ? -1 : end + EndBytes;
    }

    /// <summary>Reads a message that came as a whole.</summary>
    /// <param name="bytes">The message; what is behind its body is not looked at.</param>
    /// <param name="message">What could be read of it: enough to answer, where it is a request.</param>
    /// <returns>What is wrong with it; null: nothing.</returns>
    public static string? Read(ReadOnlySpan<byte> bytes, out SipMessage? message)
    {
        message = null;
        var headBytes = HeadBytesOf(bytes);
        if (headBytes is < 0 or > MostHeadBytes)
        {
            return $"its head does not end within {MostHeadBytes} bytes";
        }

        var problem = ReadHead(bytes[..headBytes], out message);
        return message is null ? problem : ReadBody(bytes[headBytes..], message) ?? problem;
    }

    /// <summary>Reads the head of a message, with the empty line behind it.</summary>
    /// <param name="head">The head.</param>
    /// <param name="message">What could be read of it.</param>
    /// <returns>What is wrong with it; null: nothing.</returns>
    public static string? ReadHead(ReadOnlySpan<byte> head, out SipMessage? message)
    {
        var lines = Utf8.GetString(head[..^EndBytes])
            .Replace("\r\n ", " ", StringComparison.Ordinal)
            .Replace("\r\n\t", " ", StringComparison.Ordinal) // A line that was folded goes on behind a blank.
            .Split("\r\n", MostLines + 1);
        message = ReadFirst(lines[0]);
        return message is null ? "its first line is not one of SIP/2.0"
            : lines.Length > MostLines ? $"it has more than {MostLines} lines"
            : ReadLines(lines.AsSpan(1), message);
    }

    /// <summary>Reads what a message carries; without a length, that is all there is.</summary>
    /// <returns>What is wrong with it; null: nothing.</returns>
    public static string? ReadBody(ReadOnlySpan<byte> rest, SipMessage message)
    {
        var bytes = message.Find("Content-Length") is null ? rest.Length : BodyBytesOf(message) ?? -1;
        if (bytes < 0 || bytes > rest.Length || bytes > MostBodyBytes)
        {
            return $"its Content-Length is not what it carries, or above {MostBodyBytes}";
        }

        message.Carry(Utf8.GetString(rest[..bytes]));
        return null;
    }

    /// <summary>How many bytes a message of this head carries; null: it does not say so, or nothing that can be.</summary>
    public static int? BodyBytesOf(SipMessage message) =>
        int.TryParse(message.Find("Content-Length"), NumberStyles.None, CultureInfo.InvariantCulture, out var bytes)
        && bytes <= MostBodyBytes
            ? bytes
            : null;

    private static SipMessage? ReadFirst(string line)
    {
        var words = line.Split(' ', 3);
        if (words.Length < 2 || line.AsSpan().ContainsAnyInRange('\0', '\x1F'))
        {
            return null;
        }

        if (words[0] == Version)
        {
            return
                int.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out var status)
                && status is >= 100 and <= 699
                ? SipMessage.Response(status, words.Length == 3 ? words[2] : "")
                : null;
        }

        return words.Length == 3 && words[2] == Version && words[1].Length > 0 && IsToken(words[0])
            ? SipMessage.Request(words[0], words[1])
            : null;
    }

    private static string? ReadLines(ReadOnlySpan<string> lines, SipMessage message)
    {
        string? problem = null;
        foreach (var line in lines)
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            var name = colon < 0 ? "" : line[..colon].TrimEnd();
            if (!IsToken(name))
            {
                problem ??= "it has a line without a name";
                continue;
            }

            name = FullNames.GetValueOrDefault(name, name);
            name = UsualNames.GetValueOrDefault(name, name);
            var value = line[(colon + 1)..].Trim();
            if (value.AsSpan().ContainsAnyInRange('\0', '\x08') || value.AsSpan().ContainsAnyInRange('\n', '\x1F'))
            {
                problem ??= $"its {name} has characters that cannot be written"; // They would end a line of our answer.
                continue;
            }

            foreach (
                var one in Lists.Contains(name, StringComparer.OrdinalIgnoreCase) ? SipText.Split(value, ',') : [value]
            )
            {
                message.Add(name, one);
            }
        }

        return message.Lines.Count > MostLines ? $"it has more than {MostLines} lines" : problem;
    }

    private static bool IsToken(string text) =>
        text.Length > 0 && !text.AsSpan().ContainsAnyExcept(SipText.TokenCharacters);
}
