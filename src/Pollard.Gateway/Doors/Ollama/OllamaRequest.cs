using System.Buffers;
using System.Text.Json;
using Pollard.Gateway.Answers;
using Pollard.Gateway.Http;
using Pollard.Gateway.Requests;
using Pollard.Protocol.Dialects;
using Pollard.Tasks;

namespace Pollard.Gateway.Doors.Ollama;

/// <summary>A request of Ollama's API, turned into the OpenAI shape that hosts get.</summary>
/// <param name="Model">The model, as the client names it.</param>
/// <param name="Stream">True unless the client says no: Ollama streams by default.</param>
/// <param name="Body">The request for the host; what only Ollama knows stands in its member <c>ollama</c>.</param>
/// <param name="LoadReason">Set when there is nothing to answer: <c>load</c> or <c>unload</c>.</param>
/// <param name="Tools">True when the model may call tools of the client.</param>
/// <param name="Continuations">How another host may go on with its answer.</param>
/// <param name="Prefixes">Beginnings of the prompt.</param>
internal readonly record struct OllamaAsk(
    string Model,
    bool Stream,
    ReadOnlyMemory<byte> Body,
    string? LoadReason,
    bool Tools = false,
    Continuations Continuations = Continuations.None,
    PromptPrefixes Prefixes = default
);

/// <summary>Reads requests of Ollama's API. Members that it does not know are ignored, as Ollama does.</summary>
internal static class OllamaRequest
{
    /// <summary>A chat.</summary>
    public static OllamaAsk ReadChat(byte[] body, GatewayOptions options)
    {
        using var parsed = Parse(body);
        var request = parsed.RootElement;
        var messages = Member(request, "messages"u8, JsonValueKind.Array, "a list");
        if (messages is not { } list || list.GetArrayLength() == 0)
        {
            return Load(request);
        }

        var translated = Build(json =>
        {
            json.WritePropertyName("messages"u8);
            OllamaMessages.Write(json, list);
            Copy(json, request, "tools"u8);
            Copy(json, request, "logprobs"u8);
            Copy(json, request, "top_logprobs"u8);
            WriteShared(json, request, RequestRules.FromOllama(Kinds.Chat));
        });
        var facts = RequestScanner.Scan(translated.Span, RequestShape.Chat, options);
        return new OllamaAsk(
            ModelOf(request),
            IsStream(request),
            translated,
            null,
            facts.Tools,
            facts.Continuations,
            facts.Prefixes
        );
    }

    /// <summary>A completion.</summary>
    public static OllamaAsk ReadGenerate(byte[] body)
    {
        using var parsed = Parse(body);
        var request = parsed.RootElement;
        var prompt = Member(request, "prompt"u8, JsonValueKind.String, "a string");
        if (prompt?.GetString() is not { Length: > 0 })
        {
            return Load(request);
        }

        var translated = Build(json =>
        {
            Copy(json, request, "prompt"u8);
            Copy(json, request, "suffix"u8);
            OllamaOptions.WriteLogProbabilities(json, request);
            WriteShared(json, request, RequestRules.FromOllama(Kinds.Completion));
        });
        return new OllamaAsk(ModelOf(request), IsStream(request), translated, null);
    }

    /// <summary>Embeddings of one text or several.</summary>
    /// <param name="body">The request.</param>
    /// <param name="subject">The member that has the text: <c>input</c>, or <c>prompt</c> of the older call.</param>
    public static OllamaAsk ReadEmbedding(byte[] body, string subject)
    {
        using var parsed = Parse(body);
        var request = parsed.RootElement;
        if (
            !request.TryGetProperty(subject, out var input)
            || input.ValueKind is not (JsonValueKind.String or JsonValueKind.Array)
        )
        {
            throw new RejectedException(DoorError.BadRequest($"\"{subject}\" must be a string or a list", subject));
        }

        var translated = Build(json =>
        {
            json.WritePropertyName("input"u8);
            input.WriteTo(json);
            Copy(json, request, "dimensions"u8);
            WriteNative(json, request, RequestRules.FromOllama(Kinds.Embedding));
        });
        return new OllamaAsk(ModelOf(request), Stream: false, translated, null);
    }

