using Microsoft.Extensions.Logging;
using Pollard.Agent.Backends.Continuing;
using Pollard.Agent.Backends.Http;
using Pollard.Agent.Backends.Ollama;
using Pollard.Protocol;

namespace Pollard.Agent.Backends;

/// <summary>Runs work on Ollama through its own API, which can do more than its OpenAI-compatible one.</summary>
public sealed class OllamaBackend : IBackend, IDisposable
{
    private readonly OllamaBackendOptions _options;
    private readonly TimeProvider _time;
    private readonly BackendHttp _http;
    private readonly OllamaModels _models;
    private readonly PrefillProbe _prefill;

    /// <summary>Prepares to use a server; nothing is sent yet.</summary>
    /// <exception cref="ArgumentException">The URL is not one of HTTP.</exception>
    public OllamaBackend(OllamaBackendOptions options, TimeProvider time, ILogger<OllamaBackend> logger)
    {
        _options = options;
        _time = time;
        _http = new(options);
        _models = new(_http, options, time, logger);
        _prefill = new(RunAnewAsync, [PrefillStyle.LastMessage], time, logger);
    }

    /// <inheritdoc/>
    public event Action? Learned
    {
        add => _prefill.Learned += value;
        remove => _prefill.Learned -= value;
    }

    /// <inheritdoc/>
    public string Name => $"ollama {_http.Address}";

    /// <inheritdoc/>
    public async Task<IReadOnlyList<ModelInfo>> DiscoverAsync(CancellationToken cancellationToken) =>
        await _prefill.MarkAsync(
            await _models.DiscoverAsync(cancellationToken),
            static model => model.Loaded == true,
            cancellationToken
        );

    /// <inheritdoc/>
    public async Task<WorkResult> RunAsync(WorkItem work, IWorkOutput output, CancellationToken cancellationToken)
    {
        try
        {
            return work.Offer.Continue is null
                ? await RunAnewAsync(work, output, cancellationToken)
                : await ContinuedWork.RunAsync(
                    work,
                    output,
                    _prefill.StyleOf(_models.Find(work.Offer.Model)),
                    RunAnewAsync,
                    cancellationToken
                );
        }
        catch (BackendException e)
        {
            return WorkResult.Failed(e.Failure);
        }
    }

    /// <summary>Closes idle connections.</summary>
    public void Dispose() => _http.Dispose();

    private async Task<WorkResult> RunAnewAsync(WorkItem work, IWorkOutput output, CancellationToken cancellationToken)
    {
        var model = work.Offer.Model;
        return work.Offer.Kind switch
        {
            "chat" => await SendAsync(
                "/api/chat",
                OllamaRequest.Chat(work, _models.Knowledge(model)),
                new OllamaParser(_http.Address),
                work,
                output,
                cancellationToken
            ),
            "completion" => await SendAsync(
                "/api/generate",
                OllamaRequest.Completion(work, _models.Knowledge(model)),
                new OllamaParser(_http.Address),
                work,
                output,
                cancellationToken
            ),
            "embedding" => await EmbedAsync(work, output, cancellationToken),
            var kind => WorkResult.Failed(BackendFailure.UnknownKind(kind, Name)),
        };
    }

    private Task<WorkResult> EmbedAsync(WorkItem work, IWorkOutput output, CancellationToken ct)
    {
        var (body, base64) = OllamaRequest.Embedding(work);
        OllamaEmbeddingParser parser = new(_http.Address, work.Offer.Model, base64);
        return SendAsync("/api/embed", body, parser, work, output, ct);
    }

    private Task<WorkResult> SendAsync(
        string path,
        ReadOnlyMemory<byte> body,
        IAnswerParser parser,
        WorkItem work,
        IWorkOutput output,
        CancellationToken ct
    )
    {
        LoadingWatch loading = new(_http, work.Offer.Model, output, _time);
        HttpAttempt attempt = new(_http, _options, _time, work, output, loading.WaitAsync);
        return attempt.RunAsync(path, body, parser, ct);
    }
}
