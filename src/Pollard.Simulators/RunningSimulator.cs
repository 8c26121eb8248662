namespace Pollard.Simulators;

/// <summary>A simulator that answers until it is disposed of.</summary>
public sealed class RunningSimulator : IAsyncDisposable
{
    private readonly SimulatorServer _server;

    internal RunningSimulator(SimulatorServer server) => _server = server;

    /// <summary>Where it answers, with the port that it really got.</summary>
    public Uri Url => _server.Url;

    /// <summary>What it has seen so far.</summary>
    public SimulatorStats Stats => _server.Ledger.Now();

    /// <summary>The last requests as they came in, at most 64, oldest first.</summary>
    public IReadOnlyList<RecordedRequest> Requests => _server.Ledger.Requests();

    /// <summary>Waits until what it has seen meets a condition.</summary>
    public Task<SimulatorStats> UntilAsync(Func<SimulatorStats, bool> condition, CancellationToken cancellationToken) =>
        _server.Ledger.UntilAsync(condition, cancellationToken);

    /// <summary>Cuts what runs and stops answering.</summary>
    public ValueTask DisposeAsync() => _server.DisposeAsync();
}