    /// <summary>The name of a model that a request about a model has.</summary>
    public static string ReadModel(byte[] body)
    {
        using var parsed = Parse(body);
        return ModelOf(parsed.RootElement);
    }

    private static JsonDocument Parse(byte[] body)
    {
        JsonDocument? parsed = null;
        try
        {
            parsed = JsonDocument.Parse(body);
            if (parsed.RootElement.ValueKind == JsonValueKind.Object && JsonCheck.IsTextReadable(body))
            {
                return parsed;
            }
        }
        catch (JsonException e)
        {
            throw RequestBody.Malformed(e);
        }

        parsed.Dispose();
        throw new RejectedException(
            DoorError.BadRequest("the body is no object, or its text holds half a character; send an object")
        );
    }

    private static string ModelOf(JsonElement request)
    {
        var model =
            Member(request, "model"u8, JsonValueKind.String, "a string")
            ?? Member(request, "name"u8, JsonValueKind.String, "a string");
        return model?.GetString() is { Length: > 0 } name
            ? name
            : throw new RejectedException(DoorError.BadRequest("\"model\" is missing", "model", "missing_member"));
    }

    private static bool IsStream(JsonElement request)
    {
        if (
            !request.TryGetProperty("stream"u8, out var stream)
            || stream.ValueKind is JsonValueKind.Null or JsonValueKind.True
        )
        {
            return true;
        }

        return stream.ValueKind == JsonValueKind.False
            ? false
            : throw new RejectedException(
                DoorError.BadRequest("\"stream\" must be true or false", "stream", "wrong_type")
            );
    }

    private static OllamaAsk Load(JsonElement request)
    {
        var unload =
            request.TryGetProperty("keep_alive"u8, out var keep)
            && keep.ValueKind == JsonValueKind.Number
            && keep.TryGetDouble(out var seconds)
            && seconds == 0;
        return new OllamaAsk(ModelOf(request), Stream: false, default, unload ? "unload" : "load");
    }

    private static JsonElement? Member(
        JsonElement request,
        ReadOnlySpan<byte> name,
        JsonValueKind kind,
        string expected
    )
    {
        if (!request.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        var text = System.Text.Encoding.UTF8.GetString(name);
        return value.ValueKind == kind
            ? value
            : throw new RejectedException(DoorError.BadRequest($"\"{text}\" must be {expected}", text, "wrong_type"));
    }

    private static ReadOnlyMemory<byte> Build(Action<Utf8JsonWriter> members)
    {
        var output = new ArrayBufferWriter<byte>(1024);
        JsonReply.Fill(
            output,
            members,
            static (json, write) =>
            {
                json.WriteStartObject();
                write(json);
                json.WriteEndObject();
            }
        );
        return output.WrittenMemory;
    }

    private static void WriteShared(Utf8JsonWriter json, JsonElement request, RequestRules rules)
    {
        OllamaOptions.Write(json, request, rules);
        OllamaOptions.WriteFormat(json, request);
        OllamaOptions.WriteThink(json, request);
        WriteNative(json, request, rules);
    }

    /// <summary>Writes what OpenAI's API has another word for, or none: the host knows whether its server needs to be told.</summary>
    private static void WriteNative(Utf8JsonWriter json, JsonElement request, RequestRules rules)
    {
        json.WriteStartObject("ollama"u8);
        Copy(json, request, "options"u8);
        foreach (var rule in rules.All)
        {
            if (
                rule is { Fate: not MemberFate.Same, Name: not "options" }
                && request.TryGetProperty(rule.Name, out var value)
                && value.ValueKind != JsonValueKind.Null
            )
            {
                json.WritePropertyName(rule.Name);
                value.WriteTo(json);
            }
        }

        json.WriteEndObject();
    }

    private static void Copy(Utf8JsonWriter json, JsonElement request, ReadOnlySpan<byte> name)
    {
        if (request.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null)
        {
            json.WritePropertyName(name);
            value.WriteTo(json);
        }
    }
}
