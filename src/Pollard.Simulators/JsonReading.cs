using System.Text;
using System.Text.Json;

namespace Pollard.Simulators;

/// <summary>Reads what a request may or may not contain.</summary>
internal static class JsonReading
{
    public static JsonElement? Member(this JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object
        && json.TryGetProperty(name, out var value)
        && value.ValueKind is not (JsonValueKind.Null or JsonValueKind.Undefined)
            ? value
            : null;

    public static string? Text(this JsonElement json, string name) =>
        json.Member(name) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;

    public static long? Integer(this JsonElement json, string name) =>
        json.Member(name) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt64(out var number)
            ? number
            : null;

    public static bool Is(this JsonElement json, string name, bool otherwise = false) =>
        json.Member(name)?.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => otherwise,
        };

    public static IEnumerable<JsonElement> Items(this JsonElement json, string name) =>
        json.Member(name) is { ValueKind: JsonValueKind.Array } value ? value.EnumerateArray() : [];

    /// <summary>A string, or the strings of an array.</summary>
    public static IReadOnlyList<string> Strings(this JsonElement json, string name) =>
        json.Member(name) switch
        {
            { ValueKind: JsonValueKind.String } one => [one.GetString()!],
            { ValueKind: JsonValueKind.Array } many =>
            [
                .. many.EnumerateArray()
                    .Where(item => item.ValueKind == JsonValueKind.String)
                    .Select(item => item.GetString()!),
            ],
            _ => [],
        };

    /// <summary>The text of a message: a string, or the text of its parts. Other parts count by what they are.</summary>
    public static string MessageText(this JsonElement message)
    {
        if (message.Member("content") is not { ValueKind: JsonValueKind.Array } parts)
        {
            return message.Text("content") ?? "";
        }

        StringBuilder text = new();
        foreach (var part in parts.EnumerateArray())
        {
            text.Append(part.Text("text") ?? part.GetRawText());
        }

        return text.ToString();
    }

    /// <summary>The tools of a chat request, which look the same in both APIs.</summary>
    public static IReadOnlyList<(string Name, JsonElement Parameters)> Tools(this JsonElement request)
    {
        List<(string, JsonElement)> tools = [];
        foreach (var tool in request.Items("tools"))
        {
            if (tool.Member("function") is { } function && function.Text("name") is { } name)
            {
                tools.Add((name, function.Member("parameters") ?? default));
            }
        }

        return tools;
    }

    /// <summary>What a chat request says, without its settings.</summary>
    public static (string Prompt, string LastUser, string Prefill) Conversation(this JsonElement request)
    {
        StringBuilder prompt = new();
        var (lastUser, prefill) = ("", "");
        var messages = request.Items("messages").ToList();
        for (var i = 0; i < messages.Count; i++)
        {
            var role = messages[i].Text("role") ?? "user";
            var text = messages[i].MessageText();
            if (role == "assistant" && i == messages.Count - 1 && text.Length > 0)
            {
                prefill = text;
                break;
            }

            // After a tool has answered, the model answers the user and calls no tool again.
            lastUser = role switch
            {
                "user" => text,
                "tool" => "",
                _ => lastUser,
            };
            prompt.Append(role).Append(": ").Append(text).Append('\n');
            foreach (var image in messages[i].Strings("images"))
            {
                prompt.Append(image);
            }
        }

        return (prompt.ToString(), lastUser, prefill);
    }
}
