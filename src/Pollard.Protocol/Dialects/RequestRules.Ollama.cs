using System.Text.Json;

namespace Pollard.Protocol.Dialects;

/// <summary>Requests of Ollama's API.</summary>
public sealed partial class RequestRules
{
    // How a machine loads and runs a model is not the client's to say where the machine is another kind of server.
    private static readonly string[] OfTheMachine =
    [
        "num_ctx",
        "num_keep",
        "num_batch",
        "num_gpu",
        "main_gpu",
        "num_thread",
        "numa",
        "low_vram",
        "f16_kv",
        "use_mmap",
        "use_mlock",
        "vocab_only",
        "logits_all",
        "embedding_only",
    ];

    private static readonly RequestRule[] Asking =
    [
        new("model", MemberFate.Same),
        new("stream", MemberFate.Same),
        new("keep_alive", MemberFate.Ignored),
        new("format", MemberFate.Translated, "response_format") { Can = IsOllamaFormat },
        new("think", MemberFate.Translated, "reasoning_effort") { Can = IsThink },
        new("truncate", MemberFate.Ignored), // What is too long is the server's to cut or to refuse.
        new("shift", MemberFate.Ignored),
        Number("options.temperature", "temperature"),
        Number("options.top_p", "top_p"),
        Number("options.top_k", "top_k"), // Compatible servers have these two; OpenAI's own refuses them by name.
        Number("options.min_p", "min_p"),
        Number("options.seed", "seed"),
        new("options.stop", MemberFate.Translated, "stop") { Can = IsStop },
        Number("options.frequency_penalty", "frequency_penalty"),
        Number("options.presence_penalty", "presence_penalty"),
        Number("options.num_predict", "max_tokens"),
        Only("options.repeat_penalty", 1), // Servers have it under two names and OpenAI under none.
        Only("options.repeat_last_n", -1),
        Only("options.tfs_z", 1),
        Only("options.typical_p", 1),
        Only("options.mirostat", 0),
        new("options.mirostat_tau", MemberFate.Ignored), // These three say how something is done that is refused.
        new("options.mirostat_eta", MemberFate.Ignored),
        new("options.penalize_newline", MemberFate.Ignored),
        .. OfTheMachine.Select(option => new RequestRule($"options.{option}", MemberFate.Ignored)),
    ];

    private static RequestRules OllamaChat { get; } =
        new([
            .. Asking,
            new("messages", MemberFate.Same), // The door has written them in OpenAI's words already.
            new("tools", MemberFate.Same),
            new("logprobs", MemberFate.Same),
            new("top_logprobs", MemberFate.Same),
        ]);

    private static RequestRules OllamaGenerate { get; } =
        new([
            .. Asking,
            new("prompt", MemberFate.Same),
            new("suffix", MemberFate.Same),
            new("raw", MemberFate.Ignored), // A completion is raw.
            new("logprobs", MemberFate.Translated, "logprobs") { Can = IsFlag },
            new("top_logprobs", MemberFate.Translated, "logprobs") { Can = IsNumber },
            new("system", MemberFate.Refused) { Can = IsNoText },
            new("template", MemberFate.Refused) { Can = IsNoText },
            new("context", MemberFate.Refused) { Can = IsNoList },
            new("images", MemberFate.Refused) { Can = IsNoList },
        ]);

    private static RequestRules OllamaEmbed { get; } =
        new([
            new("model", MemberFate.Same),
            new("input", MemberFate.Same),
            new("dimensions", MemberFate.Same),
            new("keep_alive", MemberFate.Ignored),
            new("truncate", MemberFate.Ignored),
            new("options", MemberFate.Ignored),
        ]);

    /// <summary>Refused, unless it says what happens without it.</summary>
    private static RequestRule Only(string name, double value) =>
        new(name, MemberFate.Refused)
        {
            Can = given => IsNumber(given) && given.TryGetDouble(out var number) && number.Equals(value),
        };

    private static bool IsOllamaFormat(JsonElement value) =>
        value.ValueKind == JsonValueKind.Object || IsOneOf(value, "", "json");

    private static bool IsThink(JsonElement value) =>
        IsFlag(value) || IsOneOf(value, "", "low", "medium", "high", "max");

    private static bool IsNoText(JsonElement value) => IsOneOf(value, "");

    private static bool IsNoList(JsonElement value) =>
        value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 0;
}
