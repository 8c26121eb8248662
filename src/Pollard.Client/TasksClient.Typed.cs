using System.Text.Json.Serialization.Metadata;
using Pollard.Protocol.Api;

namespace Pollard.Client;

/// <summary>Tasks with typed results.</summary>
public sealed partial class TasksClient
{
    /// <summary>Hands in a chat.</summary>
    /// <param name="prompt">What to ask.</param>
    /// <param name="settings">Changes the task around it: <c>task => task with { Priority = 10 }</c>.</param>
    /// <param name="idempotencyKey">The same key with the same chat gives the same task again; null: each call makes one.</param>
    /// <param name="cancellationToken">Stops waiting for the answer; the task may have been taken.</param>
    /// <exception cref="PollardException">The task was refused, or the gateway cannot be reached.</exception>
    public async Task<PollardTask<ChatAnswer>> SubmitChatAsync(
        ChatPrompt prompt,
        Func<SubmitTask, SubmitTask>? settings = null,
        string? idempotencyKey = null,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(prompt);
        var id = await SubmitAsync(prompt.ToTask(), settings, idempotencyKey, cancellationToken).ConfigureAwait(false);
        return OpenChat(id);
    }

    /// <summary>Hands in a chat whose answer is JSON of a type's shape: the model gets the type's schema, and the answer is read as one.</summary>
    /// <typeparam name="TAnswer">What the model is to answer.</typeparam>
    /// <param name="prompt">What to ask.</param>
    /// <param name="answer">The type, from a source-generated <c>JsonSerializerContext</c>.</param>
    /// <param name="settings">Changes the task around it: <c>task => task with { Priority = 10 }</c>.</param>
    /// <param name="idempotencyKey">The same key with the same chat gives the same task again; null: each call makes one.</param>
    /// <param name="cancellationToken">Stops waiting for the answer; the task may have been taken.</param>
    /// <exception cref="PollardException">The task was refused, or the gateway cannot be reached.</exception>
    public async Task<PollardTask<TAnswer>> SubmitChatAsync<TAnswer>(
        ChatPrompt prompt,
        JsonTypeInfo<TAnswer> answer,
        Func<SubmitTask, SubmitTask>? settings = null,
        string? idempotencyKey = null,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(prompt);
        ArgumentNullException.ThrowIfNull(answer);
        var task = prompt.ToTask(answer);
        return OpenChat(
            await SubmitAsync(task, settings, idempotencyKey, cancellationToken).ConfigureAwait(false),
            answer
        );
    }

    /// <summary>Hands in a task of any kind whose result has a type.</summary>
    /// <typeparam name="TResult">What comes of it.</typeparam>
    /// <param name="task">What to do.</param>
    /// <param name="result">The type, from a source-generated <c>JsonSerializerContext</c>.</param>
    /// <param name="idempotencyKey">The same key with the same task gives the same task again; null: each call makes one.</param>
    /// <param name="cancellationToken">Stops waiting for the answer; the task may have been taken.</param>
    /// <exception cref="PollardException">The task was refused, or the gateway cannot be reached.</exception>
    public async Task<PollardTask<TResult>> SubmitAsync<TResult>(
        SubmitTask task,
        JsonTypeInfo<TResult> result,
        string? idempotencyKey = null,
        CancellationToken cancellationToken = default
    ) => Open(await SubmitAsync(task, null, idempotencyKey, cancellationToken).ConfigureAwait(false), result);

    /// <summary>A task that was handed in before, here or elsewhere. Asks nobody whether there is one.</summary>
    public PollardTask Open(string id) => new(this, id);

    /// <summary>A task with a typed result that was handed in before, here or elsewhere.</summary>
    public PollardTask<TResult> Open<TResult>(string id, JsonTypeInfo<TResult> result) =>
        new(this, id, task => Results.Read(task, result));

    /// <summary>A chat that was handed in before, here or elsewhere, at any door.</summary>
    public PollardTask<ChatAnswer> OpenChat(string id) => new(this, id, ChatAnswer.Of);

    /// <summary>A chat with a typed answer that was handed in before, here or elsewhere.</summary>
    public PollardTask<TAnswer> OpenChat<TAnswer>(string id, JsonTypeInfo<TAnswer> answer) =>
        new(this, id, task => ChatAnswer.Of(task, answer));

    private async Task<string> SubmitAsync(
        SubmitTask task,
        Func<SubmitTask, SubmitTask>? settings,
        string? idempotencyKey,
        CancellationToken ct
    )
    {
        var taken = await SubmitAsync(settings?.Invoke(task) ?? task, idempotencyKey, ct).ConfigureAwait(false);
        return taken.Id;
    }
}
