using System.Globalization;
using System.Text.Json;
using Pollard.EndToEnd.Support;

namespace Pollard.EndToEnd;

/// <summary>An agent of a task server, as processes that are stopped and killed.</summary>
public sealed class TaskAgentTests : IDisposable
{
    private readonly DirectoryInfo _data = Directory.CreateTempSubdirectory("pollard-tasks-");
    private readonly HttpClient _http = new(new SocketsHttpHandler());
    private readonly string _url = $"http://127.0.0.1:{PollardProcess.FreePort()}";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static int Rounds { get; } =
        int.Parse(Environment.GetEnvironmentVariable("POLLARD_CRASH_ROUNDS") ?? "8", CultureInfo.InvariantCulture);

    public void Dispose()
    {
        _http.Dispose();
        _data.Delete(recursive: true);
    }

    [Theory]
    [InlineData("INT")]
    [InlineData("TERM")]
    public async Task A_stop_delivers_what_runs_and_the_next_agent_does_the_rest(string signal)
    {
        await using var server = StartServer("--tasks", "40");
        await using (var agent = StartAgent())
        {
            await agent.UntilAsync(async ct => (await StatsAsync(ct)).Completed >= 3, "three tasks are completed");

            Assert.Equal(0, await agent.StopAsync(signal));
        }

        var stopped = await StatsAsync(Token);
        Assert.Equal(stopped.Total - stopped.Completed, Kept(".task").Count); // Not one is lost.
        Assert.Empty(Kept(".result"));

        await using var next = StartAgent();
        await next.UntilAsync(async ct => (await StatsAsync(ct)).Completed == 40, "all are completed");
        Assert.Equal(0, await next.StopAsync());
        Assert.Equal(new TaskStats(40, 40, 0, 0, 2), await StatsAsync(Token) with { MostAtOnce = 2 });
    }

    [Fact]
    public async Task Nothing_that_was_fetched_is_lost_when_agents_are_killed_and_the_server_misbehaves()
    {
        var random = new Random(5);
        await using var server = StartServer(
            "--fault",
            "cut:5%",
            "--fault",
            "500:5%",
            "--fault",
            "garbage:5%",
            "--delay",
            "2ms"
        );
        HashSet<string> kept = new(StringComparer.Ordinal);
        for (var round = 0; round < Rounds; round++)
        {
            var before = (await UntilAnswersAsync(server)).Completed;
            await using var agent = StartAgent();
            var goal = before + random.Next(1, 8);
            await agent.UntilAsync(async ct => (await StatsAsync(ct)).Completed >= goal, "some more are completed");
            await agent.KillAsync();
            kept.UnionWith(Kept(".task"));
        }

        var killed = await StatsAsync(Token);

        await using var last = StartAgent();
        await last.UntilAsync(
            async ct => (await StatsAsync(ct)).Completed > killed.Completed && !Kept(".task").Any(kept.Contains),
            "what the killed agents left is completed, and more"
        );
        Assert.Equal(0, await last.StopAsync());
        var end = await StatsAsync(Token);

        // Of each agent one task may have been on its way here, and each of its two connections may have been cut after a result.
        Assert.InRange(end.Total - (end.Completed - end.Duplicates), 0, Kept(".task").Count + Rounds + 1);
        Assert.InRange(end.Duplicates, 0, 2 * Rounds);
        Assert.True(killed.Completed >= Rounds, $"{killed.Completed} tasks in {Rounds} rounds are no load.");
        Assert.Equal(0, end.Unknown);
        Assert.InRange(end.MostAtOnce, 1, 2);
    }

    [Fact]
    public async Task A_second_Ctrl_C_ends_it_at_once_and_the_journal_has_the_rest()
    {
        await using var server = StartServer("--tasks", "6", "--delay", "2s"); // No stop is done within a second here.
        await using var agent = StartAgent();
        await agent.UntilAsync(_ => Task.FromResult(Kept(".task").Count >= 2), "two tasks are kept");

        while (!agent.HasExited)
        {
            await agent.SignalAsync("INT");
            await Task.Delay(TimeSpan.FromMilliseconds(300), TimeProvider.System, Token);
        }

        Assert.NotEqual(0, await agent.UntilExitAsync());
        var left = await StatsAsync(Token);
        Assert.InRange(left.Total - left.Completed - Kept(".task").Count, 0, 1); // One may have been on its way.

        await using var next = StartAgent();
        await next.UntilAsync(async ct => (await StatsAsync(ct)).Completed >= 5, "the next agent does the rest");
        Assert.Equal(0, await next.StopAsync());
    }

