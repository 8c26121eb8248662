using System.Text.Json;
using Pollard.EndToEnd.Support;

namespace Pollard.EndToEnd;

/// <summary>The owner of a machine and the agent on it, as processes.</summary>
public sealed class OwnerTests : IDisposable
{
    private readonly DirectoryInfo _data = Directory.CreateTempSubdirectory("pollard-owner-");

    public void Dispose() => _data.Delete(recursive: true);

    [Fact]
    public async Task A_machine_is_paused_stays_so_over_a_restart_and_works_again_when_it_is_resumed()
    {
        await using var gateway = await GatewayProcess.StartAsync();
        var url = $"http://127.0.0.1:{PollardProcess.FreePort()}";
        await using var ollama = PollardProcess.Start("simulate", "ollama", "--url", url);
        await using (var agent = StartAgent(gateway, url))
        {
            await gateway.UntilModelAsync("pollard-demo");
            var (code, paused) = await OwnerAsync("pause", "--for", "2h", "--json");
            Assert.Equal((0, "paused"), (code, JsonElement.Parse(paused).GetProperty("state").GetString()));
            Assert.Equal(0, await agent.StopAsync());
        }

        await using var again = StartAgent(gateway, url);
        await again.UntilAsync(
            async _ =>
            {
                var hosts = (await gateway.GetAsync("/v1/hosts")).GetProperty("hosts");
                return hosts[0].GetProperty("state").GetString() == "paused";
            },
            "the host is paused again"
        );
        var task = await gateway.PostAsync(
            "/v1/tasks",
            """{"kind":"chat","model":"pollard-demo","request":{"messages":[{"role":"user","content":"Hello"}]}}"""
        );
        var id = task.GetProperty("id").GetString();
        var why = await gateway.GetAsync($"/v1/tasks/{id}/why");
        var (_, status) = await OwnerAsync("status");
        var (_, resumed) = await OwnerAsync("resume");
        var ended = await gateway.GetAsync($"/v1/tasks/{id}/wait?timeout=30");

        Assert.Contains("paused by its owner", why.GetRawText(), StringComparison.Ordinal);
        Assert.Contains("paused, until", status, StringComparison.Ordinal);
        Assert.DoesNotContain("paused", resumed, StringComparison.Ordinal);
        Assert.Equal("completed", ended.GetProperty("state").GetString());
    }

    [Fact]
    public async Task Who_asks_for_an_agent_that_is_not_there_is_told_so()
    {
        var (code, output) = await OwnerAsync("status");

        Assert.Equal(1, code);
        Assert.Contains("No agent of yours runs", output, StringComparison.Ordinal);
    }

    private PollardProcess StartAgent(GatewayProcess gateway, string ollama) =>
        PollardProcess.Start("agent", "--gateway", gateway.Url, "--ollama", ollama, "--data", _data.FullName);

    private async Task<(int Code, string Output)> OwnerAsync(params string[] arguments)
    {
        await using var process = PollardProcess.Start(["agent", .. arguments, "--data", _data.FullName]);
        var code = await process.UntilExitAsync();
        return (code, process.Output);
    }
}
