using System.Collections.Frozen;
using System.Text.Json;

namespace Pollard.Protocol.Dialects;

/// <summary>
/// What becomes of each member of a request of OpenAI's API when Ollama runs it, and the other way round: the one table that
/// doors and backends go by. A member that no table has is left out, as either server does with what it does not know.
/// </summary>
public sealed partial class RequestRules
{
    private readonly FrozenDictionary<string, RequestRule> _byName;

    private RequestRules(params IReadOnlyList<RequestRule> all)
    {
        All = all;
        _byName = all.ToFrozenDictionary(rule => rule.Name, StringComparer.Ordinal);
    }

    /// <summary>The rules, in the order in which a translation writes; of two with the same target the later wins.</summary>
    public IReadOnlyList<RequestRule> All { get; }

    /// <summary>The rules for requests of OpenAI's API that Ollama runs, by the kind of work.</summary>
    public static RequestRules FromOpenAI(string kind) =>
        kind switch
        {
            "chat" => OpenAIChat,
            "completion" => OpenAICompletion,
            _ => OpenAIEmbedding,
        };

    /// <summary>The rules for requests of Ollama's API that a server of OpenAI's runs, by the kind of work.</summary>
    public static RequestRules FromOllama(string kind) =>
        kind switch
        {
            "chat" => OllamaChat,
            "completion" => OllamaGenerate,
            _ => OllamaEmbed,
        };

    /// <summary>The rule for a member; null when there is none.</summary>
    public RequestRule? Find(string name) => _byName.GetValueOrDefault(name);

    /// <summary>The first member that the other dialect cannot say; null when it can say all.</summary>
    /// <param name="members">The request, or what of it only this dialect knows.</param>
    public string? FirstRefused(JsonElement members) => FirstRefused(members, "");

    private string? FirstRefused(JsonElement members, string place)
    {
        foreach (var member in members.EnumerateObject())
        {
            var name = place + member.Name;
            if (Find(name) is { } rule && !rule.Allows(member.Value))
            {
                return name;
            }

            if (
                name == "options"
                && member.Value.ValueKind == JsonValueKind.Object
                && FirstRefused(member.Value, "options.") is { } option
            )
            {
                return option;
            }
        }

        return null;
    }
}