    [Fact]
    public async Task A_command_gets_the_whole_task_and_what_it_prints_is_the_result()
    {
        await using var server = StartServer("--tasks", "3");
        var got = Path.Combine(_data.FullName, "got.txt");
        await using var agent = PollardProcess.Start(
            "agent",
            "--server",
            _url,
            "--command",
            $"keep=tee -a {got}",
            "--data",
            _data.FullName
        );
        await agent.UntilAsync(async ct => (await StatsAsync(ct)).Completed == 3, "all are completed");

        var tasks = (await File.ReadAllTextAsync(got, Token)).Replace("}{", "}\n{", StringComparison.Ordinal);
        Assert.Equal(0, await agent.StopAsync());

        Assert.Equal(
            ["task_1", "task_2", "task_3"],
            tasks
                .Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(line => JsonElement.Parse(line).GetProperty("taskName").GetString()![..6])
                .Order()
        );
    }

    [Fact]
    public async Task The_pool_is_resized_and_looked_at_from_outside()
    {
        await using var server = StartServer();
        await using var agent = StartAgent();
        await agent.UntilAsync(async ct => (await StatsAsync(ct)).Total > 0, "the first task is fetched");

        var resized = await RunAsync("agent", "pool-size", "9", "--json", "--data", _data.FullName);
        var nonsense = PollardProcess.Start("agent", "pool-size", "many", "--data", _data.FullName);

        Assert.Equal(9, resized.GetProperty("slots").GetInt32());
        Assert.Equal(2, await nonsense.UntilExitAsync());
        await agent.UntilAsync(
            async _ =>
                (await RunAsync("agent", "status", "--json", "--data", _data.FullName))
                    .GetProperty("running")
                    .GetArrayLength() == 9,
            "nine run"
        );
        Assert.Equal(0, await agent.StopAsync());
        Assert.Contains("fetched", agent.Output, StringComparison.Ordinal); // The final statistics.
    }

    [Theory]
    [InlineData("--threshold", "0")]
    [InlineData("--threshold", "101%")]
    [InlineData("--threshold", "many")]
    [InlineData("--pool-size", "0")]
    [InlineData("--max-connections", "65")]
    [InlineData("--drain", "2d")]
    [InlineData("--andy", "http://127.0.0.1:1")]
    public async Task Nonsense_is_refused_by_its_name(string option, string value)
    {
        await using var agent = PollardProcess.Start(
            "agent",
            "--server",
            _url,
            option,
            value,
            "--data",
            _data.FullName
        );

        Assert.Equal(2, await agent.UntilExitAsync());
        Assert.Contains(option, agent.Output, StringComparison.Ordinal);
    }

    private PollardProcess StartServer(params string[] arguments) =>
        PollardProcess.Start(["simulate", "tasks", "--url", _url, .. arguments]);

    private PollardProcess StartAgent() => TaskServerAgent.Start(_url, _data.FullName);

    private static async Task<JsonElement> RunAsync(params string[] arguments)
    {
        await using var process = PollardProcess.Start(arguments);
        Assert.Equal(0, await process.UntilExitAsync());
        return JsonElement.Parse(process.Output);
    }

    private HashSet<string> Kept(string end) => TaskServerAgent.Kept(_data.FullName, end);

    private async Task<TaskStats> UntilAnswersAsync(PollardProcess server)
    {
        TaskStats? stats = null;
        await server.UntilAsync(async ct => (stats = await StatsAsync(ct)).MostAtOnce >= 0, "the server answers");
        return stats!;
    }

    private Task<TaskStats> StatsAsync(CancellationToken ct) => TaskStats.ReadAsync(_http, _url, ct);
}
