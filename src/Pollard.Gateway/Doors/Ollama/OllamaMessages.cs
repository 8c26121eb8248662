using System.Globalization;
using System.Text.Json;

namespace Pollard.Gateway.Doors.Ollama;

/// <summary>Turns Ollama's messages into OpenAI's: images into parts, tool calls into calls with ids, which Ollama does not have.</summary>
internal static class OllamaMessages
{
    /// <summary>Writes the list. What is no message goes through as it is; the scanner says what is wrong with it.</summary>
    public static void Write(Utf8JsonWriter json, JsonElement messages)
    {
        var calls = new CallIds();
        json.WriteStartArray();
        foreach (var message in messages.EnumerateArray())
        {
            if (message.ValueKind == JsonValueKind.Object)
            {
                WriteMessage(json, message, calls);
            }
            else
            {
                message.WriteTo(json);
            }
        }

        json.WriteEndArray();
    }

    private static void WriteMessage(Utf8JsonWriter json, JsonElement message, CallIds calls)
    {
        json.WriteStartObject();
        var images =
            message.TryGetProperty("images"u8, out var list) && list.ValueKind == JsonValueKind.Array ? list : default;
        foreach (var member in message.EnumerateObject())
        {
            switch (member.Name)
            {
                case "content" when images.ValueKind == JsonValueKind.Array && images.GetArrayLength() > 0:
                case "images" or "tool_name" or "tool_call_id":
                    break;
                case "thinking":
                    json.WritePropertyName("reasoning_content"u8);
                    member.Value.WriteTo(json);
                    break;
                case "tool_calls" when member.Value.ValueKind == JsonValueKind.Array:
                    WriteCalls(json, member.Value, calls);
                    break;
                default:
                    member.WriteTo(json);
                    break;
            }
        }

        if (images.ValueKind == JsonValueKind.Array && images.GetArrayLength() > 0)
        {
            WriteParts(json, message, images);
        }

        if (TextOf(message, "role"u8) == "tool")
        {
            WriteAnswered(json, message, calls);
        }

        json.WriteEndObject();
    }

    private static void WriteParts(Utf8JsonWriter json, JsonElement message, JsonElement images)
    {
        json.WriteStartArray("content"u8);
        if (TextOf(message, "content"u8) is { Length: > 0 } text)
        {
            json.WriteStartObject();
            json.WriteString("type"u8, "text"u8);
            json.WriteString("text"u8, text);
            json.WriteEndObject();
        }

        foreach (var image in images.EnumerateArray())
        {
            if (image.ValueKind == JsonValueKind.String)
            {
                var data = image.GetString()!;
                json.WriteStartObject();
                json.WriteString("type"u8, "image_url"u8);
                json.WriteStartObject("image_url"u8);
                json.WriteString("url"u8, $"data:{TypeOf(data)};base64,{data}");
                json.WriteEndObject();
                json.WriteEndObject();
            }
        }

        json.WriteEndArray();
    }

    private static void WriteCalls(Utf8JsonWriter json, JsonElement list, CallIds calls)
    {
        json.WriteStartArray("tool_calls"u8);
        foreach (var call in list.EnumerateArray())
        {
            if (
                call.ValueKind != JsonValueKind.Object
                || !call.TryGetProperty("function"u8, out var function)
                || function.ValueKind != JsonValueKind.Object
            )
            {
                continue;
            }

            var name = TextOf(function, "name"u8) ?? "";
            json.WriteStartObject();
            json.WriteString("id"u8, calls.Add(name, TextOf(call, "id"u8)));
            json.WriteString("type"u8, "function"u8);
            json.WriteStartObject("function"u8);
            json.WriteString("name"u8, name);
            var arguments = function.TryGetProperty("arguments"u8, out var given) ? given : default;
            json.WriteString(
                "arguments"u8,
                arguments.ValueKind switch
                {
                    JsonValueKind.Undefined => "{}",
                    JsonValueKind.String => arguments.GetString(),
                    _ => arguments.GetRawText(),
                }
            );
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteAnswered(Utf8JsonWriter json, JsonElement message, CallIds calls)
    {
        var name = TextOf(message, "tool_name"u8) ?? TextOf(message, "name"u8);
        json.WriteString("tool_call_id"u8, TextOf(message, "tool_call_id"u8) ?? calls.Answer(name));
        if (name is not null && !message.TryGetProperty("name"u8, out _))
        {
            json.WriteString("name"u8, name);
        }
    }

    private static string? TextOf(JsonElement parent, ReadOnlySpan<byte> name) =>
        parent.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;

    /// <summary>What an image is, by how its base64 begins.</summary>
    private static string TypeOf(string base64) =>
        base64 switch
        {
            ['/', '9', 'j', ..] => "image/jpeg",
            ['R', '0', 'l', 'G', ..] => "image/gif",
            ['U', 'k', 'l', 'G', ..] => "image/webp",
            _ => "image/png",
        };

    /// <summary>Ids for calls that have none: numbered, and answered by name or in order.</summary>
    private sealed class CallIds
    {
        private readonly List<(string Name, string Id)> _open = [];
        private int _made;

        public string Add(string name, string? id)
        {
            id ??= string.Create(CultureInfo.InvariantCulture, $"call_{_made++}");
            _open.Add((name, id));
            return id;
        }

        public string Answer(string? name)
        {
            var at = name is null ? -1 : _open.FindIndex(call => call.Name == name);
            at = at < 0 && _open.Count > 0 ? 0 : at;
            if (at < 0)
            {
                return Add(name ?? "", null); // An answer to nothing: backends say what they think of it.
            }

            var id = _open[at].Id;
            _open.RemoveAt(at);
            return id;
        }
    }
}
