using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Pollard.Voice.Stages;

/// <summary>
/// Makes of what a model writes what can be said aloud, as it comes: without what it only thinks, without code, and, in whole pieces,
/// without marks of layout, addresses and pictures.
/// </summary>
internal sealed partial class SpokenText
{
    private static readonly (string Open, string Close)[] Silent = [("<think>", "</think>"), ("```", "```")];
    private readonly StringBuilder _held = new(); // What may be the beginning of a mark.
    private string? _until;

    [GeneratedRegex(
        @"!?\[(?<words>[^\]\n]{0,200})\]\([^)\s]{0,2000}\)",
        RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking
    )]
    private static partial Regex Link { get; }

    [GeneratedRegex(@"(https?://|www\.)[^\s]+", RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex Address { get; }

    [GeneratedRegex(@"^\s*(#{1,6}\s+|[-*+•]\s+|>\s*|\|)", RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex LineMark { get; }

    /// <summary>What of it is to be said; what may yet turn out to be none is held back.</summary>
    public string Add(string text)
    {
        _held.Append(text);
        var said = new StringBuilder();
        while (TryAdvance(said)) { }

        return said.ToString();
    }

    /// <summary>Nothing more comes: the rest.</summary>
    public string End()
    {
        var rest = _until is null ? _held.ToString() : "";
        _held.Clear();
        return rest;
    }

    /// <summary>A piece as it is said; empty where nothing of it can be.</summary>
    public static string Clean(string piece)
    {
        var text = LineMark.Replace(Link.Replace(piece, "${words}"), "");
        text = Address.Replace(text, static address => HostOf(address.Value));
        var clean = new StringBuilder(text.Length);
        var hasWord = false;
        foreach (var rune in text.EnumerateRunes())
        {
            if (rune.Value is '*' or '_' or '`' or '~' or '|' or '#' || !IsSpeakable(rune))
            {
                continue;
            }

            hasWord |= Rune.IsLetterOrDigit(rune);
            clean.Append(Rune.IsWhiteSpace(rune) ? " " : rune.ToString());
        }

        return hasWord ? string.Join(' ', clean.ToString().Split(' ', StringSplitOptions.RemoveEmptyEntries)) : "";
    }

    private static bool IsSpeakable(Rune rune) =>
        Rune.GetUnicodeCategory(rune)
            is not (
                UnicodeCategory.OtherSymbol
                or UnicodeCategory.Control
                or UnicodeCategory.Format
                or UnicodeCategory.PrivateUse
                or UnicodeCategory.OtherNotAssigned
                or UnicodeCategory.EnclosingMark
            )
            && rune.Value is not ((>= 0xFE00 and <= 0xFE0F) or (>= 0x1F000 and <= 0x1FAFF)) // Pictures, and how they are drawn.
        || Rune.IsWhiteSpace(rune);

    private static string HostOf(string address)
    {
        var host = Uri.TryCreate(
            address.StartsWith("www.", StringComparison.Ordinal) ? $"http://{address}" : address,
            UriKind.Absolute,
            out var uri
        )
            ? uri.Host
            : "";
        return host.StartsWith("www.", StringComparison.Ordinal) ? host[4..] : host;
    }

    /// <summary>Takes what is sure. False: more must come.</summary>
    private bool TryAdvance(StringBuilder said)
    {
        var text = _held.ToString();
        if (_until is not null)
        {
            var close = text.IndexOf(_until, StringComparison.Ordinal);
            var isOver = close >= 0;
            _held.Remove(0, isOver ? close + _until.Length : text.Length - KeptOf(text, _until));
            _until = isOver ? null : _until;
            return isOver;
        }

        var first = Silent
            .Select(mark => (At: text.IndexOf(mark.Open, StringComparison.Ordinal), Mark: mark))
            .Where(static one => one.At >= 0)
            .OrderBy(static one => one.At)
            .FirstOrDefault();
        if (first.Mark.Open is not null)
        {
            said.Append(text, 0, first.At);
            _held.Remove(0, first.At + first.Mark.Open.Length);
            _until = first.Mark.Close;
            return true;
        }

        var sure = text.Length - Silent.Max(mark => KeptOf(text, mark.Open));
        said.Append(text, 0, sure);
        _held.Remove(0, sure);
        return false;
    }

    /// <summary>How many of the last characters may be the beginning of a mark.</summary>
    private static int KeptOf(string text, string mark)
    {
        for (var length = Math.Min(mark.Length - 1, text.Length); length > 0; length--)
        {
            if (text.EndsWith(mark[..length], StringComparison.Ordinal))
            {
                return length;
            }
        }

        return 0;
    }
}
