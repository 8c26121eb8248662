using System.Text;
using System.Threading.Channels;
using Pollard.Agent.Backends;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Tests.Link;

/// <summary>A backend whose runs the test conducts; it has the model <c>m</c>.</summary>
internal sealed class ConductedBackend : IBackend
{
    private readonly Channel<ConductedRun> _runs = Channel.CreateBounded<ConductedRun>(1000);

    public string Name => "conducted";

    public Task<IReadOnlyList<ModelInfo>> DiscoverAsync(CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<ModelInfo>>([new ModelInfo { Name = "m" }]);

    public async Task<WorkResult> RunAsync(WorkItem work, IWorkOutput output, CancellationToken cancellationToken)
    {
        var run = new ConductedRun(work, output, cancellationToken);
        await _runs.Writer.WriteAsync(run, cancellationToken);
        return await run.Result.Task.WaitAsync(cancellationToken);
    }

    public async Task<ConductedRun> NextAsync() =>
        await _runs
            .Reader.ReadAsync(TestContext.Current.CancellationToken)
            .AsTask()
            .WaitAsync(TimeSpan.FromSeconds(30), TimeProvider.System, TestContext.Current.CancellationToken);
}

/// <summary>One run of a <see cref="ConductedBackend"/>.</summary>
internal sealed class ConductedRun(WorkItem work, IWorkOutput output, CancellationToken stopping)
{
    public TaskCompletionSource<WorkResult> Result { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public WorkItem Work => work;

    public CancellationToken Stopping => stopping;

    public ValueTask WriteAsync(string text) =>
        output.WriteAsync(DeltaKind.Content, 0, Encoding.UTF8.GetBytes(text), stopping);

    public void Finish() => Result.TrySetResult(WorkResult.Finished(new Messages.Finish()));
}
