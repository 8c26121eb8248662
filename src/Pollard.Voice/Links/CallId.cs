using System.Buffers;
using System.Globalization;
using System.Text;

namespace Pollard.Voice.Links;

/// <summary>
/// What a call is called on the wire: printable ASCII without blanks, quotes and colons, 1 to 200 characters. Existing services take the
/// number of a database's row; some of their tools take names.
/// </summary>
internal readonly record struct CallId
{
    /// <summary>Characters of an id.</summary>
    public const int MostCharacters = 200;

    private static readonly SearchValues<char> Allowed = SearchValues.Create(
        "!#$%&()*+,-./0123456789;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_abcdefghijklmnopqrstuvwxyz{|}~"
    );

    private readonly string? _text;

    private CallId(string text) => _text = text;

    /// <summary>The id's number; null when it is a name.</summary>
    public uint? Number =>
        uint.TryParse(_text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    /// <summary>Reads an id; what is around it (blanks, ends of lines, a zero) is not its own.</summary>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out CallId call) =>
        TryParse(Encoding.Latin1.GetString(bytes).Trim(' ', '\t', '\r', '\n', '\0'), out call);

    /// <summary>Reads an id.</summary>
    public static bool TryParse(string text, out CallId call)
    {
        call = new CallId(text);
        return text.Length is > 0 and <= MostCharacters && !text.AsSpan().ContainsAnyExcept(Allowed);
    }

    /// <summary>An id.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static CallId Parse(string text) =>
        TryParse(text, out var call)
            ? call
            : throw new FormatException($"A call's id is 1 to {MostCharacters} printable characters without blanks.");

    /// <inheritdoc/>
    public override string ToString() => _text ?? "";
}
