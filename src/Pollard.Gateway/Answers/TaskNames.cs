using System.Buffers;
using System.Security.Cryptography;

namespace Pollard.Gateway.Answers;

/// <summary>
/// The ids of doors whose clients expect their old servers' form, which is too short, or too particular, to carry an id of ours.
/// A task keeps such a name besides its id.
/// </summary>
internal static class TaskNames
{
    /// <summary>The digits of a short name.</summary>
    public const int Digits = 12;

    private const int UuidCharacters = 36;
    private static readonly SearchValues<char> Hexadecimal = SearchValues.Create("0123456789abcdef");

    /// <summary>As the LLM task server made them: a prefix and 12 hexadecimal digits.</summary>
    public static string Short(string prefix) => prefix + RandomNumberGenerator.GetHexString(Digits, lowercase: true);

    /// <summary>As the Claude proxy made them: a random UUID, version 4.</summary>
    public static string Uuid()
    {
        Span<byte> bytes = stackalloc byte[16];
        RandomNumberGenerator.Fill(bytes);
        bytes[6] = (byte)((bytes[6] & 0x0F) | 0x40);
        bytes[8] = (byte)((bytes[8] & 0x3F) | 0x80);
        return new Guid(bytes, bigEndian: true).ToString("D");
    }

    /// <summary>True for what may be such a name.</summary>
    public static bool IsName(string text) =>
        text.Length == UuidCharacters
            ? Guid.TryParseExact(text, "D", out _)
            : text.LastIndexOf('_') is var at
                && at > 0
                && text.Length - at - 1 == Digits
                && !text.AsSpan(at + 1).ContainsAnyExcept(Hexadecimal);
}
