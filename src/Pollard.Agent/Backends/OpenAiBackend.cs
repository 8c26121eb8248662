using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Pollard.Agent.Backends.Continuing;
using Pollard.Agent.Backends.Http;
using Pollard.Agent.Backends.OpenAi;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Backends;

/// <summary>Runs work on any server that speaks the OpenAI API.</summary>
public sealed class OpenAiBackend : IBackend, IDisposable
{
    private static readonly TimeSpan InMemory = TimeSpan.FromMinutes(2);

    private readonly OpenAiBackendOptions _options;
    private readonly TimeProvider _time;
    private readonly BackendHttp _http;
    private readonly OpenAiModels _models;
    private readonly PrefillProbe _prefill;
    private readonly ConcurrentDictionary<string, long> _answered = new(StringComparer.Ordinal);

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
        _prefill = new(RunAnewAsync, [PrefillStyle.LastMessage, PrefillStyle.Said], time, logger);
    }

    /// <inheritdoc/>
    public event Action? Learned
    {
        add => _prefill.Learned += value;
        remove => _prefill.Learned -= value;
    }

    /// <inheritdoc/>
    public string Name => $"openai {_http.Address}";

    /// <inheritdoc/>
    public async Task<IReadOnlyList<ModelInfo>> DiscoverAsync(CancellationToken cancellationToken)
    {
        var models = await _models.DiscoverAsync(cancellationToken);
        return _options.Probe ? await _prefill.MarkAsync(models, HasAnswered, cancellationToken) : models;
    }

    /// <inheritdoc/>
    public async Task<WorkResult> RunAsync(WorkItem work, IWorkOutput output, CancellationToken cancellationToken)
    {
        try
        {
            var result = work.Offer.Continue is null
                ? await RunAnewAsync(work, output, cancellationToken)
                : await ContinuedWork.RunAsync(
                    work,
                    output,
                    _prefill.StyleOf(new ModelInfo { Name = work.Offer.Model }),
                    RunAnewAsync,
                    cancellationToken
                );
            NoteAnswer(work.Offer.Model, result);
            return result;
        }
        catch (BackendException e)
        {
            return WorkResult.Failed(e.Failure);
        }
    }

    /// <summary>Closes idle connections.</summary>
    public void Dispose() => _http.Dispose();

    private async Task<WorkResult> RunAnewAsync(WorkItem work, IWorkOutput output, CancellationToken ct) =>
        work.Offer.Kind switch
        {
            "chat" => await StreamAsync("/chat/completions", work, output, ct),
            "completion" => await StreamAsync("/completions", work, output, ct),
            "embedding" => await EmbedAsync(work, output, ct),
            var kind => WorkResult.Failed(BackendFailure.UnknownKind(kind, Name)),
        };

    // These servers do not say what they have in memory; what has just answered is.
    private bool HasAnswered(ModelInfo model) =>
        _answered.TryGetValue(model.Name, out var at) && _time.GetElapsedTime(at) < InMemory;

    private void NoteAnswer(string model, WorkResult result)
    {
        if (result.Finish is not null && (_answered.Count < LinkLimits.Models || _answered.ContainsKey(model)))
        {
            _answered[model] = _time.GetTimestamp();
        }
    }

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
