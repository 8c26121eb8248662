using System.Text.Json;

namespace Pollard.Gateway.Doors.Ollama;

/// <summary>Says in OpenAI's words what a request says in Ollama's, so that backends that only know the former do it too.</summary>
internal static class OllamaOptions
{
    private static readonly (string Ollamas, string OpenAIs)[] Names =
    [
        ("temperature", "temperature"),
        ("top_p", "top_p"),
        ("seed", "seed"),
        ("stop", "stop"),
        ("frequency_penalty", "frequency_penalty"),
        ("presence_penalty", "presence_penalty"),
    ];

    /// <summary>Writes the options that both have.</summary>
    public static void Write(Utf8JsonWriter json, JsonElement request)
    {
        if (!request.TryGetProperty("options"u8, out var options) || options.ValueKind != JsonValueKind.Object)
        {
            return;
        }

        foreach (var (ollamas, openAIs) in Names)
        {
            if (options.TryGetProperty(ollamas, out var value) && value.ValueKind != JsonValueKind.Null)
            {
                json.WritePropertyName(openAIs);
                value.WriteTo(json);
            }
        }

        var hasBound =
            options.TryGetProperty("num_predict"u8, out var bound)
            && bound.ValueKind == JsonValueKind.Number
            && bound.TryGetInt32(out var tokens)
            && tokens > 0; // -1 means no bound, which OpenAI says by silence.
        if (hasBound)
        {
            json.WriteNumber("max_tokens"u8, bound.GetInt32());
        }
    }

    /// <summary>Writes the form of the answer: any JSON, or that of a schema.</summary>
    public static void WriteFormat(Utf8JsonWriter json, JsonElement request)
    {
        if (!request.TryGetProperty("format"u8, out var format))
        {
            return;
        }

        if (format.ValueKind == JsonValueKind.String && format.ValueEquals("json"u8))
        {
            json.WriteStartObject("response_format"u8);
            json.WriteString("type"u8, "json_object"u8);
            json.WriteEndObject();
        }
        else if (format.ValueKind == JsonValueKind.Object)
        {
            json.WriteStartObject("response_format"u8);
            json.WriteString("type"u8, "json_schema"u8);
            json.WriteStartObject("json_schema"u8);
            json.WriteString("name"u8, "answer"u8);
            json.WritePropertyName("schema"u8);
            format.WriteTo(json);
            json.WriteEndObject();
            json.WriteEndObject();
        }
    }

    /// <summary>Writes how much to think, where OpenAI has a word for it.</summary>
    public static void WriteThink(Utf8JsonWriter json, JsonElement request)
    {
        if (
            request.TryGetProperty("think"u8, out var think)
            && think.ValueKind == JsonValueKind.String
            && think.GetString() is ("low" or "medium" or "high") and var effort
        )
        {
            json.WriteString("reasoning_effort"u8, effort);
        }
    }
}
