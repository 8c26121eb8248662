using System.Text.Json;
using Microsoft.Extensions.Logging;
using Pollard.Agent.Backends.Http;
using Pollard.Agent.Backends.Ollama;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Backends;

/// <summary>
/// Stands in where an agent of a task server has nothing to run work on: goes through a task's <c>iterations</c> with a pause after
/// each, and does nothing else. It says so.
/// </summary>
/// <param name="pause">How long an iteration lasts.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">Where it says what it is.</param>
public sealed partial class IterationsBackend(TimeSpan pause, TimeProvider time, ILogger<IterationsBackend> logger)
    : IBackend
{
    private const int Most = 10_000;
    private bool _hasSaid;

    /// <inheritdoc/>
    public string Name => "a demo that only counts iterations";

    /// <inheritdoc/>
    public Task<IReadOnlyList<ModelInfo>> DiscoverAsync(CancellationToken cancellationToken)
    {
        if (!Interlocked.Exchange(ref _hasSaid, true))
        {
            LogDemo(logger);
        }

        return Task.FromResult<IReadOnlyList<ModelInfo>>([
            new ModelInfo { Name = "iterations-demo", Kinds = [WorkItem.WholeTask] },
        ]);
    }

    /// <inheritdoc/>
    public async Task<WorkResult> RunAsync(WorkItem work, IWorkOutput output, CancellationToken cancellationToken)
    {
        long iterations;
        using (var document = JsonDocument.Parse(work.Request))
        {
            iterations = Math.Clamp(document.RootElement.Integer("iterations") ?? 1, 0, Most);
        }

        for (var done = 0; done < iterations; done++)
        {
            await Task.Delay(pause, time, cancellationToken);
        }

        var body = OllamaRequest.Write(json => json.WriteNumber("iterations", iterations));
        await output.WriteAsync(DeltaKind.Body, 0, body, cancellationToken);
        return WorkResult.Finished(new Messages.Finish());
    }

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "No backend is named: a demo goes through the iterations of each task, and does nothing else. Name one with --command, --ollama or --openai"
    )]
    private static partial void LogDemo(ILogger logger);
}
