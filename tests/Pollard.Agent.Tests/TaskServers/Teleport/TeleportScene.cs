using System.Collections.Concurrent;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Pollard.Agent.Backends;
using Pollard.Agent.Tests.Backends;

namespace Pollard.Agent.Tests.TaskServers.Teleport;

/// <summary>A teleport server, a tool, and agents of ours between them.</summary>
internal sealed class TeleportScene : IAsyncDisposable
{
    private readonly ConcurrentQueue<TaskAgent> _agents = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("pollard-").FullName;
    private readonly ConcurrentQueue<string> _called = new();
    private readonly SemaphoreSlim _calls = new(0);
    private HttpToolBackend? _backend;
    private ScriptedServer? _tool;

    public required TeleportStub Server { get; init; }

    /// <summary>What the tool answers.</summary>
    public RequestDelegate Answer { get; set; } = static http => http.Response.WriteAsync("hello", http.RequestAborted);

    /// <summary>The tool's address.</summary>
    public string ToolUrl => _tool!.Url.AbsoluteUri.TrimEnd('/');

    /// <summary>The calls that the tool got: method, path, header lines of a test's own and body.</summary>
    public IReadOnlyCollection<string> Called => _called;

    public static async Task<TeleportScene> StartAsync()
    {
        var scene = new TeleportScene { Server = await TeleportStub.StartAsync() };
        scene._tool = await ScriptedServer.StartAsync(scene.CallAsync, TestContext.Current.CancellationToken);
        scene._backend = new HttpToolBackend(
            new HttpToolOptions { Name = "wiki", Url = new Uri(scene.ToolUrl) },
            TimeProvider.System,
            NullLogger<HttpToolBackend>.Instance
        );
        return scene;
    }

    public TaskAgent StartAgent(Func<AgentOptions, AgentOptions>? with = null)
    {
        var agent = new TaskAgent(
            Server.Url,
            _backend!,
            options =>
            {
                var teleport = options with { Server = null, Teleport = Server.Url, DrainWithin = TimeSpan.Zero };
                return with?.Invoke(teleport) ?? teleport;
            },
            _folder
        );
        _agents.Enqueue(agent);
        return agent;
    }

    /// <summary>Waits for the next call of the tool.</summary>
    public async Task CalledAsync()
    {
        if (!await _calls.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken))
        {
            throw new TimeoutException("The tool was not called.");
        }
    }

    /// <summary>The journal's files that end so.</summary>
    public IReadOnlyList<string> Journal(string end) => TaskAgent.Journal(_folder, end);

    public async ValueTask DisposeAsync()
    {
        foreach (var agent in _agents)
        {
            await agent.DisposeAsync();
        }

        _backend!.Dispose();
        await _tool!.DisposeAsync();
        await Server.DisposeAsync();
        _calls.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task CallAsync(HttpContext http)
    {
        using var reader = new StreamReader(http.Request.Body);
        var body = await reader.ReadToEndAsync(http.RequestAborted);
        _called.Enqueue(
            $"{http.Request.Method} {http.Request.Path}{http.Request.QueryString} {http.Request.Headers["X-Mark"]} {http.Request.Headers.AcceptEncoding} {body}"
        );
        _calls.Release();
        await Answer(http);
    }
}
