using System.Text;
using System.Text.Json;

namespace Pollard.Gateway.Hosts.Andy;

/// <summary>What a request asks, as hosts want it that know no parts of messages: text, and images in base64.</summary>
internal static class AndyPrompt
{
    /// <summary>Writes <c>messages</c> as Ollama reads them.</summary>
    public static void WriteMessages(Utf8JsonWriter json, JsonElement request)
    {
        json.WriteStartArray("messages"u8);
        foreach (var message in request.Items("messages"))
        {
            WriteMessage(json, message);
        }

        json.WriteEndArray();
    }

    /// <summary>The whole conversation as one text, for hosts that take no messages.</summary>
    public static string Flatten(JsonElement request)
    {
        var messages = request.Items("messages").ToList();
        if (messages is [var only])
        {
            return TextOf(only);
        }

        var text = new StringBuilder();
        foreach (var message in messages)
        {
            text.Append(message.Text("role")).Append(": ").Append(TextOf(message)).Append("\n\n");
        }

        return text.Append("assistant:").ToString();
    }

    /// <summary>The images of a request, in base64.</summary>
    public static IEnumerable<string> ImagesOf(JsonElement request) => request.Items("messages").SelectMany(ImagesIn);

    /// <summary>The text of a message.</summary>
    public static string TextOf(JsonElement message) =>
        message.Text("content") ?? string.Concat(message.Items("content").Select(static part => part.Text("text")));

    private static IEnumerable<string> ImagesIn(JsonElement message)
    {
        const string Marker = ";base64,";
        foreach (var part in message.Items("content"))
        {
            var url = (part.Object("image_url") ?? default).Text("url") ?? part.Text("image_url");
            if (url is not null && url.IndexOf(Marker, StringComparison.Ordinal) is > 0 and var at)
            {
                yield return url[(at + Marker.Length)..];
            }
        }
    }

    private static void WriteMessage(Utf8JsonWriter json, JsonElement message)
    {
        json.WriteStartObject();
        var role = message.Text("role");
        json.WriteString("role"u8, role is "developer" ? "system" : role);
        json.WriteString("content"u8, TextOf(message));
        var images = ImagesIn(message).ToList();
        if (images.Count > 0)
        {
            json.WriteStartArray("images"u8);
            images.ForEach(json.WriteStringValue);
            json.WriteEndArray();
        }

        if (message.Items("tool_calls").Any())
        {
            json.WriteStartArray("tool_calls"u8);
            foreach (var call in message.Items("tool_calls"))
            {
                WriteCall(json, call.Object("function") ?? default);
            }

            json.WriteEndArray();
        }

        if ((message.Text("name") ?? message.Text("tool_name")) is { } name && role is "tool")
        {
            json.WriteString("tool_name"u8, name);
        }

        json.WriteEndObject();
    }

    // OpenAI has the arguments as text that is JSON, Ollama as an object.
    private static void WriteCall(Utf8JsonWriter json, JsonElement function)
    {
        json.WriteStartObject();
        json.WriteStartObject("function"u8);
        json.WriteString("name"u8, function.Text("name") ?? "");
        json.WritePropertyName("arguments"u8);
        try
        {
            using var arguments = JsonDocument.Parse(function.Text("arguments") is { Length: > 0 } text ? text : "{}");
            arguments.RootElement.WriteTo(json);
        }
        catch (JsonException)
        {
            json.WriteStartObject();
            json.WriteEndObject();
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }
}
