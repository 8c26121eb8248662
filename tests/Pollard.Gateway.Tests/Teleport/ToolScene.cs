using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Pollard.Agent;
using Pollard.Agent.Backends;
using Pollard.Gateway.Hosts;
using Pollard.Tasks;
using Pollard.Tasks.Storage;

namespace Pollard.Gateway.Tests.Teleport;

/// <summary>A gateway, a real agent that has the tool <c>wiki</c>, and the tool itself, which answers as the test says.</summary>
internal sealed class ToolScene : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly WebApplication _tool;
    private readonly HttpToolBackend _backend;
    private readonly Task<AgentExit> _agent;

    private ToolScene(TestGateway gateway, WebApplication tool, Func<HttpToolOptions, HttpToolOptions>? change)
    {
        (Gateway, _tool) = (gateway, tool);
        var options = new HttpToolOptions { Name = "wiki", Url = new Uri(new Uri(tool.Urls.First()), "/base") };
        _backend = new HttpToolBackend(
            change?.Invoke(options) ?? options,
            TimeProvider.System,
            NullLogger<HttpToolBackend>.Instance
        );
        var agent = new AgentOptions
        {
            Connect = () => gateway.Server.Hosts.Open(LinkPeer.Local("host_box", "box")),
            Name = "box",
            Slots = 8,
            DrainWithin = TimeSpan.Zero,
        };
        _agent = new AgentHost(agent, [_backend], NullLoggerFactory.Instance).RunAsync(_stop.Token);
    }

    public TestGateway Gateway { get; }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static async Task<ToolScene> StartAsync(
        RequestDelegate answer,
        Func<HttpToolOptions, HttpToolOptions>? change = null,
        Func<GatewayOptions, GatewayOptions>? gatewayOptions = null,
        TaskEngineOptions? engine = null,
        ITaskStore? store = null
    )
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore();
        var tool = builder.Build();
        tool.Urls.Add("http://127.0.0.1:0");
        tool.Run(answer);
        await tool.StartAsync(Token);
        var gateway = await TestGateway.StartAsync(gatewayOptions, engine, store);
        var scene = new ToolScene(gateway, tool, change);
        while (gateway.Engine.Hosts.CanServe("http", "wiki") == Tasks.Dispatch.Serving.None)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, Token);
        }

        return scene;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _agent;
        await Gateway.DisposeAsync();
        await _tool.DisposeAsync();
        _backend.Dispose();
        _stop.Dispose();
    }
}
