using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Pollard.Agent.Backends;
using Pollard.Agent.Owner;

namespace Pollard.Agent.Tests.TaskServers;

/// <summary>A real agent that works for a task server.</summary>
internal sealed class TaskAgent : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly bool _isFolderOurs;

    public TaskAgent(
        Uri server,
        IBackend backend,
        Func<AgentOptions, AgentOptions>? with = null,
        string? folder = null,
        ILoggerFactory? loggers = null
    )
    {
        (_isFolderOurs, Folder) = (folder is null, folder ?? Directory.CreateTempSubdirectory("pollard-").FullName);
        var options = new AgentOptions
        {
            Server = server,
            Name = "box",
            Slots = 2,
            StateDirectory = Folder,
            HasControl = true,
            DrainWithin = TimeSpan.FromSeconds(60),
        };
        Host = new AgentHost(with?.Invoke(options) ?? options, [backend], loggers ?? NullLoggerFactory.Instance);
        Exit = Task.Run(() => Host.RunAsync(_stop.Token));
    }

    public AgentHost Host { get; }

    public string Folder { get; }

    public Task<AgentExit> Exit { get; }

    /// <summary>The owner's word to it.</summary>
    public AgentControl Control => new(Folder, TimeProvider.System);

    /// <summary>The names of the files in its journal that end so.</summary>
    public static IReadOnlyList<string> Journal(string folder, string end) =>
        [
            .. Directory
                .EnumerateFiles(Path.Combine(folder, "task-servers"), "*" + end, SearchOption.AllDirectories)
                .Select(path => Path.GetFileName(path)),
        ];

    /// <summary>Waits until what it says of itself meets a condition.</summary>
    public async Task<AgentStatus> UntilAsync(Func<AgentStatus, bool> holds)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromSeconds(60));
        while (true)
        {
            if (Host.Look() is { } status && holds(status))
            {
                return status;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, limit.Token);
        }
    }

    /// <summary>Tells it to stop, and waits until it has.</summary>
    public async Task<AgentExit> StopAsync()
    {
        await _stop.CancelAsync();
        return await Exit;
    }

    /// <summary>Tells it to stop, and does not wait.</summary>
    public Task BeginStopAsync() => _stop.CancelAsync();

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await ((Task)Exit).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
        if (_isFolderOurs)
        {
            Directory.Delete(Folder, recursive: true);
        }
    }
}
