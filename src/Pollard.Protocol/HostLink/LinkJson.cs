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
        try
        {
            return JsonSerializer.Deserialize(utf8, shape) ?? throw new LinkException($"{typeof(T).Name} is null");
        }
        catch (JsonException e)
        {
            // Not its message: that quotes what was sent, which may be a prompt.
            throw new LinkException(
                $"{typeof(T).Name} cannot be read: it is no JSON, or not of its shape, at line {e.LineNumber + 1}, byte {e.BytePositionInLine}"
            );
        }
    }

    /// <summary>Reads one message.</summary>
    /// <exception cref="LinkException">It is not JSON, or not that message.</exception>
    public static T Read<T>(in ReadOnlySequence<byte> utf8, JsonTypeInfo<T> shape)
        where T : class => utf8.IsSingleSegment ? Read(utf8.FirstSpan, shape) : Read(utf8.ToArray(), shape);
}
