using System.Buffers;
using System.Text.Json;
using Pollard.Gateway.Answers;
using Pollard.Gateway.Http;
using Pollard.Gateway.Requests;
using Pollard.Gateway.Validation;
using Pollard.Tasks;
using Pollard.Tasks.Validation;

namespace Pollard.Gateway.LongCalls;

/// <summary>What a client of the llm_config language wants.</summary>
internal sealed record LongCall
{
    /// <summary>The model, as the client names it.</summary>
    public required string Model { get; init; }

    /// <summary>The chat, in OpenAI's shape.</summary>
    public required byte[] Body { get; init; }

    /// <summary>How long one run may take.</summary>
    public required TimeSpan RunTimeout { get; init; }

    /// <summary>What must hold of the answer.</summary>
    public ValidationPlan? Validation { get; init; }

    /// <summary>Tries of hosts that fail; null: as many as usual.</summary>
    public int? MaxAttempts { get; init; }

    /// <summary>True when it names MCP servers, which only some hosts' models take.</summary>
    public bool NeedsMcp { get; init; }

    /// <summary>True when the model may call tools of the client.</summary>
    public bool Tools { get; init; }

    /// <summary>How another host may go on with its answer.</summary>
    public Continuations Continuations { get; init; }

    /// <summary>Beginnings of the prompt.</summary>
    public PromptPrefixes Prefixes { get; init; }

    /// <summary>The label of the hosts that it must run on; null: any.</summary>
    public string? Label { get; init; }
}

/// <summary>
/// The llm_config language, in which clients of two older servers say what they want: a chat of OpenAI's with members about
/// where it runs and what must hold of its answer. Source: contracts of the LLM task server (2.3) and the Claude proxy (3.1).
/// </summary>
internal sealed class LlmConfigReader(AnswerReview review, GatewayOptions options)
{
    private const double MostSeconds = 7 * 24 * 3600;

    // Read here, and not for the host.
    private static readonly HashSet<string> Consumed = new(
        [
            .. ValidationPlanReader.Members,
            "model",
            "messages",
            "question",
            "timeout",
            "provider",
            "api_base",
            "image_directory",
            "max_image_size_kb",
            "polling",
            "polling_mode",
            "wait_for_completion",
            "long_running",
            "stream",
        ],
        StringComparer.Ordinal
    );

    // Asked for by clients and done by nobody: silence would be a lie.
    private static readonly Dictionary<string, string> Refused = new(StringComparer.Ordinal)
    {
        ["api_key"] = "the gateway's owner holds the keys; leave it out",
        ["fallback_models"] =
            "a list of models is not tried in turn; name one, and let the gateway's owner set a route or an upstream",
        ["batch_mode"] = "send the requests one by one, or POST /v1/tasks:batch",
        ["cache_key"] = "answers are not cached; an Idempotency-Key makes two submissions one task",
        ["force_refresh"] = "answers are not cached; leave it out",
    };

    private static readonly HashSet<string> Providers = new(
        ["ollama", "openai", "anthropic", "gemini", "vertex_ai", "runpod", "max"],
        StringComparer.Ordinal
    );

    /// <summary>Reads what the client wants.</summary>
    /// <param name="config">The client's object.</param>
    /// <param name="path">Where it stands in the request; empty when it is the request.</param>
    /// <param name="timeout">The client's own word beside the object; null: what the object or its class says.</param>
    /// <exception cref="RejectedException">A member is wrong or not supported; says which.</exception>
    public LongCall Read(JsonElement config, string path = "", TimeSpan? timeout = null)
    {
        foreach (var member in config.EnumerateObject())
        {
            if (Refused.TryGetValue(member.Name, out var reason) && member.Value.ValueKind != JsonValueKind.Null)
            {
                throw Bad(path, member.Name, $"is not supported: {reason}");
            }
        }

        var model = ModelOf(config, path);
        var plan = review.Plans.Read(config, path);
        var body = BodyOf(config, path, model);
        var facts = RequestScanner.Scan(body, RequestShape.Chat, options);
        var needsMcp = config.TryGetProperty("mcp_config", out var mcp) && mcp.ValueKind == JsonValueKind.Object;
        return new LongCall
        {
            Model = model,
            Body = body,
            RunTimeout =
                timeout ?? SecondsOf(config, path, "timeout") ?? ClassTimeout(config, path, model, plan, needsMcp),
            Validation = plan,
            MaxAttempts = plan is null ? AttemptsOf(config, path) : null,
            NeedsMcp = needsMcp,
            Tools = facts.Tools,
            Continuations = facts.Continuations,
            Prefixes = facts.Prefixes,
            Label = LabelOf(config, path),
        };
    }

