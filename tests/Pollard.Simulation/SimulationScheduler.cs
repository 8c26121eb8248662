namespace Pollard.Simulation;

/// <summary>Runs continuations one at a time, on one thread, in an order that the seed decides.</summary>
internal sealed class SimulationScheduler(Random random) : SynchronizationContext
{
    private readonly List<(SendOrPostCallback Run, object? State)> _ready = [];

    public bool IsIdle => _ready.Count == 0;

    public override void Post(SendOrPostCallback d, object? state) => _ready.Add((d, state));

    public override void Send(SendOrPostCallback d, object? state) => d(state);

    public override SynchronizationContext CreateCopy() => this;

    /// <summary>Runs one continuation that is ready.</summary>
    public void Step()
    {
        if (_ready.Count == 0)
        {
            return;
        }

        var at = random.Next(_ready.Count);
        var (run, state) = _ready[at];
        _ready.RemoveAt(at);
        run(state);
    }

    /// <summary>Runs all that is ready and all that becomes ready by it.</summary>
    public void Drain()
    {
        for (var steps = 0; _ready.Count > 0; steps++)
        {
            Assert.True(steps < 100_000, "Continuations make each other ready without end.");
            Step();
        }
    }
}
