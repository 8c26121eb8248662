using System.Text.Json;
using System.Text.Json.Serialization;

namespace Pollard.Client;

/// <summary>The shapes of OpenAI's that the client reads; what we do not act on is carried.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ModelList))]
[JsonSerializable(typeof(Completion))]
[JsonSerializable(typeof(string))]
internal sealed partial class ClientJson : JsonSerializerContext;

/// <summary>An answer of a chat.</summary>
internal sealed record Completion(
    string? Model,
    long? Created,
    IReadOnlyList<CompletionChoice>? Choices,
    CompletionUsage? Usage
);

/// <summary>One of the answers.</summary>
internal sealed record CompletionChoice(CompletionMessage? Message, string? FinishReason);

/// <summary>What the model says.</summary>
internal sealed record CompletionMessage(
    string? Content,
    string? ReasoningContent,
    string? Refusal,
    IReadOnlyList<CompletionCall>? ToolCalls
);

/// <summary>A call of a tool that the model wants.</summary>
internal sealed record CompletionCall(string? Id, CompletionFunction? Function);

/// <summary>What is called, with its arguments as text.</summary>
internal sealed record CompletionFunction(string? Name, string? Arguments);

/// <summary>Tokens.</summary>
internal sealed record CompletionUsage(
    long? PromptTokens,
    long? CompletionTokens,
    long? TotalTokens,
    JsonElement? PromptTokensDetails,
    JsonElement? CompletionTokensDetails
);
