using System.Text.Json;
using Pollard.EndToEnd.Support;

namespace Pollard.EndToEnd;

/// <summary>An agent that works for an Andy server, as processes; the server is a gateway in its part as one.</summary>
public sealed class AndyPoolTests : IDisposable
{
    private readonly DirectoryInfo _data = Directory.CreateTempSubdirectory("pollard-andy-");

    public void Dispose() => _data.Delete(recursive: true);

    [Theory]
    [InlineData("", "andy-poll")]
    [InlineData("/api/andy", "andy-poll")]
    [InlineData("/api", "andy-poll")]
    [InlineData("/ws", "andy-ws")]
    public async Task Its_models_answer_at_the_doors_of_the_server(string path, string carrier)
    {
        await using var gateway = await GatewayProcess.StartAsync();
        var url = $"http://127.0.0.1:{PollardProcess.FreePort()}";
        await using var ollama = PollardProcess.Start("simulate", "ollama", "--url", url);
        await using var agent = StartAgent(gateway.Url + path, url);
        await gateway.UntilModelAsync("pollard-demo");

        var chat = await gateway.PostAsync(
            "/v1/chat/completions",
            """{"model":"pollard-demo","max_tokens":9,"messages":[{"role":"user","content":"Hello"}]}"""
        );
        var embedding = await gateway.PostAsync("/v1/embeddings", """{"model":"pollard-demo","input":"Hello"}""");
        await using var asked = PollardProcess.Start("agent", "status", "--json", "--data", _data.FullName);
        Assert.Equal(0, await asked.UntilExitAsync());

        var text = chat.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString();
        Assert.StartsWith("[simulator]", text, StringComparison.Ordinal);
        Assert.NotEmpty(embedding.GetProperty("data")[0].GetProperty("embedding").EnumerateArray());
        Assert.Equal(carrier, JsonElement.Parse(asked.Output).GetProperty("carrier").GetString());
        Assert.Equal(0, await agent.StopAsync());
    }

    [Fact]
    public async Task One_that_was_killed_comes_back_as_the_only_host()
    {
        await using var gateway = await GatewayProcess.StartAsync();
        var url = $"http://127.0.0.1:{PollardProcess.FreePort()}";
        await using var ollama = PollardProcess.Start("simulate", "ollama", "--url", url);
        await using (var agent = StartAgent(gateway.Url, url))
        {
            await gateway.UntilModelAsync("pollard-demo");
            await agent.KillAsync();
        }

        var former = (await PoolAsync(gateway)).GetProperty("hosts")[0].GetProperty("host_id").GetString();
        await using var again = StartAgent(gateway.Url, url);
        await again.UntilAsync(
            async _ =>
            {
                var hosts = (await PoolAsync(gateway)).GetProperty("hosts");
                return hosts.GetArrayLength() == 1 && hosts[0].GetProperty("host_id").GetString() != former;
            },
            "the new host is there and the former one is not"
        );
        var chat = await gateway.PostAsync(
            "/v1/chat/completions",
            """{"model":"pollard-demo","max_tokens":9,"messages":[{"role":"user","content":"Hello"}]}"""
        );

        Assert.Equal("length", chat.GetProperty("choices")[0].GetProperty("finish_reason").GetString());
    }

    private static Task<JsonElement> PoolAsync(GatewayProcess gateway) => gateway.GetAsync("/api/andy/pool_status");

    private PollardProcess StartAgent(string server, string ollama) =>
        PollardProcess.Start("agent", "--andy", server, "--ollama", ollama, "--data", _data.FullName);
}
