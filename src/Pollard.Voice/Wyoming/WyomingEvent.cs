using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Pollard.Voice.Links;

namespace Pollard.Voice.Wyoming;

/// <summary>
/// An event of the Wyoming protocol: a line of JSON, after it more JSON where the line says so, and bytes where it says so. Source:
/// https://github.com/OHF-Voice/wyoming, README.
/// </summary>
/// <param name="Type">What it is.</param>
/// <param name="Data">What it says, an object; undefined where it says nothing.</param>
/// <param name="Payload">Its bytes.</param>
internal readonly record struct WyomingEvent(string Type, JsonElement Data, ReadOnlyMemory<byte> Payload)
{
    /// <summary>Bytes of the line, of the JSON after it, and of the bytes.</summary>
    public const int MostLineBytes = 16 * 1024;

    /// <inheritdoc cref="MostLineBytes"/>
    public const int MostDataBytes = 64 * 1024;

    /// <inheritdoc cref="MostLineBytes"/>
    public const int MostPayloadBytes = 1024 * 1024;

    private const int MostTypeCharacters = 64;

    private static readonly JsonDocumentOptions Shallow = new() { MaxDepth = 8 };

    // Text of any language stays as it is.
    private static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Takes an event from what has come. False: not all of it is there yet.</summary>
    /// <exception cref="FrameException">It is none.</exception>
    public static bool TryRead(ref ReadOnlySequence<byte> input, out WyomingEvent value)
    {
        value = default;
        var reader = new SequenceReader<byte>(input);
        if (!reader.TryReadTo(out ReadOnlySequence<byte> line, (byte)'\n'))
        {
            return input.Length > MostLineBytes ? throw TooLong("a line", input.Length, MostLineBytes) : false;
        }

        if (line.Length > MostLineBytes)
        {
            throw TooLong("a line", line.Length, MostLineBytes);
        }

        using var document = Parse(line);
        var said = document.RootElement;
        var dataBytes = LengthIn(said, "data_length"u8, MostDataBytes);
        var payloadBytes = LengthIn(said, "payload_length"u8, MostPayloadBytes);
        if (reader.Remaining < dataBytes + payloadBytes)
        {
            return false;
        }

        var type = TextIn(said, "type"u8) ?? "";
        if (type.Length is 0 or > MostTypeCharacters)
        {
            throw new FrameException("an event without a type");
        }

        var data = default(JsonElement);
        if (dataBytes > 0)
        {
            using var more = Parse(reader.UnreadSequence.Slice(0, dataBytes));
            data = more.RootElement.Clone();
            reader.Advance(dataBytes);
        }
        else if (said.TryGetProperty("data"u8, out var inline) && inline.ValueKind == JsonValueKind.Object)
        {
            data = inline.Clone();
        }

        value = new WyomingEvent(type, data, reader.UnreadSequence.Slice(0, payloadBytes).ToArray());
        reader.Advance(payloadBytes);
        input = reader.UnreadSequence;
        return true;
    }

    /// <summary>Writes an event.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="type">What it is.</param>
    /// <param name="data">Writes the members of what it says; null: it says nothing.</param>
    /// <param name="payload">Its bytes.</param>
    /// <exception cref="FrameException">They are too many.</exception>
    public static void Write(
        IBufferWriter<byte> output,
        string type,
        Action<Utf8JsonWriter>? data = null,
        ReadOnlySpan<byte> payload = default
    )
    {
        if (payload.Length > MostPayloadBytes)
        {
            throw TooLong("the bytes of an event", payload.Length, MostPayloadBytes);
        }

        ArrayBufferWriter<byte>? said = null;
        if (data is not null)
        {
            said = new ArrayBufferWriter<byte>();
            using var json = new Utf8JsonWriter(said, Plain);
            json.WriteStartObject();
            data(json);
            json.WriteEndObject();
        }

        if (said?.WrittenCount > MostDataBytes)
        {
            throw TooLong("what an event says", said.WrittenCount, MostDataBytes);
        }

        using (var json = new Utf8JsonWriter(output, Plain))
        {
            json.WriteStartObject();
            json.WriteString("type"u8, type);
            if (said is not null)
            {
                json.WriteNumber("data_length"u8, said.WrittenCount);
            }

            if (payload.Length > 0)
            {
                json.WriteNumber("payload_length"u8, payload.Length);
            }

            json.WriteEndObject();
        }

        output.Write("\n"u8);
        if (said is not null)
        {
            output.Write(said.WrittenSpan);
        }

        output.Write(payload);
    }

    /// <summary>A text that it says; null: it does not.</summary>
    public string? Text(ReadOnlySpan<byte> name) => Data.ValueKind == JsonValueKind.Object ? TextIn(Data, name) : null;

    /// <summary>A number that it says; null: it does not, or it is none of 32 bits without a sign.</summary>
    public uint? Number(ReadOnlySpan<byte> name) =>
        Data.ValueKind == JsonValueKind.Object
        && Data.TryGetProperty(name, out var value)
        && value.ValueKind == JsonValueKind.Number
        && value.TryGetUInt32(out var number)
            ? number
            : null;

    private static string? TextIn(JsonElement said, ReadOnlySpan<byte> name)
    {
        try
        {
            return said.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
                ? value.GetString()
                : null;
        }
        catch (InvalidOperationException)
        {
            return null; // Half of a character, or bytes that are none.
        }
    }

    private static JsonDocument Parse(ReadOnlySequence<byte> json)
    {
        try
        {
            var document = JsonDocument.Parse(json, Shallow);
            if (document.RootElement.ValueKind == JsonValueKind.Object)
            {
                return document;
            }

            document.Dispose();
        }
        catch (JsonException)
        {
            // Said below.
        }

        throw new FrameException("what should be an event is no JSON object");
    }

    private static int LengthIn(JsonElement said, ReadOnlySpan<byte> name, int most)
    {
        if (!said.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
        {
            return 0;
        }

        return
            value.ValueKind == JsonValueKind.Number
            && value.TryGetInt32(out var length)
            && length >= 0
            && length <= most
            ? length
            : throw new FrameException($"an event with a length that is none of 0 to {most}");
    }

    private static FrameException TooLong(string what, long bytes, int most) =>
        new($"{what} of {bytes} bytes or more; there are at most {most}");
}
