using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Schema;
using System.Text.Json.Serialization.Metadata;
using Pollard.Protocol.Api;

namespace Pollard.Client;

/// <summary>One thing that was said in a chat.</summary>
/// <param name="Role"><c>system</c>, <c>user</c> or <c>assistant</c>.</param>
/// <param name="Content">What was said.</param>
public sealed record ChatTurn(string Role, string Content);

/// <summary>What a model is asked.</summary>
/// <param name="Model">The model.</param>
/// <param name="Turns">What was said so far, the newest last.</param>
public sealed record ChatPrompt(string Model, IReadOnlyList<ChatTurn> Turns)
{
    private static readonly JsonSchemaExporterOptions SchemaOptions = new() { TreatNullObliviousAsNonNullable = true };

    /// <summary>A question without a past.</summary>
    public ChatPrompt(string model, string prompt)
        : this(model, [new ChatTurn("user", prompt)]) { }

    /// <summary>Tokens of the answer at the most.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>How freely it answers: 0 is the least.</summary>
    public double? Temperature { get; init; }

    /// <summary>Other members of OpenAI's chat body: <c>new() { ["seed"] = 7 }</c>.</summary>
    public JsonObject? Options { get; init; }

    internal SubmitTask ToTask() => ToTask(Body());

    /// <summary>As a task whose answer is JSON of the type's shape.</summary>
    internal SubmitTask ToTask(JsonTypeInfo answer)
    {
        var body = Body();
        body["response_format"] = new JsonObject
        {
            ["type"] = "json_schema",
            ["json_schema"] = new JsonObject
            {
                ["name"] = string.Concat(answer.Type.Name.Select(static c => char.IsAsciiLetterOrDigit(c) ? c : '_')),
                ["schema"] = answer.GetJsonSchemaAsNode(SchemaOptions),
            },
        };
        return ToTask(body);
    }

    private SubmitTask ToTask(JsonObject body) =>
        new()
        {
            Kind = "chat",
            Model = Model,
            Request = JsonElement.Parse(body.ToJsonString()),
        };

    private JsonObject Body()
    {
        var body = Options is null ? [] : (JsonObject)Options.DeepClone();
        var messages = new JsonArray();
        foreach (var (role, content) in Turns)
        {
            messages.Add((JsonNode)new JsonObject { ["role"] = role, ["content"] = content });
        }

        body["messages"] = messages;
        body["stream"] = true; // The output comes piece by piece, whether or not somebody reads along.
        if (MaxTokens is { } tokens)
        {
            body["max_tokens"] = tokens;
        }

        if (Temperature is { } temperature)
        {
            body["temperature"] = temperature;
        }

        return body;
    }
}
