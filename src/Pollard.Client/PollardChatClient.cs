using System.Runtime.CompilerServices;
using System.Text.Json;
using Microsoft.Extensions.AI;
using Pollard.Protocol.Api;

namespace Pollard.Client;

/// <summary>
/// A chat client of .NET's own abstractions whose every answer is a task: a connection that breaks is opened anew where it broke,
/// and a gateway that restarts is not noticed. <see cref="ChatResponse.ResponseId"/> is the task's id.
/// </summary>
public sealed class PollardChatClient : IChatClient
{
    private readonly PollardClient _client;
    private readonly Func<SubmitTask, SubmitTask>? _settings;
    private readonly ChatClientMetadata _metadata;

    /// <summary>A chat client over a gateway's client, which stays the caller's to dispose.</summary>
    /// <param name="client">The gateway.</param>
    /// <param name="model">The model where <see cref="ChatOptions.ModelId"/> names none.</param>
    /// <param name="settings">Changes the task around each chat: <c>task => task with { Priority = 10 }</c>.</param>
    public PollardChatClient(PollardClient client, string? model = null, Func<SubmitTask, SubmitTask>? settings = null)
    {
        ArgumentNullException.ThrowIfNull(client);
        _client = client;
        _settings = settings;
        _metadata = new ChatClientMetadata("pollard", client.Gateway, model);
    }

    /// <inheritdoc/>
    /// <exception cref="PollardException">The chat was refused or failed, or the gateway stays away.</exception>
    public async Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages,
        ChatOptions? options = null,
        CancellationToken cancellationToken = default
    )
    {
        var task = await SubmitAsync(messages, options, cancellationToken).ConfigureAwait(false);
        try
        {
            var ended = await task.WaitAsync(cancellationToken: cancellationToken).ConfigureAwait(false);
            return ended.State == "completed" ? ChatReply.Of(ended) : throw Results.Failure(ended);
        }
        catch (OperationCanceledException)
        {
            await EndAsync(task).ConfigureAwait(false);
            throw;
        }
    }

    /// <inheritdoc/>
    /// <exception cref="PollardException">
    /// The chat was refused or failed, or the gateway stays away; or the host was lost after a part of its answer had been given out,
    /// which cannot be taken back: then the type is <see cref="PollardException.Restarted"/>, and the task goes on.
    /// </exception>
    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages,
        ChatOptions? options = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default
    )
    {
        var task = await SubmitAsync(messages, options, cancellationToken).ConfigureAwait(false);
        var isOver = false;
        try
        {
            var updates = StreamAsync(task, cancellationToken).GetAsyncEnumerator(cancellationToken);
            await using var _ = updates.ConfigureAwait(false);
            while (true)
            {
                try
                {
                    if (!await updates.MoveNextAsync().ConfigureAwait(false))
                    {
                        isOver = true;
                        yield break;
                    }
                }
                catch (PollardException)
                {
                    isOver = true; // It failed, or nobody can be told.
                    throw;
                }

                yield return updates.Current;
            }
        }
        finally
        {
            if (!isOver)
            {
                await EndAsync(task).ConfigureAwait(false);
            }
        }
    }

    /// <inheritdoc/>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null
            : serviceType == typeof(ChatClientMetadata) ? _metadata
            : serviceType.IsInstanceOfType(_client) ? _client
            : serviceType.IsInstanceOfType(this) ? this
            : null;
    }

    /// <summary>Nothing: the gateway's client is its owner's.</summary>
    public void Dispose() { }

    private static async IAsyncEnumerable<ChatResponseUpdate> StreamAsync(
        PollardTask task,
        [EnumeratorCancellation] CancellationToken ct
    )
    {
        var gave = false;
        await foreach (var update in task.StreamAsync(cancellationToken: ct).ConfigureAwait(false))
        {
            if (update is { Kind: ChatUpdateKind.Restarted } && gave)
            {
                throw Restarted(task.Id, update.Text);
            }

            AIContent? content = update switch
            {
                { Choice: not 0 } => null,
                { Kind: ChatUpdateKind.Text or ChatUpdateKind.Refusal } => new TextContent(update.Text),
                { Kind: ChatUpdateKind.Reasoning } => new TextReasoningContent(update.Text),
                _ => null,
            };
            if (content is not null)
            {
                gave = true;
                yield return new ChatResponseUpdate(ChatRole.Assistant, [content])
                {
                    ResponseId = task.Id,
                    MessageId = task.Id,
                };
            }
        }

        yield return ChatReply.LastUpdateOf(await task.GetAsync(ct).ConfigureAwait(false), gave);
    }

    private async Task<PollardTask> SubmitAsync(
        IEnumerable<ChatMessage> messages,
        ChatOptions? options,
        CancellationToken ct
    )
    {
        ArgumentNullException.ThrowIfNull(messages);
        var chat = new SubmitTask
        {
            Kind = "chat",
            Model =
                options?.ModelId
                ?? _metadata.DefaultModelId
                ?? throw new InvalidOperationException(
                    "Which model? Name one in ChatOptions.ModelId or where the chat client is made."
                ),
            Request = JsonElement.Parse(ChatBody.Of(messages, options).ToJsonString()),
        };
        var taken = await _client
            .Tasks.SubmitAsync(_settings?.Invoke(chat) ?? chat, cancellationToken: ct)
            .ConfigureAwait(false);
        return _client.Tasks.Open(taken.Id);
    }

    // Whoever stops reading does not want the model to go on. No token: the call's own is the one that ended.
    private async Task EndAsync(PollardTask task)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(2), _client.Tasks.Time);
        try
        {
            await task.CancelAsync(limit.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is PollardException or OperationCanceledException)
        {
            // It ended first, or the gateway is away. Either way there is nobody left to tell.
        }
    }

    private static PollardException Restarted(string id, string reason) =>
        PollardException.For(
            PollardException.Restarted,
            "The answer starts over.",
            $"The host was lost after it had begun to answer ({reason.TrimEnd('.')}); task {id} starts over. Open it with its id to read the answer.",
            taskId: id
        );
}
