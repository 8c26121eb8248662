using System.Text.Json;
using Pollard.Agent.Backends.Http;

namespace Pollard.Agent.Backends.Ollama;

/// <summary>Translates the sampling parameters of OpenAI's API to Ollama's <c>options</c>; the client's own options win.</summary>
internal static class OllamaOptions
{
    // The words of both APIs, and extras that compatible servers take at the top level.
    private static readonly (string Theirs, string Ollamas)[] Names =
    [
        ("temperature", "temperature"),
        ("top_p", "top_p"),
        ("top_k", "top_k"),
        ("min_p", "min_p"),
        ("seed", "seed"),
        ("frequency_penalty", "frequency_penalty"),
        ("presence_penalty", "presence_penalty"),
        ("max_tokens", "num_predict"),
        ("max_completion_tokens", "num_predict"),
    ];

    /// <summary>Writes <c>options</c>, if there are any.</summary>
    public static void Write(Utf8JsonWriter json, JsonElement request)
    {
        Dictionary<string, JsonElement> options = new(StringComparer.Ordinal);
        foreach (var (theirs, ollamas) in Names)
        {
            if (request.Member(theirs) is { ValueKind: JsonValueKind.Number } value)
            {
                options[ollamas] = value;
            }
        }

        if (request.Member("stop") is { ValueKind: JsonValueKind.Array or JsonValueKind.String } stop)
        {
            options["stop"] = stop;
        }

        var native = (request.Member("ollama") ?? default).Member("options");
        if (native is { ValueKind: JsonValueKind.Object } own)
        {
            foreach (var option in own.EnumerateObject())
            {
                options[option.Name] = option.Value;
            }
        }

        if (options.Count == 0)
        {
            return;
        }

        json.WriteStartObject("options");
        foreach (var (name, value) in options)
        {
            json.WritePropertyName(name);
            if (name == "stop" && value.ValueKind == JsonValueKind.String)
            {
                json.WriteStartArray();
                value.WriteTo(json);
                json.WriteEndArray();
            }
            else
            {
                value.WriteTo(json);
            }
        }

        json.WriteEndObject();
    }
}
