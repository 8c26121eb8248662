using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Pollard.Protocol.Api;

namespace Pollard.Client;

/// <summary>What a model answered.</summary>
public sealed record ChatAnswer
{
    /// <summary>The text; empty when it only calls tools.</summary>
    public required string Text { get; init; }

    /// <summary>What it thought before, where the model says so.</summary>
    public string? Reasoning { get; init; }

    /// <summary>Why it stopped: <c>stop</c>, <c>length</c> (the text is cut short), <c>tool_calls</c>.</summary>
    public string? FinishReason { get; init; }

    /// <summary>Tokens that were read, where known.</summary>
    public long? InputTokens { get; init; }

    /// <summary>Tokens that were written, where known.</summary>
    public long? OutputTokens { get; init; }

    /// <summary>The whole answer: an OpenAI chat completion.</summary>
    public required JsonElement Completion { get; init; }

    internal static ChatAnswer Of(TaskDocument task)
    {
        var completion = Results.Read(task, ClientJson.Default.Completion);
        var choice = completion.Choices is [var first, ..] ? first : null;
        return new ChatAnswer
        {
            Text = choice?.Message?.Content ?? "",
            Reasoning = choice?.Message?.ReasoningContent,
            FinishReason = choice?.FinishReason,
            InputTokens = completion.Usage?.PromptTokens,
            OutputTokens = completion.Usage?.CompletionTokens,
            Completion = task.Result!.Value,
        };
    }

    internal static T Of<T>(TaskDocument task, JsonTypeInfo<T> type)
    {
        var answer = Of(task);
        try
        {
            return JsonSerializer.Deserialize(answer.Text, type) ?? throw new JsonException("It is null.");
        }
        catch (JsonException e)
        {
            var why = answer.FinishReason == "length" ? "it is cut short; allow more tokens" : e.Message;
            throw Results.Bad(task, $"The model's answer is no {type.Type.Name}: {why}", e);
        }
    }
}

/// <summary>Reads what came of a task.</summary>
internal static class Results
{
    /// <summary>The result in its own shape.</summary>
    public static T Read<T>(TaskDocument task, JsonTypeInfo<T> type)
    {
        try
        {
            return (task.Result is { } result ? result.Deserialize(type) : default)
                ?? throw new JsonException("There is none.");
        }
        catch (JsonException e)
        {
            throw Bad(task, $"The result of task {task.Id} is no {type.Type.Name}: {e.Message}", e);
        }
    }

    /// <summary>Why a task has no result.</summary>
    public static PollardException Failure(TaskDocument task) =>
        new(
            (
                task.Error
                ?? new Problem { Type = PollardException.TypePrefix + task.State, Title = $"The task is {task.State}." }
            ) with
            {
                Task = task.Id,
            }
        );

    /// <summary>The task completed with something else than was asked for.</summary>
    public static PollardException Bad(TaskDocument task, string detail, Exception inner) =>
        PollardException.For(
            PollardException.BadResult,
            "The result is not what was asked for.",
            detail,
            inner,
            task.Id
        );
}
