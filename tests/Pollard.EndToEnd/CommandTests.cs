using Pollard.EndToEnd.Support;

namespace Pollard.EndToEnd;

/// <summary>The commands as people type them, against a running gateway.</summary>
public sealed class CommandTests
{
    private const string Model = "pollard-demo";

    [Fact]
    public async Task A_question_is_answered_and_its_task_is_listed()
    {
        await using var gateway = await GatewayProcess.StartAsync("up");
        await gateway.UntilModelAsync(Model);

        var (code, answer) = await RunAsync(gateway, "ask", "--model", Model, "What is a pollard?");
        var (listCode, list) = await RunAsync(gateway, "tasks", "list", "--json");
        var (_, hosts) = await RunAsync(gateway, "hosts", "list", "--json");
        var (_, models) = await RunAsync(gateway, "models", "--json");

        Assert.Equal((0, 0), (code, listCode));
        Assert.Contains("[simulator]", answer, StringComparison.Ordinal);
        Assert.Contains("\"completed\"", list, StringComparison.Ordinal);
        Assert.Contains("\"online\"", hosts, StringComparison.Ordinal);
        Assert.Contains(Model, models, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Up_says_where_it_is_and_that_its_model_is_a_simulator_and_stops_when_told()
    {
        await using var gateway = await GatewayProcess.StartAsync("up");
        await gateway.Process.UntilSaysAsync("curl"); // The last of its greeting.

        Assert.Contains(gateway.Url, gateway.Process.Output, StringComparison.Ordinal);
        Assert.Contains("simulator", gateway.Process.Output, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(0, await gateway.Process.StopAsync());
    }

    [Fact]
    public async Task A_gateway_that_is_not_there_is_named_with_its_own_exit_code()
    {
        var process = PollardProcess.Start("tasks", "list", "--gateway", "http://127.0.0.1:1");
        await using (process)
        {
            Assert.Equal(3, await process.UntilExitAsync());
            Assert.Contains("http://127.0.0.1:1", process.Output, StringComparison.Ordinal);
        }
    }

    private static async Task<(int Code, string Output)> RunAsync(GatewayProcess gateway, params string[] arguments)
    {
        await using var process = PollardProcess.Start([.. arguments, "--gateway", gateway.Url]);
        var code = await process.UntilExitAsync();
        return (code, process.Output);
    }
}
