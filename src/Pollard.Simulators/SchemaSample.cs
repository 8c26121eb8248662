using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Pollard.Simulators;

/// <summary>Makes up JSON that meets a schema: types, properties, items, enum, const, bounds, and the first of several alternatives.</summary>
internal static class SchemaSample
{
    private const int DeepestLevel = 8; // A schema that names itself would go on for ever.

    /// <summary>JSON that meets the schema.</summary>
    public static string Of(JsonElement schema, ref Draw draw)
    {
        ArrayBufferWriter<byte> bytes = new();
        using (Utf8JsonWriter json = new(bytes))
        {
            Write(json, schema, ref draw, 0);
        }

        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }

    /// <summary>A JSON object of no particular shape.</summary>
    public static string Free(ref Draw draw)
    {
        ArrayBufferWriter<byte> bytes = new();
        using (Utf8JsonWriter json = new(bytes))
        {
            json.WriteStartObject();
            json.WriteBoolean("simulator", true);
            json.WriteString("text", TextGenerator.Phrase(ref draw));
            json.WriteNumber("number", draw.Next(100));
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }

    private static void Write(Utf8JsonWriter json, JsonElement schema, ref Draw draw, int level)
    {
        if (schema.ValueKind != JsonValueKind.Object || level > DeepestLevel)
        {
            json.WriteNullValue();
            return;
        }

        if (schema.TryGetProperty("const", out var only))
        {
            only.WriteTo(json);
            return;
        }

        if (schema.TryGetProperty("enum", out var values) && values.GetArrayLength() > 0)
        {
            values[draw.Next(values.GetArrayLength())].WriteTo(json);
            return;
        }

        foreach (var word in (ReadOnlySpan<string>)["anyOf", "oneOf", "allOf"])
        {
            if (schema.TryGetProperty(word, out var several) && several.GetArrayLength() > 0)
            {
                Write(json, several[0], ref draw, level + 1);
                return;
            }
        }

        WriteTyped(json, schema, ref draw, level);
    }

    private static void WriteTyped(Utf8JsonWriter json, JsonElement schema, ref Draw draw, int level)
    {
        switch (TypeOf(schema))
        {
            case "object":
                WriteObject(json, schema, ref draw, level);
                break;
            case "array":
                WriteArray(json, schema, ref draw, level);
                break;
            case "integer":
            case "number":
                json.WriteNumberValue(Number(schema, ref draw));
                break;
            case "boolean":
                json.WriteBooleanValue(draw.Next(2) == 0);
                break;
            case "null":
                json.WriteNullValue();
                break;
            default:
                json.WriteStringValue(Phrase(schema, ref draw));
                break;
        }
    }

    private static string? TypeOf(JsonElement schema)
    {
        if (!schema.TryGetProperty("type", out var type))
        {
            return schema.TryGetProperty("properties", out _) ? "object" : "string";
        }

        return type.ValueKind == JsonValueKind.Array && type.GetArrayLength() > 0
            ? type[0].GetString()
            : type.GetString();
    }

    private static void WriteObject(Utf8JsonWriter json, JsonElement schema, ref Draw draw, int level)
    {
        json.WriteStartObject();
        if (schema.TryGetProperty("properties", out var properties))
        {
            foreach (var property in properties.EnumerateObject())
            {
                json.WritePropertyName(property.Name);
                Write(json, property.Value, ref draw, level + 1);
            }
        }

        json.WriteEndObject();
    }

    private static void WriteArray(Utf8JsonWriter json, JsonElement schema, ref Draw draw, int level)
    {
        var count = Math.Max(1 + draw.Next(2), Integer(schema, "minItems") ?? 0);
        count = Math.Min(count, Integer(schema, "maxItems") ?? count);
        json.WriteStartArray();
        for (var i = 0; i < count && schema.TryGetProperty("items", out var items); i++)
        {
            Write(json, items, ref draw, level + 1);
        }

        json.WriteEndArray();
    }

    private static long Number(JsonElement schema, ref Draw draw)
    {
        var least = Integer(schema, "minimum") ?? Integer(schema, "exclusiveMinimum") + 1 ?? 0;
        var most = Integer(schema, "maximum") ?? Integer(schema, "exclusiveMaximum") - 1 ?? least + 100;
        return least + draw.Next(Math.Max(1, most - least + 1));
    }

    private static string Phrase(JsonElement schema, ref Draw draw)
    {
        var phrase = TextGenerator.Phrase(ref draw);
        if (Integer(schema, "minLength") is { } least && phrase.Length < least)
        {
            phrase = phrase.PadRight(least, '.');
        }

        return Integer(schema, "maxLength") is { } most && phrase.Length > most
            ? new string('x', most) // A cut phrase could end in half an emoji.
            : phrase;
    }

    private static int? Integer(JsonElement schema, string name) =>
        schema.TryGetProperty(name, out var value)
        && value.ValueKind == JsonValueKind.Number
        && value.TryGetInt32(out var number)
            ? number
            : null;
}
