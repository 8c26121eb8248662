using Pollard.Bench.Machine;
using Pollard.Bench.Roles;

namespace Pollard.Bench.Load;

/// <summary>One of the compared ways from a client to a model.</summary>
/// <param name="Name">For the report.</param>
/// <param name="Port">Where the client asks.</param>
/// <param name="Between">What stands between the client and the model, and is measured.</param>
/// <param name="Parts">Everything to stop, in order.</param>
internal sealed record Way(string Name, int Port, ChildProcess Between, IReadOnlyList<IAsyncDisposable> Parts)
    : IAsyncDisposable
{
    /// <summary>Straight to the model.</summary>
    public static async Task<Way> DirectAsync()
    {
        var (model, port) = await ModelAsync();
        return new Way("direct", port, model, [model]);
    }

    /// <summary>Through YARP.</summary>
    public static async Task<Way> YarpAsync()
    {
        var (model, to) = await ModelAsync();
        var port = Ports.Free();
        var yarp = await StartRoleAsync("yarp", ("port", port), ("to", to));
        return new Way("YARP", port, yarp, [yarp, model]);
    }

    /// <summary>Through nginx; null when there is none here.</summary>
    public static async Task<Way?> NginxAsync()
    {
        if (Nginx.Program is null)
        {
            return null;
        }

        var (model, to) = await ModelAsync();
        var nginx = await Nginx.StartAsync(to);
        return new Way("nginx", nginx.Port, nginx.Process, [nginx, model]);
    }

    /// <summary>Through a gateway, to hosts whose model is in their own process.</summary>
    public static async Task<Way> GatewayAsync(
        int hosts = 1,
        int slots = 256,
        int? core = null,
        IEnumerable<(string Name, string Value)>? environment = null
    )
    {
        var gateway = await RunningGateway.StartAsync(core: core, environment: environment);
        var pool = await StartRoleAsync("hosts", ("gateway", gateway.Url), ("count", hosts), ("slots", slots));
        await gateway.UntilHostsAsync(hosts);
        return new Way("Pollard, light host", gateway.Port, gateway.Process, [pool, gateway]);
    }

    /// <summary>Through a gateway and an agent to the same model as the proxies.</summary>
    public static async Task<Way> AgentAsync(int slots = 256)
    {
        var gateway = await RunningGateway.StartAsync();
        var (model, to) = await ModelAsync();
        var folder = new BenchFolder(null);
        var agent = ChildProcess.Start(
            "agent",
            PollardProgram.File,
            [
                "agent",
                "--gateway",
                gateway.Url,
                "--openai",
                $"http://127.0.0.1:{to}",
                "--slots",
                $"{slots}",
                "--data",
                folder.Path,
            ]
        );
        await gateway.UntilHostsAsync(1);
        return new Way("Pollard, agent, HTTP model", gateway.Port, gateway.Process, [agent, model, gateway]);
    }

    /// <summary>Starts a role of this program and waits until it serves.</summary>
    public static async Task<ChildProcess> StartRoleAsync(string role, params (string Name, object Value)[] values)
    {
        var process = ChildProcess.Start(role, Environment.ProcessPath!, Role.Arguments(role, values));
        await process.UntilSaysAsync(Role.Ready);
        return process;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var part in Parts)
        {
            await part.DisposeAsync();
        }
    }

    private static async Task<(ChildProcess Process, int Port)> ModelAsync()
    {
        var port = Ports.Free();
        return (await StartRoleAsync("model", ("port", port)), port);
    }
}
