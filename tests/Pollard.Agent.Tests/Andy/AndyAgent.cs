using Microsoft.Extensions.Logging.Abstractions;
using Pollard.Agent.Backends;
using Pollard.Agent.Owner;

namespace Pollard.Agent.Tests.Andy;

/// <summary>A real agent that works for an Andy server.</summary>
internal sealed class AndyAgent : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly string _folder;
    private readonly bool _isFolderOurs;

    public AndyAgent(Uri server, IBackend backend, Func<AgentOptions, AgentOptions>? with = null, string? folder = null)
    {
        (_isFolderOurs, _folder) = (folder is null, folder ?? Directory.CreateTempSubdirectory("pollard-").FullName);
        var options = new AgentOptions
        {
            Andy = server,
            Name = "box",
            Slots = 2,
            StateDirectory = _folder,
            HasControl = true,
            DrainWithin = TimeSpan.Zero,
        };
        Host = new AgentHost(with?.Invoke(options) ?? options, [backend], NullLoggerFactory.Instance);
        Exit = Task.Run(() => Host.RunAsync(_stop.Token));
    }

    public AgentHost Host { get; }

    public Task<AgentExit> Exit { get; }

    /// <summary>The owner's word to it.</summary>
    public AgentControl Control => new(_folder, TimeProvider.System);

    /// <summary>Tells it to stop, and does not wait.</summary>
    public Task StopAsync() => _stop.CancelAsync();

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await ((Task)Exit).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
        if (_isFolderOurs)
        {
            Directory.Delete(_folder, recursive: true);
        }
    }
}
