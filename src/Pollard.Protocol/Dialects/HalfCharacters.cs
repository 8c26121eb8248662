using System.Text;
using System.Text.RegularExpressions;

namespace Pollard.Protocol.Dialects;

/// <summary>
/// Halves of characters in JSON, which Python writes where text was cut within one: an escaped surrogate without its other half.
/// .NET reads such JSON and then refuses to hand out the text.
/// </summary>
public static partial class HalfCharacters
{
    // A whole pair, a half of one, or any other escape, which is passed over as a whole: a backslash may be escaped itself.
    [GeneratedRegex(
        @"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.",
        RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture
    )]
    private static partial Regex Escapes { get; }

    /// <summary>The JSON with U+FFFD in their places, and for bytes that are no UTF-8: the rest of it is good.</summary>
    /// <param name="json">The JSON, in UTF-8.</param>
    public static string Replace(ReadOnlySpan<byte> json) => Escapes.Replace(Encoding.UTF8.GetString(json), Mend);

    private static string Mend(Match escape) => escape.Groups["half"].Success ? @"\ufffd" : escape.Value;
}
