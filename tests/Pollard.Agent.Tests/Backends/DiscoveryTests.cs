using Pollard.Agent.Backends;
using Pollard.Agent.Pipeline;
using Pollard.Agent.Tests.Logs;
using Pollard.Agent.Tests.TaskServers;
using Pollard.Protocol;
using Pollard.Testing;

namespace Pollard.Agent.Tests.Backends;

/// <summary>How often backends are asked what they have.</summary>
public sealed class DiscoveryTests
{
    private readonly JumpingClock _clock = new(new DateTimeOffset(2026, 5, 1, 12, 0, 0, TimeSpan.Zero));

    [Fact]
    public async Task A_backend_that_is_only_starting_is_found_soon_and_one_that_is_away_is_asked_seldomer_and_said_once()
    {
        var backend = new StartingBackend(_clock);
        var log = new RecordingLogger<BackendCatalog>();
        using var catalog = new BackendCatalog([backend], new AgentLimits(), _clock, log);
        using var watchdog = new Watchdog(_clock, static _ => { });
        using var over = new CancellationTokenSource();
        await catalog.RefreshAsync(over.Token);
        var running = catalog.RunAsync(watchdog, over.Token);

        await _clock.TurnUntilAsync(backend.Asked(8));
        backend.IsThere = true;
        await _clock.TurnUntilAsync(backend.Asked(10));
        await over.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);

        double[] expected = [1, 2, 4, 8, 16, 30, 30, 30, 30];
        Assert.All(
            backend.Waits.Zip(expected),
            wait => Assert.InRange(wait.First, wait.Second, wait.Second + 3) // The clock is turned while it is asked.
        );
        Assert.Equal(["m"], catalog.Models.Select(static model => model.Name));
        Assert.Single(log.Lines, static line => line.Contains("does not say what it has", StringComparison.Ordinal));
    }

    private sealed class StartingBackend(TimeProvider clock) : IBackend
    {
        private readonly Lock _gate = new();
        private readonly List<DateTimeOffset> _asked = [];
        private (int Count, TaskCompletionSource<bool> Seen)? _awaited;

        public string Name => "starting";

        public bool IsThere { get; set; }

        public IReadOnlyList<double> Waits
        {
            get
            {
                lock (_gate)
                {
                    return [.. _asked.Zip(_asked.Skip(1), static (one, next) => (next - one).TotalSeconds)];
                }
            }
        }

        public Task<bool> Asked(int count)
        {
            lock (_gate)
            {
                _awaited = (count, new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously));
                return _awaited.Value.Seen.Task;
            }
        }

        public Task<IReadOnlyList<ModelInfo>> DiscoverAsync(CancellationToken cancellationToken)
        {
            lock (_gate)
            {
                _asked.Add(clock.GetUtcNow());
                if (_asked.Count >= _awaited?.Count)
                {
                    _awaited.Value.Seen.TrySetResult(true);
                }
            }

            return IsThere
                ? Task.FromResult<IReadOnlyList<ModelInfo>>([new ModelInfo { Name = "m" }])
                : throw new HttpRequestException("Connection refused");
        }

        public Task<WorkResult> RunAsync(WorkItem work, IWorkOutput output, CancellationToken cancellationToken) =>
            throw new InvalidOperationException("Nothing is run here.");
    }
}
