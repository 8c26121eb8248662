using System.Text.Json;
using Pollard.EndToEnd.Support;
using Pollard.Testing;

namespace Pollard.EndToEnd;

/// <summary>What options of <c>pollard agent</c> and <c>pollard up</c> do in real processes.</summary>
public sealed class AgentOptionsTests : IDisposable
{
    private readonly DirectoryInfo _data = Directory.CreateTempSubdirectory("pollard-options-");

    public void Dispose() => _data.Delete(recursive: true);

    [Fact]
    public async Task An_agent_goes_by_its_proxy_and_its_files_are_whole_when_it_has_stopped()
    {
        var port = PollardProcess.FreePort();
        await using var server = PollardProcess.Start("simulate", "tasks", "--port", $"{port}", "--tasks", "3");
        await using var proxy = new ForwardProxy();
        await using var agent = PollardProcess.Start(
            "agent",
            "--server",
            $"http://127.0.0.1:{port}",
            "--proxy",
            proxy.Url.ToString(),
            "--data",
            _data.FullName,
            "--log-dir",
            Path.Combine(_data.FullName, "log"),
            "--metrics-dir",
            Path.Combine(_data.FullName, "metrics")
        );
        await agent.UntilAsync(
            async _ => (await StatusAsync()).Contains("\"delivered\":3", StringComparison.Ordinal),
            "all are delivered"
        );

        Assert.Equal(0, await agent.StopAsync());

        Assert.NotEmpty(proxy.Requests);
        var log = Lines("log");
        Assert.StartsWith("Stopping;", log[^1].GetProperty("message").GetString(), StringComparison.Ordinal);
        var delivered = Lines("metrics").Where(IsDelivered).Select(line => line.GetProperty("value").GetInt32());
        Assert.Equal(3, delivered.Last());
    }

    [Fact]
    public async Task A_gateway_with_its_own_agent_has_tools_too()
    {
        var port = PollardProcess.FreePort();
        await using var tool = PollardProcess.Start("simulate", "tasks", "--port", $"{port}");
        await using var gateway = await GatewayProcess.StartAsync("up", "--http", $"wiki=http://127.0.0.1:{port}");
        var said = "";

        await gateway.Process.UntilAsync(
            async ct =>
            {
                using var answer = await gateway.Http.GetAsync("/v1/teleport/wiki/stats", ct);
                said = await answer.Content.ReadAsStringAsync(ct);
                return answer.IsSuccessStatusCode;
            },
            "the tool answers"
        );

        Assert.True(JsonElement.Parse(said).TryGetProperty("total_tasks", out _));
    }

    private async Task<string> StatusAsync()
    {
        await using var status = PollardProcess.Start("agent", "status", "--json", "--data", _data.FullName);
        await status.UntilExitAsync();
        return status.Output;
    }

    private static bool IsDelivered(JsonElement line) =>
        line.GetProperty("metric_name").GetString() == "pollard.agent.stage.items"
        && line.GetProperty("tags").GetProperty("stage").GetString() == "deliver";

    private List<JsonElement> Lines(string folder) =>
        [
            .. Directory
                .EnumerateFiles(Path.Combine(_data.FullName, folder), "*.jsonl")
                .Order(StringComparer.Ordinal)
                .SelectMany(File.ReadAllLines)
                .Select(line => JsonElement.Parse(line)),
        ];
}
