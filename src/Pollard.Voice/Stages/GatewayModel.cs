using System.Net;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Pollard.Client;
using Pollard.Protocol.Api;

namespace Pollard.Voice.Stages;

/// <summary>Asks the gateway's pool. Each question is a task, which outlives this process.</summary>
internal sealed partial class GatewayModel(
    PollardClient gateway,
    LlmSettings settings,
    TimeProvider time,
    ILogger logger
) : ICallModel
{
    private static readonly TimeSpan CancelWithin = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(30);
    private Only _only = new(null, 0);

    /// <inheritdoc/>
    public async Task<string> AskAsync(string call, IReadOnlyList<ChatTurn> talk, CancellationToken ct)
    {
        var prompt = new ChatPrompt(settings.Model ?? await OnlyModelAsync(ct), talk)
        {
            MaxTokens = settings.MaxTokens,
            Temperature = settings.Temperature,
        };
        var task = await gateway.Tasks.SubmitChatAsync(
            prompt,
            submit =>
                submit with
                {
                    Priority = settings.Priority,
                    Timeout = settings.AnswerWithin.TotalSeconds,
                    QueueTimeout = settings.AnswerWithin.TotalSeconds,
                    Metadata = Metadata(call),
                },
            cancellationToken: ct
        );
        return task.Id;
    }

    /// <inheritdoc/>
    public IAsyncEnumerable<ChatUpdate> HearAsync(string asked, CancellationToken ct) =>
        gateway.Tasks.OpenChat(asked).StreamAsync(cancellationToken: ct);

    /// <inheritdoc/>
    public async Task CancelAsync(string asked)
    {
        using var limit = new CancellationTokenSource(CancelWithin, time);
        try
        {
            await gateway.Tasks.CancelAsync(asked, limit.Token);
        }
        catch (Exception e) when (e is PollardException or OperationCanceledException)
        {
            LogNotCancelled(logger, asked, e.Message); // It has ended, or ends by its own time.
        }
    }

    /// <summary>Looked for anew now and then: hosts come and go, and this process may be there before any.</summary>
    private async ValueTask<string> OnlyModelAsync(CancellationToken ct)
    {
        var (known, at) = Volatile.Read(ref _only);
        if (known is not null && time.GetElapsedTime(at) < LookAgain)
        {
            return known;
        }

        var models = await gateway.Models.ListAsync(ct);
        if (models is not [var only])
        {
            throw new PollardException(
                new Problem
                {
                    Type = PollardException.TypePrefix + "no_model",
                    Title = models is []
                        ? "no host serves a model"
                        : $"{models.Count} models are served, and none was named with --model",
                    Status = (int)HttpStatusCode.ServiceUnavailable,
                }
            );
        }

        Volatile.Write(ref _only, new Only(only.Id, time.GetTimestamp()));
        return only.Id;
    }

    private static JsonElement Metadata(string call)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            json.WriteString("call", call);
            json.WriteEndObject();
        }

        using var document = JsonDocument.Parse(bytes.ToArray());
        return document.RootElement.Clone();
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "Task {Task} was not cancelled: {Reason}")]
    private static partial void LogNotCancelled(ILogger logger, string task, string reason);

    private sealed record Only(string? Model, long At);
}
