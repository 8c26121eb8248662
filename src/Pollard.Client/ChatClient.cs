using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Pollard.Client;

/// <summary>Chats that somebody waits for, through the OpenAI door. What must outlive the caller is a task: <see cref="TasksClient"/>.</summary>
public sealed class ChatClient
{
    private readonly GatewayHttp _gateway;

    internal ChatClient(GatewayHttp gateway) => _gateway = gateway;

    /// <summary>The answer, piece by piece.</summary>
    /// <param name="model">The model.</param>
    /// <param name="messages">What was said so far.</param>
    /// <param name="cancellationToken">Ends the stream and the work on it.</param>
    /// <exception cref="PollardException">The chat was refused, failed, or the stream was cut; never a silent end.</exception>
    public async IAsyncEnumerable<string> StreamAsync(
        string model,
        IReadOnlyList<ChatMessage> messages,
        [EnumeratorCancellation] CancellationToken cancellationToken = default
    )
    {
        var body = new ChatRequest(model, messages, Stream: true);
        var call = GatewayCall.Post("v1/chat/completions", body, ClientJson.Default.ChatRequest);
        using var response = await _gateway.OpenStreamAsync(call, cancellationToken).ConfigureAwait(false);
        var task = response.Headers.TryGetValues("Pollard-Task", out var ids) ? ids.FirstOrDefault() : null;
        var items = EventStream.ItemsAsync(_gateway, response, cancellationToken);
        await foreach (var item in items.ConfigureAwait(false))
        {
            if (item.Data == "[DONE]")
            {
                yield break;
            }

            if (TextOf(item.Data, task) is { Length: > 0 } text)
            {
                yield return text;
            }
        }

        throw EventStream.Cut(task ?? "(unknown)");
    }

    private static string? TextOf(string json, string? task)
    {
        ChatChunk chunk;
        try
        {
            chunk = JsonSerializer.Deserialize(json, ClientJson.Default.ChatChunk)!;
        }
        catch (JsonException e)
        {
            throw PollardException.For(
                PollardException.BadAnswer,
                "A piece of the answer cannot be read.",
                "The gateway sent a piece of the answer that cannot be read. Is it of this version?",
                e,
                task
            );
        }

        if (chunk.Error is { } error)
        {
            throw PollardException.For(
                PollardException.TypePrefix + (error.Code ?? error.Type ?? "failed"),
                "The chat failed.",
                error.Message ?? "The chat failed and the gateway gave no reason.",
                taskId: task
            );
        }

        return chunk.Choices is [var first, ..] ? first.Delta?.Content : null;
    }
}

/// <summary>One message of a chat.</summary>
/// <param name="Role"><c>system</c>, <c>user</c> or <c>assistant</c>.</param>
/// <param name="Content">What was said.</param>
public sealed record ChatMessage(string Role, string Content);

internal sealed record ChatRequest(string Model, IReadOnlyList<ChatMessage> Messages, bool Stream);

internal sealed record ChatChunk(IReadOnlyList<ChatChoice>? Choices, ChatError? Error);

internal sealed record ChatChoice(ChatDelta? Delta);

internal sealed record ChatDelta(string? Content);

internal sealed record ChatError(string? Message, string? Type, string? Code);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ModelList))]
[JsonSerializable(typeof(ChatRequest))]
[JsonSerializable(typeof(ChatChunk))]
internal sealed partial class ClientJson : JsonSerializerContext;
