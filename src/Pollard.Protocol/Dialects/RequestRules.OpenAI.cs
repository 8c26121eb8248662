using System.Text.Json;

namespace Pollard.Protocol.Dialects;

/// <summary>Requests of OpenAI's API, and what compatible servers take besides.</summary>
public sealed partial class RequestRules
{
    private static readonly RequestRule[] Harmless =
    [
        new("user", MemberFate.Ignored),
        new("metadata", MemberFate.Ignored),
        new("store", MemberFate.Ignored), // The gateway's own to do.
        new("service_tier", MemberFate.Ignored),
        new("safety_identifier", MemberFate.Ignored),
        new("prompt_cache_key", MemberFate.Ignored),
        new("prompt_cache_retention", MemberFate.Ignored),
    ];

    private static readonly RequestRule[] Answering =
    [
        .. Harmless,
        new("model", MemberFate.Same),
        new("stream", MemberFate.Same),
        new("stream_options", MemberFate.Ignored), // The counts always come.
        Number("temperature", "options.temperature"),
        Number("top_p", "options.top_p"),
        Number("top_k", "options.top_k"),
        Number("min_p", "options.min_p"),
        Number("seed", "options.seed"),
        Number("frequency_penalty", "options.frequency_penalty"),
        Number("presence_penalty", "options.presence_penalty"),
        Number("repetition_penalty", "options.repeat_penalty"),
        Number("max_tokens", "options.num_predict"),
        Number("max_completion_tokens", "options.num_predict"),
        new("stop", MemberFate.Translated, "options.stop") { Can = IsStop },
        new("response_format", MemberFate.Translated, "format") { Can = IsFormat },
        new("reasoning_effort", MemberFate.Translated, "think") { Can = IsText },
        new("n", MemberFate.Refused) { Can = IsAtMostOne },
        new("logit_bias", MemberFate.Refused) { Can = IsEmpty },
    ];

    private static RequestRules OpenAIChat { get; } =
        new([
            .. Answering,
            new("messages", MemberFate.Translated, "messages"),
            new("tools", MemberFate.Same) { Can = AreFunctions },
            new("tool_choice", MemberFate.Translated, "tools") { Can = value => IsOneOf(value, "auto", "none") },
            new("parallel_tool_calls", MemberFate.Refused) { Can = value => value.ValueKind == JsonValueKind.True },
            new("functions", MemberFate.Refused),
            new("function_call", MemberFate.Refused) { Can = value => IsOneOf(value, "auto", "none") },
            new("logprobs", MemberFate.Same) { Can = IsFlag },
            new("top_logprobs", MemberFate.Same) { Can = IsNumber },
            new("audio", MemberFate.Refused),
            new("modalities", MemberFate.Refused) { Can = IsTextAlone },
            new("web_search_options", MemberFate.Refused),
            new("verbosity", MemberFate.Refused) { Can = value => IsOneOf(value, "medium") },
            new("prediction", MemberFate.Ignored), // It only makes the same answer come sooner.
        ]);

    private static RequestRules OpenAICompletion { get; } =
        new([
            .. Answering,
            new("prompt", MemberFate.Same) { Can = IsOneText },
            new("suffix", MemberFate.Same) { Can = IsText },
            new("images", MemberFate.Same), // Ollama's word, which is taken here too.
            new("logprobs", MemberFate.Translated, "logprobs, top_logprobs"),
            new("best_of", MemberFate.Refused) { Can = IsAtMostOne },
            new("echo", MemberFate.Refused) { Can = value => value.ValueKind == JsonValueKind.False },
        ]);

    private static RequestRules OpenAIEmbedding { get; } =
        new([
            .. Harmless,
            new("model", MemberFate.Same),
            new("input", MemberFate.Same) { Can = AreTexts },
            new("dimensions", MemberFate.Same) { Can = IsNumber },
            new("encoding_format", MemberFate.Translated, "embeddings") // Written by the agent, of numbers.
            {
                Can = value => IsOneOf(value, "float", "base64"),
            },
        ]);

    private static RequestRule Number(string name, string other) =>
        new(name, MemberFate.Translated, other) { Can = IsNumber };

    private static bool IsNumber(JsonElement value) => value.ValueKind == JsonValueKind.Number;

    private static bool IsFlag(JsonElement value) => value.ValueKind is JsonValueKind.True or JsonValueKind.False;

    private static bool IsText(JsonElement value) => value.ValueKind == JsonValueKind.String;

    private static bool IsOneOf(JsonElement value, params ReadOnlySpan<string> words)
    {
        foreach (var word in words)
        {
            if (IsText(value) && value.ValueEquals(word))
            {
                return true;
            }
        }

        return false;
    }

    private static bool AreTexts(JsonElement value) =>
        IsText(value) || (value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(IsText));

    private static bool IsStop(JsonElement value) => AreTexts(value);

    private static bool IsOneText(JsonElement value) =>
        IsText(value) || (value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 1 && IsText(value[0]));

    private static bool IsAtMostOne(JsonElement value) => IsNumber(value) && value.TryGetDouble(out var n) && n <= 1;

    private static bool IsEmpty(JsonElement value) =>
        value.ValueKind == JsonValueKind.Object && !value.EnumerateObject().Any();

    private static bool IsTextAlone(JsonElement value) =>
        value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(item => IsOneOf(item, "text"));

    private static bool IsFormat(JsonElement value) =>
        value.ValueKind == JsonValueKind.Object
        && value.TryGetProperty("type"u8, out var type)
        && IsOneOf(type, "text", "json_object", "json_schema");

    private static bool AreFunctions(JsonElement value) =>
        value.ValueKind == JsonValueKind.Array
        && value
            .EnumerateArray()
            .All(tool =>
                tool.ValueKind == JsonValueKind.Object
                && (!tool.TryGetProperty("type"u8, out var type) || IsOneOf(type, "function"))
            );
}
