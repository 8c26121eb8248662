using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Pollard.Protocol.HostLink;

/// <summary>Reads the JSON of control frames; what is wrong with it is the other end's fault and is said as such.</summary>
public static class LinkJson
{
    /// <summary>Reads one message.</summary>
    /// <exception cref="LinkException">It is not JSON, or not that message.</exception>
    public static T Read<T>(ReadOnlySpan<byte> utf8, JsonTypeInfo<T> shape)
        where T : class
    {
        (long? Line, long? Byte) wrong;
        try
        {
            return JsonSerializer.Deserialize(utf8, shape) ?? throw new LinkException($"{typeof(T).Name} is null");
        }
        catch (JsonException e)
        {
            wrong = (e.LineNumber + 1, e.BytePositionInLine);
        }

        // Nothing of that exception but the place: it quotes what was sent, which may be a prompt.
        throw new LinkException(
            $"{typeof(T).Name} cannot be read: it is no JSON, or not of its shape, at line {wrong.Line}, byte {wrong.Byte}"
        );
    }

    /// <summary>Reads one message.</summary>
    /// <exception cref="LinkException">It is not JSON, or not that message.</exception>
    public static T Read<T>(in ReadOnlySequence<byte> utf8, JsonTypeInfo<T> shape)
        where T : class => utf8.IsSingleSegment ? Read(utf8.FirstSpan, shape) : Read(utf8.ToArray(), shape);
}
