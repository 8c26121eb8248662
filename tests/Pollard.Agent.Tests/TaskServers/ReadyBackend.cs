using System.Text;
using Pollard.Agent.Backends;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Tests.TaskServers;

/// <summary>A backend whose model <c>m</c> says what a test wants it to, at once.</summary>
internal sealed class ReadyBackend(string says = "done") : IBackend
{
    private int _runs;

    public string Name => "ready";

    /// <summary>How often it ran.</summary>
    public int Runs => Volatile.Read(ref _runs);

    public Task<IReadOnlyList<ModelInfo>> DiscoverAsync(CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<ModelInfo>>([new ModelInfo { Name = "m" }]);

    public async Task<WorkResult> RunAsync(WorkItem work, IWorkOutput output, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _runs);
        await output.WriteAsync(DeltaKind.Content, 0, Encoding.UTF8.GetBytes(says), cancellationToken);
        return WorkResult.Finished(new Messages.Finish { FinishReasons = ["stop"] });
    }
}
