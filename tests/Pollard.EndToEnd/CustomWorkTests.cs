using System.Diagnostics;
using System.Text.Json;
using Pollard.EndToEnd.Support;

namespace Pollard.EndToEnd;

/// <summary>The sample of an agent with work of one's own does what its first lines say.</summary>
public sealed class CustomWorkTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Work_of_ones_own_is_done_like_any_other()
    {
        await using var gateway = await GatewayProcess.StartAsync();
        using var sample = Start(gateway);
        try
        {
            await gateway.Process.UntilAsync(
                async ct =>
                    (await gateway.Http.GetStringAsync("/v1/hosts", ct)).Contains(
                        "word-count",
                        StringComparison.Ordinal
                    ),
                "the sample is there"
            );

            var good = await RunAsync(gateway, """{"text":"one two  three"}""");
            var bad = await RunAsync(gateway, "{}");

            Assert.Equal(3, good.GetProperty("result").GetProperty("words").GetInt32());
            Assert.Equal("failed", bad.GetProperty("state").GetString());
        }
        finally
        {
            sample.Kill();
            await sample.WaitForExitAsync(Token);
        }
    }

    private static async Task<JsonElement> RunAsync(GatewayProcess gateway, string request)
    {
        var task = await gateway.PostAsync(
            "/v1/tasks",
            $$"""{"kind":"word-count","model":"words","request":{{request}} }"""
        );
        return await gateway.GetAsync($"/v1/tasks/{task.GetProperty("id").GetString()}/wait");
    }

    private static Process Start(GatewayProcess gateway)
    {
        var start = new ProcessStartInfo(
            Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "../../CustomWork/release/CustomWork"))
        )
        {
            UseShellExecute = false,
        };
        start.Environment["POLLARD_GATEWAY"] = gateway.Url;
        start.Environment["XDG_DATA_HOME"] = gateway.Data;
        start.Environment.Remove("POLLARD_JOIN");
        return Process.Start(start)!;
    }
}
