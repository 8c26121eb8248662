using System.Text.Json;
using Pollard.Protocol.Dialects;

namespace Pollard.Gateway.Doors.Ollama;

/// <summary>Says in OpenAI's words what a request says in Ollama's, so that backends that only know the former do it too.</summary>
internal static class OllamaOptions
{
    /// <summary>Writes the options that both have.</summary>
    public static void Write(Utf8JsonWriter json, JsonElement request, RequestRules rules)
    {
        if (!request.TryGetProperty("options"u8, out var options) || options.ValueKind != JsonValueKind.Object)
        {
            return;
        }

        const string Place = "options.";
        foreach (var rule in rules.All)
        {
            if (
                rule is { Fate: MemberFate.Translated, Other: { } other }
                && rule.Name.StartsWith(Place, StringComparison.Ordinal)
                && options.TryGetProperty(rule.Name.AsSpan(Place.Length), out var value)
                && value.ValueKind != JsonValueKind.Null
                && rule.Allows(value) // Anything else stands among Ollama's own, for the host to judge.
                && !(rule.Name is "options.num_predict" && IsNoBound(value))
            )
            {
                json.WritePropertyName(other);
                value.WriteTo(json);
            }
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

    /// <summary>Writes how much to think.</summary>
    public static void WriteThink(Utf8JsonWriter json, JsonElement request)
    {
        var effort = request.TryGetProperty("think"u8, out var think)
            ? think.ValueKind switch
            {
                JsonValueKind.True => "medium", // What both mean by themselves.
                JsonValueKind.False => "none",
                JsonValueKind.String when think.ValueEquals("max"u8) => "xhigh",
                JsonValueKind.String => think.GetString(),
                _ => null, // For the host to judge.
            }
            : null;
        if (effort is { Length: > 0 })
        {
            json.WriteString("reasoning_effort"u8, effort);
        }
    }

    /// <summary>Writes that a completion tells log-probabilities: by a number alone, where Ollama has a flag and a number.</summary>
    public static void WriteLogProbabilities(Utf8JsonWriter json, JsonElement request)
    {
        if (request.TryGetProperty("logprobs"u8, out var flag) && flag.ValueKind == JsonValueKind.True)
        {
            var most = request.TryGetProperty("top_logprobs"u8, out var top) && top.ValueKind == JsonValueKind.Number;
            json.WriteNumber("logprobs"u8, most && top.TryGetInt32(out var number) ? number : 0);
        }
    }

    /// <summary>Not above zero means no bound, which OpenAI says by silence.</summary>
    private static bool IsNoBound(JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var tokens) && tokens <= 0;
}
