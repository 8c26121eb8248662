namespace Pollard.EndToEnd.Support;

/// <summary>An agent as its own process with a name, and a simulated Ollama behind it.</summary>
internal sealed class PoolAgent : IAsyncDisposable
{
    private readonly GatewayProcess _gateway;
    private readonly string _name;
    private readonly string _url = $"http://127.0.0.1:{PollardProcess.FreePort()}";
    private readonly PollardProcess _model;
    private PollardProcess? _agent;

    /// <summary>Starts the model, not yet the agent.</summary>
    /// <param name="gateway">Whose pool the agent joins.</param>
    /// <param name="name">The agent's name.</param>
    /// <param name="model">How the model answers, as options of <c>pollard simulate ollama</c>.</param>
    public PoolAgent(GatewayProcess gateway, string name, params string[] model)
    {
        (_gateway, _name) = (gateway, name);
        _model = PollardProcess.Start(["simulate", "ollama", "--url", _url, .. model]);
    }

    /// <summary>Starts the agent and waits until its model can be asked for.</summary>
    public async Task StartAsync()
    {
        var data = Path.Combine(_gateway.Data, "agent");
        _agent = PollardProcess.Start([
            "agent",
            "--gateway",
            _gateway.Url,
            "--name",
            _name,
            "--ollama",
            _url,
            "--data",
            data,
        ]);
        await _gateway.UntilModelAsync("pollard-demo");
    }

    /// <summary>Stops the agent as its owner would.</summary>
    public async Task StopAsync()
    {
        await _agent!.StopAsync();
        await _agent.DisposeAsync();
        _agent = null;
    }

    public async ValueTask DisposeAsync()
    {
        if (_agent is not null)
        {
            await _agent.DisposeAsync();
        }

        await _model.DisposeAsync();
    }
}