    /// <summary>A number of seconds; null when the member is not there.</summary>
    /// <exception cref="RejectedException">It is no such number.</exception>
    public static TimeSpan? SecondsOf(JsonElement config, string path, string name)
    {
        if (!config.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        return
            value.ValueKind == JsonValueKind.Number
            && value.TryGetDouble(out var seconds)
            && seconds is > 0 and <= MostSeconds
            ? TimeSpan.FromSeconds(seconds)
            : throw Bad(path, name, $"must be seconds, more than 0 and at most {MostSeconds:0}");
    }

    private TimeSpan ClassTimeout(JsonElement config, string path, string model, ValidationPlan? plan, bool needsMcp)
    {
        var classes = options.LongRunning;
        var takesLong =
            FlagOf(config, path, "long_running")
            || needsMcp
            || classes.Is(Kinds.Chat, model)
            || plan?.Validators.Any(static check => check.Type == "agent_task") == true;
        return takesLong ? classes.LongTimeout : classes.ShortTimeout;
    }

    private static string ModelOf(JsonElement config, string path)
    {
        var model = TextOf(config, path, "model") ?? throw Bad(path, "model", "is missing", "missing_member");
        if (TextOf(config, path, "provider") is not { } provider)
        {
            return model;
        }

        if (!Providers.Contains(provider))
        {
            throw Bad(path, "provider", $"must be one of {string.Join(", ", Providers)}");
        }

        return model.StartsWith(provider + "/", StringComparison.Ordinal) ? model : $"{provider}/{model}";
    }

    private byte[] BodyOf(JsonElement config, string path, string model)
    {
        var wantsJson =
            config.TryGetProperty("response_format", out var format)
            && format.ValueKind == JsonValueKind.Object
            && format.TryGetProperty("type", out var type)
            && type.ValueEquals("json_object");
        var images = ConfigImages.Of(config, path, options.ImageDirectory);
        var output = new ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(output, JsonReply.WriterOptions))
        {
            json.WriteStartObject();
            json.WriteString("model"u8, model);
            json.WritePropertyName("messages"u8);
            ConfigMessages.Write(json, config, path, wantsJson, images);
            foreach (var member in config.EnumerateObject())
            {
                if (!Consumed.Contains(member.Name) && member.Value.ValueKind != JsonValueKind.Null)
                {
                    member.WriteTo(json);
                }
            }

            json.WriteEndObject();
        }

        return output.WrittenSpan.ToArray();
    }

    private string? LabelOf(JsonElement config, string path)
    {
        if (TextOf(config, path, "api_base") is not { } address)
        {
            return null;
        }

        return options.ApiBases.TryGetValue(address.TrimEnd('/'), out var label)
            ? label
            : throw Bad(
                path,
                "api_base",
                "names a server that the gateway's owner has not allowed; leave it out, or ask for --api-base"
            );
    }

    private static int? AttemptsOf(JsonElement config, string path)
    {
        if (
            !config.TryGetProperty("retry_config", out var retry)
            || retry.ValueKind != JsonValueKind.Object
            || !retry.TryGetProperty("max_attempts", out var attempts)
        )
        {
            return null;
        }

        return
            attempts.ValueKind == JsonValueKind.Number && attempts.TryGetInt32(out var count) && count is >= 1 and <= 20
            ? count
            : throw Bad(path, "retry_config.max_attempts", "must be 1 to 20");
    }

    /// <summary>A flag; false when the member is not there.</summary>
    internal static bool FlagOf(JsonElement config, string path, string name) =>
        config.TryGetProperty(name, out var value)
        && value.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False or JsonValueKind.Null => false,
            _ => throw Bad(path, name, "must be true or false"),
        };

    /// <summary>A text; null when the member is not there.</summary>
    internal static string? TextOf(JsonElement config, string path, string name)
    {
        if (!config.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        try
        {
            return value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text
                ? text
                : throw Bad(path, name, "must be a text that is not empty");
        }
        catch (InvalidOperationException)
        {
            throw RequestBody.NoText();
        }
    }

    internal static RejectedException Bad(string path, string name, string rule, string code = "invalid_request")
    {
        var member = path.Length == 0 ? name : $"{path}.{name}";
        return new RejectedException(DoorError.BadRequest($"\"{member}\" {rule}", member, code));
    }
}
