using System.IO.Pipelines;
using Microsoft.Extensions.Logging;
using Pollard.Agent;
using Pollard.Agent.Backends;
using Pollard.Configuration;
using Pollard.Gateway.Hosts;

namespace Pollard.Composition;

/// <summary>Agents in the gateway's own process, linked through memory: the same in every other way.</summary>
internal sealed class LocalAgents(RunningGateway gateway, Settings settings, TimeProvider time, ILoggerFactory loggers)
    : IAsyncDisposable
{
    private static readonly TimeSpan DrainWithin = TimeSpan.FromSeconds(5);
    private readonly CancellationTokenSource _stopping = new();
    private readonly List<Task> _running = [];

    /// <summary>Starts an agent on this machine's backends.</summary>
    public void Start(string name, IReadOnlyList<IBackend> backends, int slots) =>
        Run("local", name, AgentRole.Worker, backends, slots);

    /// <summary>Starts the stand-in that gets the work that no host can serve.</summary>
    public void StartUpstream(IBackend backend, int slots) =>
        Run("upstream", "upstream", AgentRole.Fallback, [backend], slots);

    /// <summary>Lets what runs finish, for a while.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await Task.WhenAll(_running);
        _stopping.Dispose();
    }

    private void Run(string id, string name, AgentRole role, IReadOnlyList<IBackend> backends, int slots)
    {
        var options = new AgentOptions
        {
            Connect = Open,
            Name = name,
            Slots = slots,
            Role = role,
            StateDirectory = settings.DataPath,
            DrainWithin = DrainWithin,
            Time = time,
        };
        _running.Add(new AgentHost(options, backends, loggers).RunAsync(_stopping.Token));

        IDuplexPipe Open() => gateway.Server.Hosts.Open(LinkPeer.Local(id, name));
    }
}
