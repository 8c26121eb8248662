using System.Buffers;
using System.Buffers.Binary;
using System.Text.Json;
using Pollard.Gateway.Http;

namespace Pollard.Gateway.Doors.OpenAI;

/// <summary>Vectors as base64 of little-endian floats, which OpenAI's own clients ask for and many backends do not give.</summary>
internal static class EmbeddingEncoding
{
    /// <summary>The result with every vector that is a list of numbers as base64; anything else as it is.</summary>
    public static ReadOnlyMemory<byte> ToBase64(ReadOnlyMemory<byte> result)
    {
        var output = new ArrayBufferWriter<byte>(result.Length);
        using var json = new Utf8JsonWriter(output, JsonReply.WriterOptions);
        var reader = new Utf8JsonReader(result.Span);
        var isVector = false;
        while (reader.Read())
        {
            if (isVector && reader.TokenType == JsonTokenType.StartArray)
            {
                WriteVector(ref reader, json);
            }
            else
            {
                WriteToken(reader, json);
            }

            isVector = reader.TokenType == JsonTokenType.PropertyName && reader.ValueTextEquals("embedding"u8);
        }

        json.Flush();
        return output.WrittenMemory;
    }

    private static void WriteVector(ref Utf8JsonReader reader, Utf8JsonWriter json)
    {
        var bytes = new ArrayBufferWriter<byte>(4096);
        while (reader.Read() && reader.TokenType == JsonTokenType.Number)
        {
            BinaryPrimitives.WriteSingleLittleEndian(bytes.GetSpan(sizeof(float)), reader.GetSingle());
            bytes.Advance(sizeof(float));
        }

        json.WriteBase64StringValue(bytes.WrittenSpan);
    }

    private static void WriteToken(in Utf8JsonReader reader, Utf8JsonWriter json)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject:
                json.WriteStartObject();
                break;
            case JsonTokenType.EndObject:
                json.WriteEndObject();
                break;
            case JsonTokenType.StartArray:
                json.WriteStartArray();
                break;
            case JsonTokenType.EndArray:
                json.WriteEndArray();
                break;
            case JsonTokenType.PropertyName:
                json.WritePropertyName(reader.GetString()!);
                break;
            case JsonTokenType.String:
                json.WriteStringValue(reader.GetString());
                break;
            case JsonTokenType.Number:
                json.WriteRawValue(reader.ValueSpan, skipInputValidation: true);
                break;
            case JsonTokenType.Null:
                json.WriteNullValue();
                break;
            default:
                json.WriteBooleanValue(reader.TokenType == JsonTokenType.True);
                break;
        }
    }
}
