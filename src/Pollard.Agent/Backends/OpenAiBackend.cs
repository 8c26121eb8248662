using Microsoft.Extensions.Logging;
using Pollard.Agent.Backends.Http;
using Pollard.Agent.Backends.OpenAi;
using Pollard.Protocol;

namespace Pollard.Agent.Backends;

/// <summary>Runs work on any server that speaks the OpenAI API.</summary>
public sealed class OpenAiBackend : IBackend, IDisposable
{
    private readonly OpenAiBackendOptions _options;
    private readonly TimeProvider _time;
    private readonly BackendHttp _http;
    private readonly OpenAiModels _models;

    /// <summary>Prepares to use a server; nothing is sent yet.</summary>
    /// <exception cref="ArgumentException">The URL is not one of HTTP.</exception>
    public OpenAiBackend(OpenAiBackendOptions options, TimeProvider time, ILogger<OpenAiBackend> logger)
    {
        // People give the URL with and without the version; a server's own path is left alone.
        _options = options.BaseUrl.AbsolutePath is "/" or ""
            ? options with
            {
                BaseUrl = new(options.BaseUrl, "/v1"),
            }
            : options;
        _time = time;
        _http = new(_options);
        _models = new(_http, _options, time, logger);
    }

    /// <inheritdoc/>
    public string Name => $"openai {_http.Address}";

    /// <inheritdoc/>
    public Task<IReadOnlyList<ModelInfo>> DiscoverAsync(CancellationToken cancellationToken) =>
        _models.DiscoverAsync(cancellationToken);

    /// <inheritdoc/>
    public async Task<WorkResult> RunAsync(WorkItem work, IWorkOutput output, CancellationToken cancellationToken)
    {
        try
        {
            return work.Offer.Kind switch
            {
                "chat" => await StreamAsync("/chat/completions", work, output, cancellationToken),
                "completion" => await StreamAsync("/completions", work, output, cancellationToken),
                "embedding" => await EmbedAsync(work, output, cancellationToken),
                var kind => WorkResult.Failed(BackendFailure.UnknownKind(kind, Name)),
            };
        }
        catch (BackendException e)
        {
            return WorkResult.Failed(e.Failure);
        }
    }

    /// <summary>Closes idle connections.</summary>
    public void Dispose() => _http.Dispose();

    private Task<WorkResult> StreamAsync(string path, WorkItem work, IWorkOutput output, CancellationToken ct)
    {
        var request = OpenAiRequest.From(work, _options, streams: true);
        return SendAsync(path, request, new OpenAiParser(_http.Address, request.Choices), work, output, ct);
    }

    private Task<WorkResult> EmbedAsync(WorkItem work, IWorkOutput output, CancellationToken ct)
    {
        var request = OpenAiRequest.From(work, _options, streams: false);
        return SendAsync("/embeddings", request, new OpenAiEmbeddingParser(_http.Address), work, output, ct);
    }

    // Once: to try again is the gateway's to say, which counts the tries, spaces them out and shows them.
    private async Task<WorkResult> SendAsync(
        string path,
        OpenAiRequest request,
        IAnswerParser parser,
        WorkItem work,
        IWorkOutput output,
        CancellationToken ct
    )
    {
        HttpAttempt attempt = new(_http, _options, _time, work, output);
        return Judge(await attempt.RunAsync(path, request.Body, parser, ct));
    }

    // A server that may be asked for any name has said its last word on this one. One that listed the model has lost it since,
    // and another host may still have it.
    private WorkResult Judge(WorkResult result) =>
        result.Failure is { Code: "unknown_model" } failure && _options.Models?.Any(model => model.Name == "*") == true
            ? WorkResult.Failed(failure with { Retryable = false })
            : result;
}
