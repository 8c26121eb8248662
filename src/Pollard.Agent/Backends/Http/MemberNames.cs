using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Pollard.Agent.Backends.Http;

/// <summary>
/// The names of a request's members as any server may read them. One may be written with escapes, and servers in Go take no
/// notice of case, nor of two letters whose small forms are ASCII: to them <c>MODE\u004c</c> is <c>model</c>.
/// </summary>
internal static class MemberNames
{
    private static readonly SearchValues<byte> Plain = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789_"u8);

    /// <summary>The name at which the reader stands.</summary>
    /// <exception cref="InvalidOperationException">It is no text: half a character.</exception>
    public static ReadOnlySpan<byte> Fold(in Utf8JsonReader reader) =>
        reader.ValueIsEscaped || reader.ValueSpan.ContainsAnyExcept(Plain)
            ? Encoding.UTF8.GetBytes(Fold(reader.GetString()!))
            : reader.ValueSpan;

    /// <summary>A name that was read already.</summary>
    public static string Fold(string name) => name.ToLowerInvariant().Replace('\u017f', 's').Replace('\u212a', 'k');
}
