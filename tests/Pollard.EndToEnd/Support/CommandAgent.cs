using System.Diagnostics;
using System.Text.Json;

namespace Pollard.EndToEnd.Support;

/// <summary>A gateway, and an agent of its own process whose commands see a home of their own and a simulated service.</summary>
internal sealed class CommandAgent : IAsyncDisposable
{
    private readonly string[] _arguments;
    private readonly string[] _environment;
    private PollardProcess _process;

    private CommandAgent(GatewayProcess gateway, string[] environment, Action<string> prepareHome, string[] arguments)
    {
        Gateway = gateway;
        Directory.CreateDirectory(Path.Combine(Home, "codex"));
        prepareHome(Home);
        var servers = Path.Combine(Home, "mcp.json");
        File.WriteAllText(
            servers,
            $$"""
            {"mcpServers": {"tree": {
              "command": "node", "args": ["{{Clients}}/mcp.mjs"], "env": {"TREE_SECRET": "sesame"}
            } } }
            """
        );
        _environment =
        [
            "env",
            $"HOME={Home}",
            $"CODEX_HOME={Path.Combine(Home, "codex")}",
            "ANTHROPIC_API_KEY=none",
            "SIMULATED_KEY=none",
            .. environment,
        ];
        _arguments =
        [
            "agent",
            "--gateway",
            gateway.Url,
            "--data",
            Path.Combine(gateway.Data, "agent"),
            "--command-env",
            "ANTHROPIC_BASE_URL,ANTHROPIC_API_KEY,CODEX_HOME,SIMULATED_KEY",
            "--mcp-config",
            servers,
            .. arguments,
        ];
        _process = PollardProcess.Start(_environment, _arguments);
    }

    /// <summary>Where programs for the tests lie.</summary>
    public static string Clients { get; } =
        Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "../../../../tests/Pollard.EndToEnd/clients"));

    /// <summary>Where the programs of npm lie.</summary>
    public static string Programs { get; } = Path.Combine(Clients, "node_modules/.bin");

    public GatewayProcess Gateway { get; }

    /// <summary>The home of the commands.</summary>
    public string Home => Path.Combine(Gateway.Data, "home");

    /// <summary>What is left of runs.</summary>
    public IEnumerable<string> LeftOver =>
        Directory
            .EnumerateFileSystemEntries(Path.Combine(Gateway.Data, "agent", "runs"))
            .Select(path => Path.GetFileName(path))
            .Where(name => name != "lock");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static Task<CommandAgent> StartAsync(string model, string[] environment, params string[] arguments) =>
        StartAsync(model, environment, static _ => { }, arguments);

    public static async Task<CommandAgent> StartAsync(
        string model,
        string[] environment,
        Action<string> prepareHome,
        params string[] arguments
    )
    {
        CommandAgent agent = new(await GatewayProcess.StartAsync(), environment, prepareHome, arguments);
        await agent.Gateway.UntilModelAsync(model);
        return agent;
    }

    /// <summary>Hands in a chat as a durable task.</summary>
    /// <param name="model">What is asked.</param>
    /// <param name="text">The prompt.</param>
    /// <param name="members">More members of the task, each with a comma after it.</param>
    /// <param name="asks">More members of the request, each with a comma after it.</param>
    public async Task<string> SubmitAsync(string model, string text, string members = "", string asks = "")
    {
        var prompt = JsonEncodedText.Encode(text);
        var task = await Gateway.PostAsync(
            "/v1/tasks",
            $$"""{"kind":"chat",{{members}}"model":"{{model}}","request":{ {{asks}}"messages":[{"role":"user","content":"{{prompt}}"}]} }"""
        );
        return task.GetProperty("id").GetString()!;
    }

    /// <summary>The task when it has ended, which must be well.</summary>
    public async Task<JsonElement> UntilCompletedAsync(string id)
    {
        var task = await Gateway.GetAsync($"/v1/tasks/{id}/wait?timeout=60");
        Assert.True(task.GetProperty("state").GetString() == "completed", $"{task}\n{_process.Output}");
        return task.GetProperty("result");
    }

    /// <summary>Waits until the task's last word on how far it is begins so.</summary>
    public Task UntilPhaseAsync(string id, string phase, string message = "") =>
        _process.UntilAsync(
            async _ =>
                (await PhasesAsync(id)).Any(seen =>
                    seen.Phase == phase && seen.Message.StartsWith(message, StringComparison.Ordinal)
                ),
            $"{id} is in phase {phase} {message}"
        );

    /// <summary>All that the task said of how far it was.</summary>
    public async Task<IReadOnlyList<(string Phase, string Message)>> PhasesAsync(string id)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, $"/v1/tasks/{id}/events");
        request.Headers.Accept.ParseAdd("application/json");
        using var reply = await Gateway.Http.SendAsync(request, Token);
        using var page = JsonDocument.Parse(await reply.Content.ReadAsStringAsync(Token));
        return
        [
            .. page
                .RootElement.GetProperty("events")
                .EnumerateArray()
                .Where(happened => happened.GetProperty("type").GetString() == "phase")
                .Select(happened => happened.GetProperty("data"))
                .Select(word =>
                    (
                        word.GetProperty("phase").GetString()!,
                        word.TryGetProperty("message", out var message) ? message.GetString()! : ""
                    )
                ),
        ];
    }

    /// <summary>The processes of a task's command that live, found as their mark says.</summary>
    public static IReadOnlyList<int> ProcessesOf(string id)
    {
        List<int> found = [];
        foreach (var process in Process.GetProcesses())
        {
            using (process)
            {
                try
                {
                    var isDead = File.ReadAllText($"/proc/{process.Id}/stat")
                        .Split(')')[^1]
                        .StartsWith(" Z", StringComparison.Ordinal);
                    if (
                        !isDead
                        && File.ReadAllText($"/proc/{process.Id}/environ")
                            .Contains($"POLLARD_RUN={id}.", StringComparison.Ordinal)
                    )
                    {
                        found.Add(process.Id);
                    }
                }
                catch (Exception e) when (e is IOException or UnauthorizedAccessException)
                {
                    // It has ended, or is somebody else's.
                }
            }
        }

        return found;
    }

    public Task UntilGoneAsync(string id) =>
        _process.UntilAsync(_ => Task.FromResult(ProcessesOf(id).Count == 0), $"the processes of {id} are gone");

    /// <summary>SIGKILL to the agent alone: what it started is left behind.</summary>
    public async Task KillAsync()
    {
        using var kill = Process.Start("kill", ["-KILL", $"{_process.Id}"]);
        await kill.WaitForExitAsync(Token);
        await _process.UntilExitAsync();
        await _process.DisposeAsync();
    }

    /// <summary>Lets the agent end as its owner would.</summary>
    public Task StopAsync() => _process.StopAsync();

    /// <summary>Starts it again on the same state.</summary>
    public void StartAgain() => _process = PollardProcess.Start(_environment, _arguments);

    public async ValueTask DisposeAsync()
    {
        await _process.StopAsync();
        await _process.DisposeAsync();
        await Gateway.DisposeAsync();
    }
}
