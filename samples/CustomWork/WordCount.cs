using System.Text.Json;
using Pollard.Agent.Backends;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;

namespace CustomWork;

/// <summary>Work of one's own: one class that says what it can do, and does it.</summary>
internal sealed class WordCount : IBackend
{
    public string Name => "word count";

    // Tasks of the kind "word-count" with the model "words". A task server's tasks, which say neither, come as they are.
    public Task<IReadOnlyList<ModelInfo>> DiscoverAsync(CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<ModelInfo>>([
            new ModelInfo { Name = "words", Kinds = ["word-count", WorkItem.WholeTask] },
        ]);

    public async Task<WorkResult> RunAsync(WorkItem work, IWorkOutput output, CancellationToken cancellationToken)
    {
        using JsonDocument request = JsonDocument.Parse(work.Request);
        if (!request.RootElement.TryGetProperty("text", out JsonElement text) || text.ValueKind != JsonValueKind.String)
        {
            return WorkResult.Failed(
                new Messages.Fail
                {
                    Code = "bad_request",
                    Message = "the request has no \"text\"",
                    Retryable = false,
                    Status = 400,
                }
            );
        }

        int words = text.GetString()!.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Length;

        // Written as it comes; who reads along sees it at once. What is JSON is the task's result as it is.
        await output.WriteAsync(
            DeltaKind.Body,
            0,
            JsonSerializer.SerializeToUtf8Bytes(new { words }),
            cancellationToken
        );
        return WorkResult.Finished(new Messages.Finish());
    }
}
