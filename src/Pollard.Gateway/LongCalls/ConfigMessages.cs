using System.Text.Json;
using Pollard.Gateway.Http;

namespace Pollard.Gateway.LongCalls;

/// <summary>The messages of an llm_config: its own, or its one question; with a word on JSON where that is wanted, and images read.</summary>
internal static class ConfigMessages
{
    private const string WantsJson = "Answer with a valid JSON object and nothing else.";

    /// <summary>Writes the list.</summary>
    /// <exception cref="RejectedException">There is neither, or it is no list.</exception>
    public static void Write(Utf8JsonWriter json, JsonElement config, string path, bool wantsJson, ConfigImages? images)
    {
        var question = LlmConfigReader.TextOf(config, path, "question");
        var hasMessages =
            config.TryGetProperty("messages", out var messages) && messages.ValueKind != JsonValueKind.Null;
        if (hasMessages && messages.ValueKind != JsonValueKind.Array)
        {
            throw LlmConfigReader.Bad(path, "messages", "must be a list");
        }

        if (hasMessages && question is not null)
        {
            throw LlmConfigReader.Bad(path, "question", "cannot stand beside \"messages\"; send one of them");
        }

        if (!hasMessages && question is null)
        {
            throw LlmConfigReader.Bad(path, "messages", "is missing", "missing_member");
        }

        json.WriteStartArray();
        var tell = wantsJson && !(hasMessages && messages.EnumerateArray().Any(SaysJson));
        var system = hasMessages ? messages.EnumerateArray().TakeWhile(static it => !IsSystem(it)).Count() : 0;
        if (tell && (!hasMessages || system == messages.GetArrayLength()))
        {
            WriteText(json, "system", WantsJson);
        }

        if (question is not null)
        {
            WriteText(json, "user", question);
        }
        else
        {
            foreach (var (at, message) in messages.EnumerateArray().Index())
            {
                WriteMessage(json, message, tell && at == system, images);
            }
        }

        json.WriteEndArray();
    }

    private static void WriteMessage(Utf8JsonWriter json, JsonElement message, bool tellOfJson, ConfigImages? images)
    {
        if (message.ValueKind != JsonValueKind.Object)
        {
            message.WriteTo(json); // The check of the whole chat says what is wrong with it.
            return;
        }

        json.WriteStartObject();
        foreach (var member in message.EnumerateObject())
        {
            json.WritePropertyName(member.Name);
            if (member.NameEquals("content") && tellOfJson)
            {
                json.WriteStringValue($"{member.Value.GetString()}\n\n{WantsJson}");
            }
            else if (member.NameEquals("content") && images is not null)
            {
                images.Write(json, member.Value);
            }
            else
            {
                member.Value.WriteTo(json);
            }
        }

        json.WriteEndObject();
    }

    private static bool IsSystem(JsonElement message) =>
        message.ValueKind == JsonValueKind.Object
        && message.TryGetProperty("role", out var role)
        && role.ValueKind == JsonValueKind.String
        && role.ValueEquals("system")
        && message.TryGetProperty("content", out var content)
        && content.ValueKind == JsonValueKind.String;

    private static bool SaysJson(JsonElement message) =>
        IsSystem(message)
        && message.GetProperty("content").GetString() is { } text
        && (
            text.Contains("JSON object", StringComparison.OrdinalIgnoreCase)
            || text.Contains("valid JSON", StringComparison.OrdinalIgnoreCase)
        );

    private static void WriteText(Utf8JsonWriter json, string role, string text)
    {
        json.WriteStartObject();
        json.WriteString("role"u8, role);
        json.WriteString("content"u8, text);
        json.WriteEndObject();
    }
}
