using System.Text.Json;
using Microsoft.Extensions.Logging;
using Pollard.Agent.Backends.Http;
using Pollard.Agent.Backends.Tools;
using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Backends;

/// <summary>Work of the kind <c>http</c>: calls one of the owner's tools and passes on its answer, whatever its status, as it comes.</summary>
public sealed partial class HttpToolBackend : IBackend, IDisposable
{
    private const int PieceBytes = 64 * 1024;
    private readonly HttpToolOptions _options;
    private readonly HttpMessageInvoker _http;
    private readonly ToolAddress _address;
    private readonly ToolHeaders _headers;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;

    /// <summary>A tool.</summary>
    /// <exception cref="ArgumentException">The options make no sense; the message says what to change.</exception>
    /// <exception cref="IOException">The file of certificates cannot be read.</exception>
    public HttpToolBackend(HttpToolOptions options, TimeProvider time, ILogger<HttpToolBackend> logger)
    {
        (_options, _time, _logger) = (options, time, logger);
        _address = new ToolAddress(options);
        _headers = new ToolHeaders(options);
        _http = new HttpMessageInvoker(ToolConnection.Handler(options, _address, time));
    }

    /// <summary>What clients call the tool.</summary>
    internal string ToolName => _options.Name;

    /// <summary>The tool's address without a slash at its end.</summary>
    internal string Root => _address.Root;

    /// <inheritdoc/>
    public string Name => $"tool {_options.Name} at {_address.Root}";

    /// <inheritdoc/>
    public Task<IReadOnlyList<ModelInfo>> DiscoverAsync(CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<ModelInfo>>([new ModelInfo { Name = _options.Name, Kinds = [HttpCall.Kind] }]);

    /// <inheritdoc/>
    public async Task<WorkResult> RunAsync(WorkItem work, IWorkOutput output, CancellationToken cancellationToken)
    {
        var measure = new ToolMeasure(_time);
        WorkResult? result = null;
        try
        {
            return result = await RunAsync(work, output, measure, cancellationToken);
        }
        finally
        {
            measure.Over(result);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private async Task<WorkResult> RunAsync(
        WorkItem work,
        IWorkOutput output,
        ToolMeasure measure,
        CancellationToken ct
    )
    {
        var hasRepeatableMethod = false;
        using var watch = new ToolWatch(_options, _time, ct);
        try
        {
            var call = ToolCall.Read(work.Request, _address, _options);
            hasRepeatableMethod = call.IsRepeatable;
            using var request = _headers.Apply(call);
            measure.Sent();
            using var response = await SendAsync(request, watch);
            measure.Answered(response.StatusCode);
            return await PassOnAsync(response, output, watch, ct);
        }
        catch (BackendException e)
        {
            LogRefused(_logger, work.Offer.Task, _options.Name, e.Message);
            return WorkResult.Failed(e.Failure);
        }
        catch (OperationCanceledException) when (watch.IsLate)
        {
            return WorkResult.Failed(ToolFailure.Late(_options.Name, watch.Limit, hasRepeatableMethod));
        }
        catch (Exception e) when (e is HttpRequestException or IOException && !ct.IsCancellationRequested)
        {
            LogBroken(_logger, _options.Name, Hint(e));
            return WorkResult.Failed(ToolFailure.Broken(_options.Name, e, hasRepeatableMethod));
        }
    }

    /// <summary>True for an address at the tool or below it.</summary>
    internal bool Reaches(Uri address) => _address.PathOf(address) is not null;

    private static string Hint(Exception why) =>
        why.GetBaseException() is ToolNetworkException { Message: var message }
            ? $"{message}: if that is right, allow its network with --http-networks"
            : why.GetBaseException().Message;

    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, ToolWatch watch)
    {
        watch.ArmForHead();
        var response = await _http.SendAsync(request, watch.Token);
        watch.Disarm();
        return response;
    }

    private async Task<WorkResult> PassOnAsync(
        HttpResponseMessage response,
        IWorkOutput output,
        ToolWatch watch,
        CancellationToken ct
    )
    {
        if (response.Content.Headers.ContentLength is { } said && said > _options.LongestAnswerBytes)
        {
            throw new BackendException(ToolFailure.TooLarge(_options.Name, _options.LongestAnswerBytes));
        }

        var head = new HttpHead { Status = (int)response.StatusCode, Headers = ToolHeaders.Of(response, _address) };
        await output.WriteAsync(
            DeltaKind.Head,
            0,
            JsonSerializer.SerializeToUtf8Bytes(head, ProtocolJson.Default.HttpHead),
            ct
        );
        var stream = await response.Content.ReadAsStreamAsync(watch.Token);
        await using (stream)
        {
            var buffer = new byte[PieceBytes];
            for (var total = 0L; ; )
            {
                watch.ArmForBody();
                var read = await stream.ReadAsync(buffer, watch.Token);
                watch.Disarm();
                if (read == 0)
                {
                    return WorkResult.Finished(new Messages.Finish { FinishReasons = ["stop"] });
                }

                total += read;
                if (total > _options.LongestAnswerBytes)
                {
                    throw new BackendException(ToolFailure.TooLarge(_options.Name, _options.LongestAnswerBytes));
                }

                await output.WriteAsync(DeltaKind.Body, 0, buffer.AsMemory(0, read), ct);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Task {Task} may not call {Tool}: {Reason}")]
    private static partial void LogRefused(ILogger logger, string task, string tool, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Tool {Tool} cannot be called: {Reason}")]
    private static partial void LogBroken(ILogger logger, string tool, string reason);
}
