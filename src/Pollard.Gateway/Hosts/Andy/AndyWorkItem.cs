using System.Buffers;
using System.Text.Json;
using Pollard.Gateway.Http;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Dispatch;

namespace Pollard.Gateway.Hosts.Andy;

/// <summary>How a host reads work: which words its prefix has, and whether the work stands in an object of its own as well.</summary>
/// <param name="Path">What stands before its paths.</param>
/// <param name="SpeaksOpenAI">True for the last generation, which calls OpenAI's library.</param>
internal sealed record AndyPrefix(string Path, bool SpeaksOpenAI)
{
    /// <summary>Both.</summary>
    public static IReadOnlyList<AndyPrefix> All { get; } = [new("/api/andy", false), new("/api", true)];
}

/// <summary>A piece of work as hosts read it.</summary>
internal static class AndyWorkItem
{
    /// <summary>The work in JSON, or why the host cannot do it.</summary>
    /// <param name="work">The work.</param>
    /// <param name="model">What the host said of the model.</param>
    /// <param name="prefix">How it reads.</param>
    /// <param name="isWrapped">True also puts it into <c>work_item</c>, where the later long poll looks for it.</param>
    public static (ReadOnlyMemory<byte> Json, Messages.Fail? Objection) Write(
        AndyWork work,
        ModelInfo? model,
        AndyPrefix prefix,
        bool isWrapped
    )
    {
        using var parsed = JsonDocument.Parse(work.Attempt.Request);
        var request = parsed.RootElement;
        if (Objection(work.Attempt, request, model) is { } objection)
        {
            return (default, objection);
        }

        var output = new ArrayBufferWriter<byte>(work.Attempt.Request.Length + 512);
        JsonReply.Fill(
            output,
            (work, request, prefix, isWrapped),
            static (json, it) =>
            {
                json.WriteStartObject();
                WriteMembers(json, it.work, it.request, it.prefix);
                if (it.isWrapped)
                {
                    json.WriteBoolean("has_work"u8, true);
                    json.WriteStartObject("work_item"u8);
                    WriteMembers(json, it.work, it.request, it.prefix);
                    json.WriteEndObject();
                }

                json.WriteEndObject();
            }
        );
        return (output.WrittenMemory, null);
    }

    /// <summary>Why an Andy host cannot do this; null when it can.</summary>
    public static Messages.Fail? Objection(Attempt attempt, JsonElement request, ModelInfo? model) =>
        attempt.Kind == "embedding" && InputOf(request) is null
            ? Unsupported("hosts of this kind embed one text at a time; send one as \"input\"", "input")
        : model?.Capabilities is { } abilities
        && !abilities.Contains("vision", StringComparer.Ordinal)
        && AndyPrompt.ImagesOf(request).Any()
            ? Unsupported($"model {attempt.Model} has no vision: it takes no image_url", "messages")
        : null;

    /// <summary>The text to embed; null when there is not exactly one.</summary>
    public static string? InputOf(JsonElement request) =>
        request.Text("input")
        ?? (
            request.Items("input").Take(2).ToList() is [{ ValueKind: JsonValueKind.String } only]
                ? only.GetString()
                : null
        );

    private static Messages.Fail Unsupported(string message, string parameter) =>
        new()
        {
            Code = "unsupported",
            Message = message,
            Retryable = true, // Another host may have it.
            Parameter = parameter,
        };

    private static void WriteMembers(Utf8JsonWriter json, AndyWork work, JsonElement request, AndyPrefix prefix)
    {
        var isEmbedding = work.Attempt.Kind == "embedding";
        json.WriteString("work_id"u8, work.Id);
        json.WriteString("model"u8, work.Attempt.Model);
        json.WriteString("task_type"u8, isEmbedding ? "embedding"u8 : "chat"u8);
        json.WriteString("work_type"u8, isEmbedding ? "embedding"u8 : "chat"u8);
        if (isEmbedding)
        {
            json.WriteString("input"u8, InputOf(request));
            json.WriteStartObject("params"u8);
            json.WriteEndObject();
        }
        else if (prefix.SpeaksOpenAI)
        {
            json.WritePropertyName("messages"u8);
            (request.Member("messages") ?? default).WriteTo(json);
            AndyParams.WriteOpenAI(json, request);
        }
        else
        {
            AndyPrompt.WriteMessages(json, request);
            AndyParams.WriteOllama(json, request);
        }
    }
}
