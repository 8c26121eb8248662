using System.Text.Json;
using Pollard.Tasks;

namespace Pollard.Gateway.Validation;

/// <summary>What a client first asked.</summary>
internal static class FirstRequest
{
    /// <summary>In the client's own words for it, or the last message of its user, or its prompt; empty where there is none.</summary>
    public static string PromptOf(TaskRow row, ReadOnlyMemory<byte> request)
    {
        if (row.Validation?.OriginalPrompt is { } said)
        {
            return said;
        }

        if (Parse(request) is not { ValueKind: JsonValueKind.Object } json)
        {
            return "";
        }

        if (json.TryGetProperty("messages"u8, out var messages) && messages.ValueKind == JsonValueKind.Array)
        {
            var last = messages.EnumerateArray().LastOrDefault(IsOfUser);
            return last.ValueKind == JsonValueKind.Object && last.TryGetProperty("content"u8, out var content)
                ? TextOf(content)
                : "";
        }

        return json.TryGetProperty("prompt"u8, out var prompt) ? TextOf(prompt) : "";
    }

    /// <summary>A request that may be no JSON, as those of kinds that the gateway does not know.</summary>
    public static JsonElement? Parse(ReadOnlyMemory<byte> request)
    {
        try
        {
            return JsonElement.Parse(request.Span);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Writes a message of a chat.</summary>
    public static void WriteMessage(Utf8JsonWriter json, string role, string content)
    {
        json.WriteStartObject();
        json.WriteString("role"u8, role);
        json.WriteString("content"u8, content);
        json.WriteEndObject();
    }

    private static bool IsOfUser(JsonElement message) =>
        message.ValueKind == JsonValueKind.Object
        && message.TryGetProperty("role"u8, out var role)
        && role.ValueKind == JsonValueKind.String
        && role.ValueEquals("user"u8);

    /// <summary>A text, or the texts among the parts of a message.</summary>
    private static string TextOf(JsonElement content) =>
        content.ValueKind switch
        {
            JsonValueKind.String => content.GetString()!,
            JsonValueKind.Array => string.Join(
                '\n',
                content.EnumerateArray().Select(TextOf).Where(text => text.Length > 0)
            ),
            JsonValueKind.Object when content.TryGetProperty("text"u8, out var text) => TextOf(text),
            _ => "",
        };
}
