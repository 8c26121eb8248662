using System.Text.Json;
using Pollard.Agent.Backends;
using Pollard.Agent.Backends.Http;
using Pollard.Agent.Backends.Ollama;
using Pollard.Protocol.Dialects;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Sources.Andy;

/// <summary>
/// Work as Andy servers of all generations write it, in the words of this agent's own requests: which kind it is stands under
/// one of two names, and its parameters are Ollama's or OpenAI's.
/// </summary>
internal static class AndyWork
{
    /// <summary>The kind that asks which models there are.</summary>
    public const string Discovery = "model_discovery";

    private const string Embedding = "embedding";
    private const string Options = "options.";

    /// <summary>How long a run may take: every server and every caller gives up soon after that, and none of them can say so.</summary>
    public static readonly TimeSpan Within = TimeSpan.FromSeconds(120);

    // What is asked is said elsewhere, and one answer in one piece is all that can be brought back.
    private static readonly HashSet<string> NotAParameter = new(StringComparer.Ordinal)
    {
        "model",
        "messages",
        "stream",
        "stream_options",
        "n",
        "logprobs",
        "top_logprobs",
        "store",
    };

    /// <summary>Which kind of work it is; what says nothing is a chat.</summary>
    public static string KindOf(JsonElement item) =>
        item.Text("work_type") ?? item.Text("task_type") ?? item.Text("task") ?? "chat";

    /// <summary>The work.</summary>
    /// <param name="item">The item, or the data of a frame, that describes it.</param>
    /// <param name="id">The server's id of it.</param>
    /// <exception cref="BackendException">It cannot be read; the failure says so.</exception>
    public static WorkItem Read(JsonElement item, string id)
    {
        var isEmbedding = KindOf(item) == Embedding;
        return new WorkItem(
            Offer(id) with
            {
                Kind = isEmbedding ? Embedding : "chat",
                Model = item.Text("model") ?? "",
            },
            OllamaRequest.Write(json => Write(json, item, isEmbedding))
        );
    }

    /// <summary>What is known of work before it is read.</summary>
    public static Messages.Offer Offer(string id) =>
        new()
        {
            Attempt = id,
            Task = id,
            Kind = "chat",
            Model = "",
            TimeoutSeconds = Within.TotalSeconds,
        };

    private static void Write(Utf8JsonWriter json, JsonElement item, bool isEmbedding)
    {
        json.WriteString("model", item.Text("model"));
        if (isEmbedding)
        {
            json.WriteString(
                "input",
                item.Text("input") ?? item.Text("prompt") ?? throw OllamaRequest.Missing("input")
            );
            json.WriteString("encoding_format", "float");
            return;
        }

        AndyMessages.Write(json, item);
        foreach (var (name, value) in Parameters(item))
        {
            json.WritePropertyName(name);
            value.WriteTo(json);
        }

        WriteFormat(json, item.Member("params") ?? default);
        WriteNative(json, (item.Member("params") ?? default).Member("options") ?? default);
    }

    /// <summary>What OpenAI has a name for, by it; Ollama's own options say it last.</summary>
    private static Dictionary<string, JsonElement> Parameters(JsonElement item)
    {
        var parameters = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        var given = item.Member("params") ?? default;
        foreach (var rule in RequestRules.FromOpenAI("chat").All)
        {
            if (
                rule.Fate != MemberFate.Ignored
                && !NotAParameter.Contains(rule.Name)
                && (given.Member(rule.Name) ?? item.Member(rule.Name)) is { } value
            )
            {
                parameters[rule.Name] = value;
            }
        }

        foreach (var rule in RequestRules.FromOllama("chat").All)
        {
            if (
                rule is { Other: { } other, Fate: MemberFate.Translated }
                && OptionOf(given, rule) is { } value
                && rule.Allows(value)
            )
            {
                parameters[other] = value;
            }
        }

        return parameters;
    }

    /// <summary>Options that only Ollama has a word for. How this machine runs a model is its owner's to say.</summary>
    private static void WriteNative(Utf8JsonWriter json, JsonElement options)
    {
        var rules = RequestRules.FromOllama("chat");
        var own = options.ValueKind == JsonValueKind.Object ? options.EnumerateObject() : default;
        var natives = own.Where(option => rules.Find(Options + option.Name) is { Fate: MemberFate.Refused }).ToList();
        if (natives.Count == 0)
        {
            return;
        }

        json.WriteStartObject("ollama");
        json.WriteStartObject("options");
        foreach (var option in natives)
        {
            option.WriteTo(json);
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static JsonElement? OptionOf(JsonElement given, RequestRule rule) =>
        rule.Name.StartsWith(Options, StringComparison.Ordinal)
            ? (given.Member("options") ?? default).Member(rule.Name[Options.Length..])
            : null;

    private static void WriteFormat(Utf8JsonWriter json, JsonElement given)
    {
        switch (given.Member("format"))
        {
            case { ValueKind: JsonValueKind.String } word when word.ValueEquals("json"):
                json.WriteStartObject("response_format");
                json.WriteString("type", "json_object");
                json.WriteEndObject();
                break;
            case { ValueKind: JsonValueKind.Object } schema:
                json.WriteStartObject("response_format");
                json.WriteString("type", "json_schema");
                json.WriteStartObject("json_schema");
                json.WriteString("name", "answer");
                json.WritePropertyName("schema");
                schema.WriteTo(json);
                json.WriteEndObject();
                json.WriteEndObject();
                break;
        }
    }
}
