using System.Text.Json;
using Microsoft.Extensions.AI;
using Pollard.Protocol.Api;

namespace Pollard.Client;

/// <summary>A completed chat in the words of .NET's abstractions.</summary>
internal static class ChatReply
{
    /// <summary>The whole answer.</summary>
    public static ChatResponse Of(TaskDocument task)
    {
        var completion = Results.Read(task, ClientJson.Default.Completion);
        var choice = completion.Choices is [var first, ..] ? first : null;
        return new ChatResponse(
            new ChatMessage(ChatRole.Assistant, [.. TextsOf(choice?.Message), .. CallsOf(choice?.Message)])
            {
                MessageId = task.Id,
                CreatedAt = task.EndedAt,
            }
        )
        {
            ResponseId = task.Id,
            ModelId = completion.Model ?? task.Model,
            CreatedAt = task.EndedAt,
            FinishReason = FinishReasonOf(choice),
            Usage = UsageOf(completion.Usage),
            RawRepresentation = task,
        };
    }

    /// <summary>What only the end of a stream knows: calls of tools, why it ended, tokens; and the text, if none came before.</summary>
    public static ChatResponseUpdate LastUpdateOf(TaskDocument task, bool gaveText)
    {
        var completion = Results.Read(task, ClientJson.Default.Completion);
        var choice = completion.Choices is [var first, ..] ? first : null;
        List<AIContent> contents = [.. gaveText ? [] : TextsOf(choice?.Message), .. CallsOf(choice?.Message)];
        if (UsageOf(completion.Usage) is { } usage)
        {
            contents.Add(new UsageContent(usage));
        }

        return new ChatResponseUpdate(ChatRole.Assistant, contents)
        {
            ResponseId = task.Id,
            MessageId = task.Id,
            ModelId = completion.Model ?? task.Model,
            CreatedAt = task.EndedAt,
            FinishReason = FinishReasonOf(choice),
            RawRepresentation = task,
        };
    }

    private static IEnumerable<AIContent> TextsOf(CompletionMessage? message)
    {
        if (message?.ReasoningContent is { Length: > 0 } reasoning)
        {
            yield return new TextReasoningContent(reasoning);
        }

        if (message?.Content is { Length: > 0 } text)
        {
            yield return new TextContent(text);
        }

        if (message?.Refusal is { Length: > 0 } refusal)
        {
            yield return new TextContent(refusal);
        }
    }

    private static IEnumerable<FunctionCallContent> CallsOf(CompletionMessage? message) =>
        (message?.ToolCalls ?? []).Select(static call =>
            FunctionCallContent.CreateFromParsedArguments(
                call.Function?.Arguments is { Length: > 0 } arguments ? arguments : "{}",
                call.Id ?? "",
                call.Function?.Name ?? "",
                static json => JsonSerializer.Deserialize(json, ChatBody.ArgumentsType)
            )
        );

    private static ChatFinishReason? FinishReasonOf(CompletionChoice? choice) =>
        choice?.FinishReason is { Length: > 0 } reason ? new ChatFinishReason(reason) : null;

    private static UsageDetails? UsageOf(CompletionUsage? usage) =>
        usage is null
            ? null
            : new UsageDetails
            {
                InputTokenCount = usage.PromptTokens,
                OutputTokenCount = usage.CompletionTokens,
                TotalTokenCount = usage.TotalTokens,
                CachedInputTokenCount = CountOf(usage.PromptTokensDetails, "cached_tokens"),
                ReasoningTokenCount = CountOf(usage.CompletionTokensDetails, "reasoning_tokens"),
            };

    private static long? CountOf(JsonElement? details, string name) =>
        details is { ValueKind: JsonValueKind.Object } json
        && json.TryGetProperty(name, out var count)
        && count.ValueKind == JsonValueKind.Number
            ? count.GetInt64()
            : null;
}
