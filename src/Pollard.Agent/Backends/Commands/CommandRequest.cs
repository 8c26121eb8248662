using System.Text.Json;
using Pollard.Agent.Backends.Http;

namespace Pollard.Agent.Backends.Commands;

/// <summary>What a client asks of a command: a chat body, or <c>{"prompt": "..."}</c>.</summary>
internal sealed record CommandRequest
{
    /// <summary>What the model should know or be; null when nobody says.</summary>
    public string? System { get; init; }

    /// <summary>The whole conversation as one text.</summary>
    public required string Prompt { get; init; }

    /// <summary>The schema that the answer must meet, JSON; null when there is none.</summary>
    public string? Schema { get; init; }

    /// <summary>True when the answer must be a JSON object of whatever shape.</summary>
    public bool IsJson { get; init; }

    /// <summary>How hard to think, in OpenAI's words; null when nobody says.</summary>
    public string? Effort { get; init; }

    /// <summary>The servers that the client names; none when it names none.</summary>
    public IReadOnlyList<string> Servers { get; init; } = [];

    // Members that ask for what no command can do. Those that only tune a model (temperature, max_tokens, ...) are passed over:
    // clients send them with every request.
    private static readonly (string Name, Func<JsonElement, bool> Asks, string Why)[] Impossible =
    [
        ("tools", IsList, "it has tools of its own and calls none of the client's"),
        ("functions", IsList, "it has tools of its own and calls none of the client's"),
        (
            "n",
            value => value.ValueKind != JsonValueKind.Number || !value.TryGetInt32(out var n) || n > 1,
            "it gives one answer"
        ),
        ("logprobs", value => value.ValueKind == JsonValueKind.True, "it tells no probabilities"),
        ("stop", value => value.ValueKind == JsonValueKind.String || IsList(value), "it stops when it is done"),
        ("audio", value => value.ValueKind == JsonValueKind.Object, "it speaks no audio"),
    ];

    /// <summary>The prompt with what the system says before it, for commands that take one text.</summary>
    public string WholePrompt() => System is null ? Prompt : $"{System}\n\n{Prompt}";

    /// <summary>Reads a request.</summary>
    /// <param name="work">The attempt.</param>
    /// <param name="name">The command's name, for messages.</param>
    /// <exception cref="BackendException">It is wrong, or asks for what a command cannot do; says which member.</exception>
    public static CommandRequest Read(WorkItem work, string name)
    {
        try
        {
            using var document = JsonDocument.Parse(work.Request);
            return Read(document.RootElement, name);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException) // The latter of text with half a character.
        {
            throw new BackendException(BackendFailure.Unreadable(e), e);
        }
    }

    private static CommandRequest Read(JsonElement body, string name)
    {
        foreach (var (member, asks, why) in Impossible)
        {
            if (body.Member(member) is { } value && asks(value))
            {
                throw new BackendException(CommandFailure.Unsupported(member, name, why));
            }
        }

        var format = body.Member("response_format") ?? default;
        return Conversation(body, name) with
        {
            Schema = format.Text("type") == "json_schema" ? SchemaOf(format) : null,
            IsJson = format.Text("type") == "json_object",
            Effort = body.Text("reasoning_effort"),
            Servers = ServersOf(body),
        };
    }

    private static CommandRequest Conversation(JsonElement body, string name)
    {
        if (body.Member("messages") is { ValueKind: JsonValueKind.Array } messages)
        {
            return Transcript.Of(messages, name);
        }

        return body.Text("prompt") is { Length: > 0 } prompt
            ? new() { Prompt = prompt }
            : throw Bad("a command needs \"messages\" or a \"prompt\"", "messages");
    }

    private static string SchemaOf(JsonElement format) =>
        (format.Member("json_schema") ?? default).Member("schema") is { ValueKind: JsonValueKind.Object } schema
            ? schema.GetRawText()
            : throw Bad("\"response_format.json_schema\" has no \"schema\"", "response_format");

    private static IReadOnlyList<string> ServersOf(JsonElement body)
    {
        if (body.Member("mcp_config") is not { } config)
        {
            return [];
        }

        return config.Member("mcpServers") is { ValueKind: JsonValueKind.Object } servers
                ? [.. servers.EnumerateObject().Select(server => server.Name)]
            : config.ValueKind == JsonValueKind.Object && !config.EnumerateObject().Any() ? []
            : throw Bad("\"mcp_config\" must be {\"mcpServers\": {\"NAME\": {}}}", "mcp_config");
    }

    private static bool IsList(JsonElement value) =>
        value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > 0;

    internal static BackendException Bad(string message, string parameter) =>
        new(BackendFailure.BadRequest(message) with { Parameter = parameter });
}
