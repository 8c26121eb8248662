using System.Buffers;
using System.Text.Json;
using System.Text.Unicode;

namespace Pollard.Agent.Backends.OpenAi;

/// <summary>Members of an answer that we do not read, kept as they last came; unchanged ones cost no allocation.</summary>
internal sealed class ExtraMembers
{
    private const int Most = 32;
    private const int MostBytes = 192 * 1024; // They go into one frame. Ollama's context has some six bytes a token.

    private readonly List<(byte[] Name, byte[] Value)> _members = [];
    private int _bytes;

    /// <summary>Keeps one member; null and what is too large are left out.</summary>
    public void Set(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        if (value.SequenceEqual("null"u8))
        {
            return;
        }

        for (var i = 0; i < _members.Count; i++)
        {
            if (!name.SequenceEqual(_members[i].Name))
            {
                continue;
            }

            var more = value.Length - _members[i].Value.Length;
            if (_bytes + more <= MostBytes && !value.SequenceEqual(_members[i].Value))
            {
                _members[i] = (_members[i].Name, value.ToArray());
                _bytes += more;
            }

            return;
        }

        if (_members.Count < Most && _bytes + name.Length + value.Length <= MostBytes)
        {
            _members.Add((name.ToArray(), value.ToArray()));
            _bytes += name.Length + value.Length;
        }
    }

    /// <summary>The members as one object; null when there are none.</summary>
    public JsonElement? ToJson()
    {
        if (_members.Count == 0)
        {
            return null;
        }

        ArrayBufferWriter<byte> bytes = new();
        foreach (var (name, value) in _members)
        {
            bytes.Write(bytes.WrittenCount == 0 ? "{\""u8 : ",\""u8);
            bytes.Write(name); // Still escaped as it came.
            bytes.Write("\":"u8);
            bytes.Write(value);
        }

        bytes.Write("}"u8);
        return Parse(bytes.WrittenMemory);
    }

    /// <summary>
    /// Reads JSON that a reader has accepted before. Null when it holds text that nobody could write again (half a
    /// surrogate pair, bytes that are no UTF-8), which a reader lets pass.
    /// </summary>
    public static JsonElement? Parse(ReadOnlyMemory<byte> json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            using Utf8JsonWriter probe = new(new ArrayBufferWriter<byte>());
            document.RootElement.WriteTo(probe); // Throws for half a pair.
            return Utf8.IsValid(json.Span) ? document.RootElement.Clone() : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or ArgumentException)
        {
            return null;
        }
    }
}
