using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Pollard.EndToEnd.Support;

namespace Pollard.EndToEnd;

/// <summary>Tools in networks that nobody can reach, called through real processes.</summary>
public sealed class ToolTests
{
    private const int LargeBytes = 40_000_000;
    private static readonly byte[] Piece = RandomNumberGenerator.GetBytes(100_000);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_large_answer_goes_on_when_the_gateway_is_killed_in_the_middle_and_the_tool_is_called_once()
    {
        var calls = 0;
        var goOn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var expected = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        await using var tool = await ToolServer.StartAsync(async http =>
        {
            Interlocked.Increment(ref calls);
            for (var i = 0; i < LargeBytes / Piece.Length; i++)
            {
                if (i == 20)
                {
                    await goOn.Task.WaitAsync(http.RequestAborted);
                }

                expected.AppendData(Piece);
                await http.Response.Body.WriteAsync(Piece, http.RequestAborted);
            }
        });
        await using var gateway = await GatewayProcess.StartAsync();
        await using var agent = StartAgent(gateway, tool);
        await UntilCallableAsync(gateway);

        using var submitted = await gateway.Http.PostAsJsonAsync(
            "/v1/tasks",
            new
            {
                kind = "http",
                model = "wiki",
                request = new { method = "POST", path = "/export" },
            },
            Token
        );
        var id = submitted.Headers.GetValues("Pollard-Task").Single();
        await gateway.Process.UntilAsync(
            async ct => (await TaskAsync(gateway, id, ct)).GetProperty("events").GetInt32() > 10,
            "some of the body is on disk"
        );
        await gateway.KillAndRestartAsync();
        goOn.SetResult();

        var task = await gateway.Http.GetFromJsonAsync<JsonElement>($"/v1/tasks/{id}/wait?timeout=120", Token);
        await using var body = await gateway.Http.GetStreamAsync($"/v1/tasks/{id}/body", Token);
        var checksum = Convert.ToHexStringLower(expected.GetHashAndReset());
        Assert.True(task.GetProperty("state").GetString() == "completed", $"{task}\n{agent.Output}");
        Assert.Equal(LargeBytes, task.GetProperty("result").GetProperty("bytes").GetInt64());
        Assert.Equal(checksum, task.GetProperty("result").GetProperty("sha256").GetString());
        Assert.Equal(checksum, Convert.ToHexStringLower(await SHA256.HashDataAsync(body, Token)));
        Assert.Equal(1, calls);
    }

    [Fact]
    public async Task A_post_whose_agent_is_killed_is_not_made_again()
    {
        var calls = 0;
        await using var tool = await ToolServer.StartAsync(http =>
        {
            Interlocked.Increment(ref calls);
            return Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, http.RequestAborted);
        });
        await using var gateway = await GatewayProcess.StartAsync();
        await using var agent = StartAgent(gateway, tool);
        await UntilCallableAsync(gateway);

        using var content = new StringContent("once");
        var calling = gateway.Http.PostAsync("/v1/teleport/wiki/pay", content, Token);
        await gateway.Process.UntilAsync(_ => Task.FromResult(Volatile.Read(ref calls) == 1), "the tool is called");
        await agent.KillAsync();
        await using var another = StartAgent(gateway, tool);

        using var reply = await calling;
        Assert.Equal(502, (int)reply.StatusCode);
        Assert.Equal(1, calls);
    }

    private static PollardProcess StartAgent(GatewayProcess gateway, WebApplication tool) =>
        PollardProcess.Start(
            "agent",
            "--gateway",
            gateway.Url,
            "--http",
            $"wiki={tool.Urls.First()}",
            "--data",
            Path.Combine(gateway.Data, "agent")
        );

    private static Task UntilCallableAsync(GatewayProcess gateway) =>
        gateway.Process.UntilAsync(
            async ct =>
            {
                using var reply = await gateway.Http.GetAsync("/v1/hosts", ct);
                return (await reply.Content.ReadAsStringAsync(ct)).Contains("\"wiki\"", StringComparison.Ordinal);
            },
            "the tool is there"
        );

    private static Task<JsonElement> TaskAsync(GatewayProcess gateway, string id, CancellationToken ct) =>
        gateway.Http.GetFromJsonAsync<JsonElement>($"/v1/tasks/{id}", ct);
}
