using System.Text.Json;
using Pollard.Protocol.Dialects;

namespace Pollard.Gateway.Hosts.Andy;

/// <summary>
/// The member <c>params</c> of a piece of work. Hosts put it over their own call as it is, so it must fit that call to the letter:
/// Ollama's below <c>/api/andy</c>, that of OpenAI's own library below <c>/api</c>.
/// </summary>
internal static class AndyParams
{
    private const string Options = "options.";

    // OpenAI's library takes no members but its own; and the first four are set by the host.
    private static readonly HashSet<string> NotForTheLibrary = new(StringComparer.Ordinal)
    {
        "model",
        "messages",
        "stream",
        "stream_options",
        "top_k",
        "min_p",
        "repetition_penalty",
    };

    /// <summary>Writes them for a call of Ollama's <c>/api/chat</c>.</summary>
    public static void WriteOllama(Utf8JsonWriter json, JsonElement request)
    {
        json.WriteStartObject("params"u8);
        json.WriteBoolean("stream"u8, false); // Ollama streams by default, and these hosts read one object.
        json.WriteStartObject("options"u8);
        foreach (var (name, value) in OptionsOf(request))
        {
            json.WritePropertyName(name);
            if (name == "stop" && value.ValueKind == JsonValueKind.String)
            {
                json.WriteStartArray(); // Ollama takes a list only.
                value.WriteTo(json);
                json.WriteEndArray();
            }
            else
            {
                value.WriteTo(json);
            }
        }

        json.WriteEndObject();
        WriteFormat(json, request);
        if (request.Text("tool_choice") != "none" && request.Items("tools").Any())
        {
            json.WritePropertyName("tools"u8);
            request.Member("tools")!.Value.WriteTo(json);
        }

        json.WriteEndObject();
    }

    /// <summary>Writes them for a call of OpenAI's library.</summary>
    public static void WriteOpenAI(Utf8JsonWriter json, JsonElement request)
    {
        json.WriteStartObject("params"u8);
        foreach (var rule in RequestRules.FromOpenAI("chat").All)
        {
            if (
                rule.Fate != MemberFate.Ignored
                && !NotForTheLibrary.Contains(rule.Name)
                && request.Member(rule.Name) is { } value
            )
            {
                json.WritePropertyName(rule.Name);
                value.WriteTo(json);
            }
        }

        json.WriteEndObject();
    }

    /// <summary>What a client said in OpenAI's words, then in Ollama's own; how the machine runs the model is not a client's to say.</summary>
    private static Dictionary<string, JsonElement> OptionsOf(JsonElement request)
    {
        var options = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (var rule in RequestRules.FromOpenAI("chat").All)
        {
            if (
                rule.Other is { } other
                && other.StartsWith(Options, StringComparison.Ordinal)
                && request.Member(rule.Name) is { } value
                && rule.Allows(value)
            )
            {
                options[other[Options.Length..]] = value;
            }
        }

        var own = (request.Object("ollama") ?? default).Object("options") ?? default;
        foreach (var option in own.ValueKind == JsonValueKind.Object ? own.EnumerateObject() : default)
        {
            if (RequestRules.FromOllama("chat").Find(Options + option.Name) is { Fate: not MemberFate.Ignored })
            {
                options[option.Name] = option.Value;
            }
        }

        return options;
    }

    private static void WriteFormat(Utf8JsonWriter json, JsonElement request)
    {
        var format = request.Object("response_format") ?? default;
        switch (format.Text("type"))
        {
            case "json_object":
                json.WriteString("format"u8, "json"u8);
                break;
            case "json_schema" when (format.Object("json_schema") ?? default).Member("schema") is { } schema:
                json.WritePropertyName("format"u8);
                schema.WriteTo(json);
                break;
        }
    }
}
