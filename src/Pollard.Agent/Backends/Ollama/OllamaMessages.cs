using System.Text;
using System.Text.Json;
using Pollard.Agent.Backends.Http;

namespace Pollard.Agent.Backends.Ollama;

/// <summary>Translates the messages of a chat: parts to text and images, tool calls to objects.</summary>
internal static class OllamaMessages
{
    /// <summary>Writes <c>messages</c>.</summary>
    /// <exception cref="BackendException">A message is not readable, or has a part that Ollama cannot take.</exception>
    public static void Write(Utf8JsonWriter json, JsonElement request)
    {
        if (request.Member("messages") is not { ValueKind: JsonValueKind.Array } messages)
        {
            throw OllamaRequest.Missing("messages");
        }

        Dictionary<string, string> toolNames = new(StringComparer.Ordinal);
        json.WriteStartArray("messages");
        foreach (var message in messages.EnumerateArray())
        {
            json.WriteStartObject();
            WriteMessage(json, message, toolNames);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteMessage(Utf8JsonWriter json, JsonElement message, Dictionary<string, string> toolNames)
    {
        var role = message.Text("role") ?? throw OllamaRequest.Missing("messages[].role");
        json.WriteString("role", role == "developer" ? "system" : role);
        WriteContent(json, message);
        if ((message.Text("reasoning_content") ?? message.Text("thinking")) is { } thinking)
        {
            json.WriteString("thinking", thinking);
        }

        if (message.Items("tool_calls").Any())
        {
            WriteToolCalls(json, message, toolNames);
        }

        if (message.Text("tool_call_id") is { } id)
        {
            json.WriteString("tool_call_id", id);
            if ((toolNames.GetValueOrDefault(id) ?? message.Text("name")) is { } name)
            {
                json.WriteString("tool_name", name);
            }
        }
        else if (message.Text("tool_name") is { } toolName)
        {
            json.WriteString("tool_name", toolName);
        }
    }

    private static void WriteContent(Utf8JsonWriter json, JsonElement message)
    {
        List<string> images = [.. message.Items("images").Select(image => image.GetString()!)];
        switch (message.Member("content"))
        {
            case null:
                json.WriteString("content", "");
                break;
            case { ValueKind: JsonValueKind.String } text:
                json.WriteString("content", text.GetString());
                break;
            case { ValueKind: JsonValueKind.Array } parts:
                json.WriteString("content", Join(parts, images));
                break;
            default:
                throw OllamaRequest.Missing("messages[].content");
        }

        if (images.Count > 0)
        {
            json.WriteStartArray("images");
            foreach (var image in images)
            {
                json.WriteStringValue(image);
            }

            json.WriteEndArray();
        }
    }

    private static string Join(JsonElement parts, List<string> images)
    {
        StringBuilder text = new();
        foreach (var part in parts.EnumerateArray())
        {
            switch (part.Text("type"))
            {
                case "text" or "input_text":
                    text.Append(part.Text("text"));
                    break;
                case "refusal":
                    text.Append(part.Text("refusal"));
                    break;
                case "image_url" or "input_image":
                    images.Add(Image(part));
                    break;
                default:
                    throw OllamaLimits.Unsupported("messages[].content[].type");
            }
        }

        return text.ToString();
    }

    /// <summary>The base64 of a <c>data:</c> URL. Nothing is fetched: an agent calls only its configured servers.</summary>
    private static string Image(JsonElement part)
    {
        var url = part.Text("image_url") ?? (part.Member("image_url") ?? default).Text("url") ?? "";
        const string Marker = ";base64,";
        var marker = url.IndexOf(Marker, StringComparison.Ordinal);
        return url.StartsWith("data:", StringComparison.OrdinalIgnoreCase) && marker > 0
            ? url[(marker + Marker.Length)..]
            : throw OllamaLimits.Unsupported("messages[].content[].image_url");
    }

    private static void WriteToolCalls(Utf8JsonWriter json, JsonElement message, Dictionary<string, string> toolNames)
    {
        json.WriteStartArray("tool_calls");
        foreach (var call in message.Items("tool_calls"))
        {
            var function = call.Member("function") ?? default;
            var name = function.Text("name") ?? throw OllamaRequest.Missing("tool_calls[].function.name");
            json.WriteStartObject();
            if (call.Text("id") is { } id)
            {
                json.WriteString("id", id);
                toolNames[id] = name;
            }

            json.WriteStartObject("function");
            json.WriteString("name", name);
            WriteArguments(json, function);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    /// <summary>OpenAI has the arguments as text that is JSON, Ollama as an object.</summary>
    private static void WriteArguments(Utf8JsonWriter json, JsonElement function)
    {
        json.WritePropertyName("arguments");
        if (function.Member("arguments") is { ValueKind: JsonValueKind.Object } ready)
        {
            ready.WriteTo(json);
            return;
        }

        var text = function.Text("arguments");
        try
        {
            using var arguments = JsonDocument.Parse(string.IsNullOrWhiteSpace(text) ? "{}" : text);
            arguments.RootElement.WriteTo(json);
        }
        catch (JsonException e)
        {
            throw new BackendException(
                BackendFailure.BadRequest("the arguments of a tool call among the messages are no JSON"),
                e
            );
        }
    }
}
