using System.Text;
using System.Threading.Channels;
using Pollard.Agent.Backends;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;

namespace Pollard.Gateway.Tests.Hosts;

/// <summary>A backend whose every run the test conducts.</summary>
internal sealed class FakeBackend(params string[] models) : IBackend
{
    private readonly Channel<Run> _runs = Channel.CreateBounded<Run>(1000);

    public string Name => "fake";

    public IReadOnlyList<string> Models { get; set; } = models.Length == 0 ? ["m"] : models;

    public Task<IReadOnlyList<ModelInfo>> DiscoverAsync(CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<ModelInfo>>([.. Models.Select(name => new ModelInfo { Name = name })]);

    public async Task<WorkResult> RunAsync(WorkItem work, IWorkOutput output, CancellationToken cancellationToken)
    {
        var run = new Run(work, output, cancellationToken);
        await _runs.Writer.WriteAsync(run, cancellationToken);
        return await run.Result.Task.WaitAsync(cancellationToken);
    }

    /// <summary>The next run that begins.</summary>
    public async Task<Run> NextAsync() => await _runs.Reader.ReadAsync(TestContext.Current.CancellationToken);

    /// <summary>Answers every run with one piece of text, to the end of the test.</summary>
    public async Task ServeAsync(Func<Run, string> answer)
    {
        await foreach (var run in _runs.Reader.ReadAllAsync(TestContext.Current.CancellationToken))
        {
            await run.WriteAsync(answer(run));
            run.Finish();
        }
    }

    internal sealed class Run(WorkItem work, IWorkOutput output, CancellationToken stopping)
    {
        public TaskCompletionSource<WorkResult> Result { get; } =
            new(TaskCreationOptions.RunContinuationsAsynchronously);

        public WorkItem Work => work;

        public CancellationToken Stopping => stopping;

        public ValueTask WriteAsync(string text) =>
            output.WriteAsync(DeltaKind.Content, 0, Encoding.UTF8.GetBytes(text), stopping);

        public void Finish() =>
            Result.TrySetResult(WorkResult.Finished(new Messages.Finish { FinishReasons = ["stop"] }));

        public void Fail(string code, bool retryable) =>
            Result.TrySetResult(
                WorkResult.Failed(
                    new Messages.Fail
                    {
                        Code = code,
                        Message = "as the test wants it",
                        Retryable = retryable,
                    }
                )
            );

        /// <summary>Ends when the attempt is told to stop.</summary>
        public async Task StoppedAsync()
        {
            var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            await using var registration = stopping.Register(() => stopped.TrySetResult());
            await stopped.Task.WaitAsync(
                TimeSpan.FromSeconds(30),
                TimeProvider.System,
                TestContext.Current.CancellationToken
            );
        }
    }
}
