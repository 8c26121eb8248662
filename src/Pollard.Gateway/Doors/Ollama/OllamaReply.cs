using System.Globalization;
using System.Text.Json;
using Pollard.Tasks;

namespace Pollard.Gateway.Doors.Ollama;

/// <summary>Whether text stands in a message or in <c>response</c>.</summary>
internal enum OllamaForm
{
    /// <summary><c>/api/chat</c>.</summary>
    Chat,

    /// <summary><c>/api/generate</c>.</summary>
    Generate,
}

/// <summary>Writes answers in Ollama's shape.</summary>
internal static class OllamaReply
{
    private const long NanosecondsPerTick = 100;

    /// <summary>Writes an answer that is not streamed.</summary>
    public static void WriteWhole(
        Utf8JsonWriter json,
        OllamaForm form,
        string model,
        TaskRow row,
        ReadOnlyMemory<byte> result
    )
    {
        using var parsed = JsonDocument.Parse(result);
        var answer = parsed.RootElement;
        var choice = answer.GetProperty("choices"u8)[0];
        var text = form == OllamaForm.Chat ? choice.GetProperty("message"u8) : choice;
        var content = Member(text, form == OllamaForm.Chat ? "content"u8 : "text"u8);
        json.WriteStartObject();
        WriteHead(json, model, row.EndedAt ?? row.CreatedAt);
        WriteText(json, form, content, Member(text, "reasoning_content"u8), Member(text, "tool_calls"u8));
        WriteLogProbabilities(json, Member(choice, "logprobs"u8));
        WriteEnd(
            json,
            choice.GetProperty("finish_reason"u8).GetString(),
            row,
            Member(answer, "usage"u8),
            Member(answer, "ollama"u8),
            null
        );
        WriteContext(json, Member(answer, "context"u8));
        json.WriteEndObject();
    }

    /// <summary>Writes the members that every object begins with.</summary>
    public static void WriteHead(Utf8JsonWriter json, string model, DateTimeOffset at)
    {
        json.WriteString("model"u8, model);
        json.WriteString(
            "created_at"u8,
            at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'", CultureInfo.InvariantCulture)
        );
    }

    /// <summary>Writes text, thinking and tool calls, where there are any.</summary>
    public static void WriteText(
        Utf8JsonWriter json,
        OllamaForm form,
        JsonElement content,
        JsonElement thinking,
        JsonElement calls = default
    )
    {
        var text = content.ValueKind == JsonValueKind.String ? content.GetString() : "";
        if (form == OllamaForm.Generate)
        {
            json.WriteString("response"u8, text);
            WriteIfText(json, "thinking"u8, thinking);
            return;
        }

        json.WriteStartObject("message"u8);
        json.WriteString("role"u8, "assistant"u8);
        json.WriteString("content"u8, text);
        WriteIfText(json, "thinking"u8, thinking);
        if (calls.ValueKind == JsonValueKind.Array)
        {
            WriteCalls(json, calls);
        }

        json.WriteEndObject();
    }

    /// <summary>Writes log-probabilities of OpenAI's shape in Ollama's.</summary>
    public static void WriteLogProbabilities(Utf8JsonWriter json, JsonElement logprobs)
    {
        if (
            logprobs.ValueKind == JsonValueKind.Object
            && Member(logprobs, "content"u8) is { ValueKind: JsonValueKind.Array } list
        )
        {
            json.WritePropertyName("logprobs"u8);
            list.WriteTo(json);
        }
    }

    /// <summary>Writes the members of the end: why, how long in nanoseconds, how many tokens. What the backend does not tell is what we saw.</summary>
    public static void WriteEnd(
        Utf8JsonWriter json,
        string? reason,
        TaskRow row,
        JsonElement usage,
        JsonElement timings,
        long? firstOutput
    )
    {
        var started = row.StartedAt ?? row.CreatedAt;
        var ended = row.EndedAt ?? started;
        var first = firstOutput is { } at ? DateTimeOffset.FromUnixTimeMilliseconds(at) : started;
        json.WriteBoolean("done"u8, true);
        json.WriteString("done_reason"u8, reason is "length" ? "length" : "stop");
        WriteTime(json, "total_duration"u8, timings, ended - row.CreatedAt);
        WriteTime(json, "load_duration"u8, timings, TimeSpan.Zero);
        json.WriteNumber("prompt_eval_count"u8, NumberOf(usage, "prompt_tokens"u8));
        WriteTime(json, "prompt_eval_duration"u8, timings, first - started);
        json.WriteNumber("eval_count"u8, NumberOf(usage, "completion_tokens"u8));
        WriteTime(json, "eval_duration"u8, timings, ended - first);
    }

    /// <summary>Writes what a client may send with its next prompt to go on from here, where the backend gave it.</summary>
    public static void WriteContext(Utf8JsonWriter json, JsonElement context)
    {
        if (context.ValueKind == JsonValueKind.Array)
        {
            json.WritePropertyName("context"u8);
            context.WriteTo(json);
        }
    }

    /// <summary>Writes the member <c>tool_calls</c>; Ollama's arguments are an object.</summary>
    public static void WriteCalls(Utf8JsonWriter json, JsonElement calls)
    {
        json.WriteStartArray("tool_calls"u8);
        foreach (var call in calls.EnumerateArray())
        {
            var function = call.GetProperty("function"u8);
            json.WriteStartObject();
            json.WriteStartObject("function"u8);
            json.WriteString("name"u8, function.GetProperty("name"u8).GetString());
            json.WritePropertyName("arguments"u8);
            WriteArguments(json, function.GetProperty("arguments"u8).GetString() ?? "");
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    /// <summary>The vectors of an OpenAI embeddings answer.</summary>
    public static IEnumerable<JsonElement> VectorsOf(JsonElement answer) =>
        Member(answer, "data"u8) is { ValueKind: JsonValueKind.Array } data
            ? data.EnumerateArray()
                .Select(item => Member(item, "embedding"u8))
                .Where(item => item.ValueKind == JsonValueKind.Array)
            : [];

    /// <summary>A count of tokens in an answer's usage.</summary>
    public static long TokensOf(JsonElement answer, ReadOnlySpan<byte> name) =>
        NumberOf(Member(answer, "usage"u8), name);

    /// <summary>A duration as Ollama counts them.</summary>
    public static long Nanoseconds(TimeSpan? duration) =>
        Math.Max(0, duration.GetValueOrDefault().Ticks) * NanosecondsPerTick;

    private static void WriteArguments(Utf8JsonWriter json, string arguments)
    {
        try
        {
            JsonElement.Parse(arguments.Length == 0 ? "{}" : arguments).WriteTo(json);
        }
        catch (JsonException)
        {
            json.WriteStringValue(arguments); // Not what the model should have said, but what it said.
        }
    }

    private static void WriteIfText(Utf8JsonWriter json, ReadOnlySpan<byte> name, JsonElement text)
    {
        if (text.ValueKind == JsonValueKind.String)
        {
            json.WriteString(name, text.GetString());
        }
    }

    private static void WriteTime(Utf8JsonWriter json, ReadOnlySpan<byte> name, JsonElement timings, TimeSpan seen)
    {
        var told = NumberOf(timings, name);
        json.WriteNumber(name, told > 0 ? told : Nanoseconds(seen));
    }

    private static long NumberOf(JsonElement parent, ReadOnlySpan<byte> name) =>
        Member(parent, name) is { ValueKind: JsonValueKind.Number } number && number.TryGetInt64(out var value)
            ? value
            : 0;

    private static JsonElement Member(JsonElement parent, ReadOnlySpan<byte> name) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(name, out var value) ? value : default;
}
