using System.Text.Json;
using Pollard.Agent.Backends.Http;
using Pollard.Protocol.Dialects;

namespace Pollard.Agent.Backends.Ollama;

/// <summary>Translates the sampling parameters of OpenAI's API to Ollama's <c>options</c>; the client's own options win.</summary>
internal static class OllamaOptions
{
    /// <summary>Writes <c>options</c>, if there are any.</summary>
    public static void Write(Utf8JsonWriter json, JsonElement request, RequestRules rules)
    {
        const string Place = "options.";
        Dictionary<string, JsonElement> options = new(StringComparer.Ordinal);
        foreach (var rule in rules.All)
        {
            if (
                rule.Other is { } other
                && other.StartsWith(Place, StringComparison.Ordinal)
                && request.Member(rule.Name) is { } value
            )
            {
                options[other[Place.Length..]] = value;
            }
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
