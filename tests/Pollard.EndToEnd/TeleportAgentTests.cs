using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Pollard.EndToEnd.Support;

namespace Pollard.EndToEnd;

/// <summary>Our agent of teleport servers, as a process that is killed, against a gateway in its part as such a server.</summary>
public sealed class TeleportAgentTests
{
    private static readonly byte[] Body = RandomNumberGenerator.GetBytes(3_000_000);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Calls_of_any_size_are_made_and_those_of_other_addresses_are_not()
    {
        await using var tool = await ToolServer.StartAsync(static http =>
            http.Request.Path == "/large"
                ? http.Response.Body.WriteAsync(Body, http.RequestAborted).AsTask()
                : http.Response.WriteAsync("small", http.RequestAborted)
        );
        await using var gateway = await GatewayProcess.StartAsync();
        await using var agent = StartAgent(gateway, tool);
        string[] ids =
        [
            await SubmitAsync(gateway, "GET", tool.Urls.First() + "/small"),
            await SubmitAsync(gateway, "GET", tool.Urls.First() + "/large"),
            await SubmitAsync(gateway, "GET", gateway.Url + "/v1/tasks"),
        ];

        var (small, large, other) = (
            await EndAsync(gateway, ids[0]),
            await EndAsync(gateway, ids[1]),
            await EndAsync(gateway, ids[2])
        );

        Assert.Equal(("completed", "completed", "failed"), (State(small), State(large), State(other)));
        Assert.Equal("small", await gateway.Http.GetStringAsync($"/v1/tasks/{ids[0]}/body", Token));
        Assert.Equal(Body, await gateway.Http.GetByteArrayAsync($"/v1/tasks/{ids[1]}/body", Token));
        Assert.Contains(
            "owner lists",
            other.GetProperty("error").GetProperty("detail").GetString()!,
            StringComparison.Ordinal
        );
        Assert.Equal(0, await agent.StopAsync());
    }

    [Theory]
    [InlineData("GET", "completed", 2)]
    [InlineData("POST", "failed", 1)]
    public async Task A_call_whose_agent_is_killed_is_made_again_only_where_that_does_no_harm(
        string method,
        string state,
        int made
    )
    {
        var calls = 0;
        await using var tool = await ToolServer.StartAsync(http =>
            Interlocked.Increment(ref calls) == 1
                ? Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, http.RequestAborted)
                : http.Response.WriteAsync("again", http.RequestAborted)
        );
        await using var gateway = await GatewayProcess.StartAsync();
        await using var agent = StartAgent(gateway, tool);
        var id = await SubmitAsync(gateway, method, tool.Urls.First() + "/");
        await gateway.Process.UntilAsync(_ => Task.FromResult(Volatile.Read(ref calls) == 1), "the tool is called");

        await agent.KillAsync();
        await using var next = StartAgent(gateway, tool);
        var task = await EndAsync(gateway, id);

        Assert.True(State(task) == state, $"{task}\n{next.Output}");
        Assert.Equal(made, calls);
    }

    private static PollardProcess StartAgent(GatewayProcess gateway, WebApplication tool) =>
        PollardProcess.Start(
            "agent",
            "--teleport",
            gateway.Url,
            "--env-name",
            "prod",
            "--http",
            $"wiki={tool.Urls.First()}",
            "--data",
            Path.Combine(gateway.Data, "agent")
        );

    private static async Task<string> SubmitAsync(GatewayProcess gateway, string method, string url) => (
            await gateway.PostAsync(
                "/v1/tasks",
                JsonSerializer.Serialize(
                    new
                    {
                        kind = "http",
                        model = "prod",
                        request = new { method, url },
                    }
                )
            )
        ).GetProperty("id").GetString()!;

    private static Task<JsonElement> EndAsync(GatewayProcess gateway, string id) =>
        gateway.Http.GetFromJsonAsync<JsonElement>($"/v1/tasks/{id}/wait?timeout=120", Token);

    private static string? State(JsonElement task) => task.GetProperty("state").GetString();
}
