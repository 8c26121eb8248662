using System.Globalization;
using System.Text.Json;
using Pollard.Agent.Backends.Http;
using Pollard.Agent.Backends.Ollama;

namespace Pollard.Agent.Sources.Andy;

/// <summary>
/// The messages of a chat as Andy servers write them, in OpenAI's words: images stand beside the text in Ollama's, calls of tools
/// have arguments that are objects and no ids, and the earliest clients by WebSocket got one text.
/// </summary>
internal static class AndyMessages
{
    // How base64 of each kind of picture begins.
    private static readonly (string Start, string Type)[] Pictures =
    [
        ("iVBORw0KGgo", "image/png"),
        ("R0lGOD", "image/gif"),
        ("UklGR", "image/webp"),
        ("/9j/", "image/jpeg"),
    ];

    /// <summary>Writes <c>messages</c>.</summary>
    /// <exception cref="BackendException">There is nothing to write.</exception>
    public static void Write(Utf8JsonWriter json, JsonElement item)
    {
        var messages = item.Items("messages").ToList();
        var image = item.Text("image_base64") is { Length: > 0 } data ? data : null;
        var prompt = item.Text("prompt");
        if (messages.Count == 0 && prompt is null)
        {
            throw OllamaRequest.Missing("messages");
        }

        var calls = new Calls();
        json.WriteStartArray("messages");
        if (messages.Count == 0)
        {
            json.WriteStartObject();
            json.WriteString("role", "user");
            WriteContent(json, prompt!, image is null ? [] : [image]);
            json.WriteEndObject();
        }

        for (var i = 0; i < messages.Count; i++)
        {
            WriteMessage(json, messages[i], calls, i == messages.Count - 1 ? image : null);
        }

        json.WriteEndArray();
    }

    private static void WriteMessage(Utf8JsonWriter json, JsonElement message, Calls calls, string? image)
    {
        var role = message.Text("role") ?? throw OllamaRequest.Missing("messages[].role");
        json.WriteStartObject();
        json.WriteString("role", role);
        List<string> images =
        [
            .. message
                .Items("images")
                .Where(one => one.ValueKind == JsonValueKind.String)
                .Select(one => one.GetString()!),
        ];
        if (image is not null)
        {
            images.Add(image);
        }

        if (message.Member("content") is { ValueKind: JsonValueKind.Array } parts)
        {
            json.WritePropertyName("content");
            parts.WriteTo(json); // OpenAI's own already.
        }
        else
        {
            WriteContent(json, message.Text("content") ?? "", images);
        }

        if (message.Items("tool_calls").Any())
        {
            json.WriteStartArray("tool_calls");
            foreach (var call in message.Items("tool_calls"))
            {
                WriteCall(json, call, calls);
            }

            json.WriteEndArray();
        }

        if (role == "tool")
        {
            json.WriteString("tool_call_id", calls.Answer(message.Text("tool_call_id")));
        }

        if ((message.Text("name") ?? message.Text("tool_name")) is { } name)
        {
            json.WriteString("name", name);
        }

        json.WriteEndObject();
    }

    private static void WriteContent(Utf8JsonWriter json, string text, List<string> images)
    {
        if (images.Count == 0)
        {
            json.WriteString("content", text);
            return;
        }

        json.WriteStartArray("content");
        json.WriteStartObject();
        json.WriteString("type", "text");
        json.WriteString("text", text);
        json.WriteEndObject();
        foreach (var image in images)
        {
            json.WriteStartObject();
            json.WriteString("type", "image_url");
            json.WriteStartObject("image_url");
            json.WriteString("url", image.StartsWith("data:", StringComparison.Ordinal) ? image : AsUrl(image));
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static string AsUrl(string base64)
    {
        var known = Array.Find(Pictures, kind => base64.StartsWith(kind.Start, StringComparison.Ordinal)).Type;
        return $"data:{known ?? "image/jpeg"};base64,{base64}";
    }

    private static void WriteCall(Utf8JsonWriter json, JsonElement call, Calls calls)
    {
        var function = call.Member("function") ?? default;
        json.WriteStartObject();
        json.WriteString("id", calls.Make(call.Text("id")));
        json.WriteString("type", "function");
        json.WriteStartObject("function");
        json.WriteString("name", function.Text("name") ?? "");
        json.WriteString("arguments", function.Text("arguments") ?? function.Member("arguments")?.GetRawText() ?? "{}");
        json.WriteEndObject();
        json.WriteEndObject();
    }

    /// <summary>Gives ids to calls that have none, and to their answers in the same order.</summary>
    private sealed class Calls
    {
        private readonly Queue<string> _open = new();
        private int _count;

        public string Make(string? id)
        {
            id ??= string.Create(CultureInfo.InvariantCulture, $"call_{++_count}");
            _open.Enqueue(id);
            return id;
        }

        public string Answer(string? id) => id ?? (_open.TryDequeue(out var open) ? open : "call_0");
    }
}
