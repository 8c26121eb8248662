using System.Text.Json;
using Pollard.Agent.Backends;
using Pollard.Agent.Backends.Http;
using Pollard.Agent.Backends.Ollama;
using Pollard.Protocol.Dialects;

namespace Pollard.Agent.Pipeline;

/// <summary>
/// Holds a request to what the machine's owner lets clients set: numbers are cut down to their bounds, as a model's own bounds
/// would; a member that may not be there is refused by its name, so that no answer comes about in a way that nobody asked for.
/// </summary>
internal sealed class RequestLimits(AgentLimits limits)
{
    private const string Options = "options.";

    // What is asked, and how it comes: without these there is no request.
    private static readonly string[] Essential = ["model", "messages", "prompt", "input", "stream"];
    private static readonly string[] Bounds = ["max_tokens", "max_completion_tokens", "num_predict"];

    /// <summary>The request within the limits.</summary>
    /// <exception cref="BackendException">It is not readable, or has what it may not have.</exception>
    public WorkItem Apply(WorkItem work)
    {
        if (!limits.OnRequests)
        {
            return work;
        }

        try
        {
            using var document = JsonDocument.Parse(work.Request);
            var request = document.RootElement;
            if (request.ValueKind != JsonValueKind.Object)
            {
                throw new JsonException("it is no object");
            }

            Check(request, work.Offer.Kind);
            var tokens = work.Offer.Kind is "chat" or "completion" ? TokensAnAnswer(request) : null;
            return work with { Request = OllamaRequest.Write(json => Write(json, request, tokens)) };
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new BackendException(BackendFailure.Unreadable(e), e);
        }
    }

    private void Check(JsonElement request, string kind)
    {
        var (ofOpenAi, ofOllama) = (RequestRules.FromOpenAI(kind), RequestRules.FromOllama(kind));
        foreach (var member in request.EnumerateObject().Where(IsSet))
        {
            var name = MemberNames.Fold(member.Name);
            if (name == "ollama" && member.Value.ValueKind == JsonValueKind.Object)
            {
                CheckNative(member.Value, ofOllama);
            }
            else if (!Essential.Contains(name, StringComparer.Ordinal))
            {
                var rule = ofOpenAi.Find(name);
                Require(name, rule?.Other, isHarmless: rule?.Fate == MemberFate.Ignored);
            }
        }
    }

    private void CheckNative(JsonElement native, RequestRules rules)
    {
        foreach (var member in native.EnumerateObject().Where(IsSet))
        {
            if (member is not { Name: "options", Value.ValueKind: JsonValueKind.Object })
            {
                Require(member.Name, rules.Find(member.Name)?.Other, isHarmless: false);
                continue;
            }

            foreach (var option in member.Value.EnumerateObject().Where(IsSet))
            {
                Require(option.Name, rules.Find(Options + option.Name)?.Other, isHarmless: false);
            }
        }
    }

    private static bool IsSet(JsonProperty member) => member.Value.ValueKind != JsonValueKind.Null;

    /// <summary>Refuses a member that may not be there, under its own name or the other dialect's.</summary>
    private void Require(string name, string? other, bool isHarmless)
    {
        var isDenied = IsIn(limits.DeniedParameters);
        var isAllowed =
            limits.AllowedParameters is null
            || isHarmless
            || IsBounded(name)
            || IsBounded(other)
            || IsIn(limits.AllowedParameters);
        if (isDenied || !isAllowed)
        {
            throw new BackendException(
                BackendFailure.Unsupported(name, "this host's owner") with
                {
                    Message = $"the owner of this host does not let clients set \"{name}\"",
                    Retryable = true, // Another owner may.
                }
            );
        }

        bool IsIn(IReadOnlyList<string>? list) =>
            list is not null
            && list.Any(listed => Bare(listed) == Bare(name) || (other is not null && Bare(listed) == Bare(other)));
    }

    private bool IsBounded(string? name) =>
        name is not null
        && (
            (limits.MaxTokens is not null && Bounds.Contains(Bare(name), StringComparer.Ordinal))
            || (limits.MaxContext is not null && Bare(name) == "num_ctx")
        );

    private static string Bare(string name) =>
        name.StartsWith(Options, StringComparison.Ordinal) ? name[Options.Length..] : name;

    /// <summary>What each of the answers may have, all of them together having no more than the limit; null: any number.</summary>
    private int? TokensAnAnswer(JsonElement request)
    {
        if (limits.MaxTokens is not { } most)
        {
            return null;
        }

        var answers = request
            .EnumerateObject()
            .Where(member => MemberNames.Fold(member.Name) is "n" or "best_of")
            .Where(member => member.Value.ValueKind == JsonValueKind.Number)
            .Select(member => member.Value.TryGetInt32(out var count) ? Math.Max(count, 1) : int.MaxValue)
            .Append(1)
            .Max();
        var prompts = request.Items("prompt").Count(prompt => prompt.ValueKind is not JsonValueKind.Number);
        var each = most / answers / Math.Max(prompts, 1);
        return each > 0
            ? each
            : throw new BackendException(
                BackendFailure.Unsupported("n", "this host's owner") with
                {
                    Message =
                        $"the owner of this host gives {most} tokens to all answers together, and more answers are asked for",
                    Retryable = true,
                }
            );
    }

    private void Write(Utf8JsonWriter json, JsonElement request, int? tokens)
    {
        var hasBound = false;
        foreach (var member in request.EnumerateObject())
        {
            if (tokens is { } most && MemberNames.Fold(member.Name) is "max_tokens" or "max_completion_tokens")
            {
                hasBound |= IsSet(member) && member.Name is "max_tokens" or "max_completion_tokens"; // Not only to Go's.
                WriteBounded(json, member, most);
            }
            else if (member is { Name: "ollama", Value.ValueKind: JsonValueKind.Object })
            {
                json.WriteStartObject(member.Name);
                WriteNative(json, member.Value, tokens);
                json.WriteEndObject();
            }
            else
            {
                member.WriteTo(json);
            }
        }

        if (tokens is { } bound && !hasBound)
        {
            json.WriteNumber("max_tokens", bound);
        }
    }

    private void WriteNative(Utf8JsonWriter json, JsonElement native, int? tokens)
    {
        foreach (var member in native.EnumerateObject())
        {
            if (member is not { Name: "options", Value.ValueKind: JsonValueKind.Object })
            {
                member.WriteTo(json);
                continue;
            }

            json.WriteStartObject(member.Name);
            foreach (var option in member.Value.EnumerateObject())
            {
                var most =
                    option.Name is "num_predict" ? tokens
                    : option.Name is "num_ctx" ? limits.MaxContext
                    : null;
                WriteBounded(json, option, most);
            }

            json.WriteEndObject();
        }
    }

    private static void WriteBounded(Utf8JsonWriter json, JsonProperty member, int? most)
    {
        if (most is not { } bound || IsWithin(member.Value, bound))
        {
            member.WriteTo(json);
        }
        else if (IsSet(member)) // A null would take away the bound that stands elsewhere.
        {
            json.WriteNumber(member.Name, bound);
        }
    }

    // Not above zero means no bound to Ollama.
    private static bool IsWithin(JsonElement value, int bound) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) && number > 0 && number <= bound;
}
