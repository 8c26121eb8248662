using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Pollard.Agent.Backends.Http;
using Pollard.Protocol.Dialects;

namespace Pollard.Agent.Backends.Ollama;

/// <summary>Translates requests of the OpenAI shape to Ollama's. What Ollama cannot do is refused by name, never dropped.</summary>
internal static class OllamaRequest
{
    // A request is no web page: text stays as it is, which keeps long prompts short.
    public static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>A request to <c>/api/chat</c>.</summary>
    /// <exception cref="BackendException">It is not readable, or asks for what Ollama cannot do.</exception>
    public static ReadOnlyMemory<byte> Chat(WorkItem work, OllamaKnowledge knowledge) =>
        Translate(
            work,
            (json, request) =>
            {
                OllamaLimits.CheckAnswer(request, knowledge);
                OllamaMessages.Write(json, request);
                if (request.Text("tool_choice") != "none" && request.Items("tools").Any())
                {
                    json.WritePropertyName("tools");
                    request.Member("tools")!.Value.WriteTo(json);
                }

                WriteShared(json, request, work.Offer.Kind, knowledge);
            }
        );

    /// <summary>A request to <c>/api/generate</c>.</summary>
    /// <exception cref="BackendException">It is not readable, or asks for what Ollama cannot do.</exception>
    public static ReadOnlyMemory<byte> Completion(WorkItem work, OllamaKnowledge knowledge) =>
        Translate(
            work,
            (json, request) =>
            {
                OllamaLimits.CheckAnswer(request, knowledge);
                json.WriteString("prompt", Prompt(request));
                Copy(json, request, "suffix");
                if (!HasNative(request, "images"))
                {
                    Copy(json, request, "images");
                }

                WriteShared(json, request, work.Offer.Kind, knowledge);
            }
        );

    /// <summary>A request to <c>/api/embed</c>, and whether the vectors are wanted as base64.</summary>
    /// <exception cref="BackendException">It is not readable, or asks for what Ollama cannot do.</exception>
    public static (ReadOnlyMemory<byte> Body, bool Base64) Embedding(WorkItem work)
    {
        var base64 = false;
        var body = Translate(
            work,
            (json, request) =>
            {
                base64 = request.Text("encoding_format") == "base64";
                json.WritePropertyName("input");
                (request.Member("input") ?? throw Missing("input")).WriteTo(json);
                Copy(json, request, "dimensions");
                OllamaOptions.Write(json, request, RequestRules.FromOpenAI(work.Offer.Kind));
                WriteNative(json, request, work.Offer.Kind);
            }
        );
        return (body, base64);
    }

    /// <summary>One JSON object.</summary>
    public static ReadOnlyMemory<byte> Write(Action<Utf8JsonWriter> members)
    {
        ArrayBufferWriter<byte> bytes = new();
        using (Utf8JsonWriter json = new(bytes, Plain))
        {
            json.WriteStartObject();
            members(json);
            json.WriteEndObject();
        }

        return bytes.WrittenMemory;
    }

    /// <summary>A request that lacks what it must have.</summary>
    public static BackendException Missing(string parameter) =>
        new(BackendFailure.BadRequest($"the request has no usable \"{parameter}\""));

    private static ReadOnlyMemory<byte> Translate(WorkItem work, Action<Utf8JsonWriter, JsonElement> members)
    {
        try
        {
            using var document = JsonDocument.Parse(work.Request);
            var request = document.RootElement;
            if (request.ValueKind != JsonValueKind.Object)
            {
                throw new JsonException("it is no object");
            }

            OllamaLimits.Check(request, work.Offer.Kind);
            return Write(json =>
            {
                json.WriteString("model", work.Offer.Model);
                members(json, request);
            });
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new BackendException(BackendFailure.Unreadable(e), e);
        }
    }

    /// <summary>What chat and completion have in common: the stream, options, format, thinking, log-probabilities.</summary>
    private static void WriteShared(Utf8JsonWriter json, JsonElement request, string kind, OllamaKnowledge knowledge)
    {
        json.WriteBoolean("stream", true);
        OllamaOptions.Write(json, request, RequestRules.FromOpenAI(kind));
        if (!HasNative(request, "format"))
        {
            WriteFormat(json, request);
        }

        if (!HasNative(request, "think"))
        {
            WriteThink(json, request, knowledge);
        }

        if (!HasNative(request, "logprobs"))
        {
            WriteLogProbabilities(json, request);
        }

        WriteNative(json, request, kind);
    }

    private static void WriteFormat(Utf8JsonWriter json, JsonElement request)
    {
        var format = request.Member("response_format") ?? default;
        switch (format.Text("type"))
        {
            case "json_object":
                json.WriteString("format", "json");
                break;
            case "json_schema":
                var schema =
                    (format.Member("json_schema") ?? default).Member("schema")
                    ?? throw Missing("response_format.json_schema.schema");
                json.WritePropertyName("format");
                schema.WriteTo(json);
                break;
        }
    }

    private static void WriteThink(Utf8JsonWriter json, JsonElement request, OllamaKnowledge knowledge)
    {
        switch (request.Text("reasoning_effort"))
        {
            case null:
                break;
            case "none" or "minimal" when knowledge.Thinks == false:
                break; // It does not think in any case; Ollama would refuse the word.
            case "none":
                json.WriteBoolean("think", false);
                break;
            case "minimal":
                json.WriteString("think", "low");
                break;
            case "xhigh":
                json.WriteString("think", "max");
                break;
            case var effort:
                json.WriteString("think", effort);
                break;
        }
    }

    private static void WriteLogProbabilities(Utf8JsonWriter json, JsonElement request)
    {
        // A chat asks with true and a number beside it, a completion with the number alone.
        var number = request.Integer("logprobs");
        if (request.IsTrue("logprobs") || number is not null)
        {
            json.WriteBoolean("logprobs", true);
        }

        if ((request.Integer("top_logprobs") ?? number) is > 0 and var most)
        {
            json.WriteNumber("top_logprobs", most);
        }
    }

    /// <summary>Copies what a client of Ollama's own API said and OpenAI's has no word for, or another one.</summary>
    private static void WriteNative(Utf8JsonWriter json, JsonElement request, string kind)
    {
        if (request.Member("ollama") is not { ValueKind: JsonValueKind.Object } native)
        {
            return;
        }

        var rules = RequestRules.FromOllama(kind);
        foreach (var member in native.EnumerateObject())
        {
            // The options are written already, with OpenAI's.
            if (member.Name != "options" && rules.Find(member.Name) is { Fate: not MemberFate.Same })
            {
                member.WriteTo(json);
            }
        }
    }

    private static void Copy(Utf8JsonWriter json, JsonElement request, string name)
    {
        if (request.Member(name) is { } value)
        {
            json.WritePropertyName(name);
            value.WriteTo(json);
        }
    }

    private static bool HasNative(JsonElement request, string name) => Native(request, name) is not null;

    private static JsonElement? Native(JsonElement request, string name) =>
        (request.Member("ollama") ?? default).Member(name);

    private static string Prompt(JsonElement request) =>
        request.Member("prompt") switch
        {
            null => "",
            { ValueKind: JsonValueKind.String } text => text.GetString()!,
            { ValueKind: JsonValueKind.Array } texts => texts[0].GetString()!,
            _ => throw Missing("prompt"),
        };
}
