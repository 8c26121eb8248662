using Pollard.Agent.Backends;
using Pollard.Protocol;

namespace Pollard.Composition;

/// <summary>
/// This machine's Ollama, which nobody named and which was not there at the start. The agent asks its backends for their
/// models every half minute; until Ollama answers, that costs one refused connection and is no complaint.
/// </summary>
internal sealed class AwaitedOllama(Shell shell, IBackend ollama, Action<IReadOnlyList<ModelInfo>> found) : IBackend
{
    private static readonly TimeSpan LookFor = TimeSpan.FromSeconds(2);
    private bool _isThere;

    /// <inheritdoc/>
    public string Name => ollama.Name;

    /// <summary>True when an Ollama answers now.</summary>
    public static async Task<bool> IsThereAsync(Shell shell, CancellationToken ct)
    {
        using var http = shell.CreateHttpClient();
        using var limit = new CancellationTokenSource(LookFor, shell.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, ct);
        try
        {
            using var response = await http.GetAsync(
                new Uri(shell.Ollama, "api/version"),
                HttpCompletionOption.ResponseHeadersRead,
                either.Token
            );
            return response.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<ModelInfo>> DiscoverAsync(CancellationToken cancellationToken)
    {
        if (_isThere)
        {
            return await ollama.DiscoverAsync(cancellationToken);
        }

        if (!await IsThereAsync(shell, cancellationToken))
        {
            return [];
        }

        var models = await ollama.DiscoverAsync(cancellationToken);
        if (!Interlocked.Exchange(ref _isThere, true))
        {
            found(models);
        }

        return models;
    }

    /// <inheritdoc/>
    public Task<WorkResult> RunAsync(WorkItem work, IWorkOutput output, CancellationToken cancellationToken) =>
        ollama.RunAsync(work, output, cancellationToken);
}
