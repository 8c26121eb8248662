using Pollard.EndToEnd.Support;
using Pollard.Testing;

namespace Pollard.EndToEnd;

/// <summary>Agents of task servers over a wire that delays, throttles, cuts in the middle of things and goes silent.</summary>
public sealed class TaskServerWireTests : IDisposable
{
    private const int Tasks = 100;
    private readonly DirectoryInfo _data = Directory.CreateTempSubdirectory("pollard-wire-");
    private readonly HttpClient _http = new(new SocketsHttpHandler());

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _http.Dispose();
        _data.Delete(recursive: true);
    }

    [Fact]
    public async Task All_that_arrives_is_completed_and_what_a_server_without_leases_loses_was_in_a_broken_answer()
    {
        var port = PollardProcess.FreePort();
        var url = $"http://127.0.0.1:{port}";
        await using var server = PollardProcess.Start(
            "simulate",
            "tasks",
            "--url",
            url,
            "--tasks",
            $"{Tasks}",
            "--iterations",
            "0"
        );
        await server.UntilAsync(async ct => (await StatsAsync(ct)).MostAtOnce >= 0, "the server answers");
        var trouble = Bad(seed: 4);
        await using var wire = new CuttableProxy(port) { Trouble = trouble, KeepsAnswers = true };
        await using var agent = TaskServerAgent.Start($"http://127.0.0.1:{wire.Port}", _data.FullName);

        await agent.UntilAsync(async ct => (await StatsAsync(ct)).Total >= Tasks / 2, "half of the tasks are given");
        await agent.UntilAsync(
            _ => Task.FromResult(Whole(wire, "\"data\":null") > 0), // Who asks again has kept what it got before.
            "all tasks are given"
        );
        await agent.UntilAsync(
            _ => Task.FromResult(TaskServerAgent.Kept(_data.FullName, ".task").Count == 0),
            "all that came is delivered"
        );
        Assert.Equal(0, await agent.StopAsync());

        var (fetched, delivered, dropped) = TaskServerAgent.Counts(agent);
        var stats = await StatsAsync(Token);
        Assert.Equal(Whole(wire, "\"data\":{"), fetched);
        Assert.Equal(fetched, stats.Completed - stats.Duplicates);
        Assert.Equal((fetched, 0, 0), (delivered, dropped, stats.Unknown));
        Assert.Equal(Whole(wire, " completed\""), delivered); // What is brought again is what was not heard.
        Assert.InRange(Tasks - fetched, 0, trouble.Cuts + trouble.Swallows);
        AssertBad(trouble);

        Task<TaskStats> StatsAsync(CancellationToken ct) => TaskStats.ReadAsync(_http, url, ct);
    }

    [Fact]
    public async Task Every_task_of_a_gateway_ends_once_as_completed()
    {
        await using var gateway = await GatewayProcess.StartAsync();
        List<string> ids = [];
        for (var task = 0; task < Tasks; task++)
        {
            ids.Add(await GatewayTasks.SubmitAsync(gateway, timeoutSeconds: 14));
        }

        var trouble = Bad(seed: 5);
        await using var wire = new CuttableProxy(gateway.Port) { Trouble = trouble };
        await using var agent = TaskServerAgent.Start($"http://127.0.0.1:{wire.Port}", _data.FullName);

        foreach (var id in ids)
        {
            await GatewayTasks.CheckCompletedOnceAsync(gateway, id);
        }

        Assert.Equal(0, await agent.StopAsync());
        Assert.Empty(TaskServerAgent.Kept(_data.FullName, ".task"));
        var (fetched, delivered, dropped) = TaskServerAgent.Counts(agent);
        Assert.Equal(fetched, delivered + dropped);
        AssertBad(trouble);
    }

    private static WireTrouble Bad(int seed) =>
        new(seed)
        {
            MostDelay = TimeSpan.FromMilliseconds(10),
            BytesPerSecond = 100_000,
            CutShare = 0.03,
            MostCuts = 6,
            SwallowShare = 0.01,
            MostSwallows = 1,
        };

    private static void AssertBad(WireTrouble trouble) => Assert.Equal((6, 1), (trouble.Cuts, trouble.Swallows));

    /// <summary>How many answers with these words arrived to their end.</summary>
    private static int Whole(CuttableProxy wire, string words) =>
        wire
            .Answers.SelectMany(static all => all.Split("HTTP/1.1 "))
            .Count(answer =>
                answer.Contains(words, StringComparison.Ordinal)
                && answer.EndsWith("\r\n0\r\n\r\n", StringComparison.Ordinal)
            );
}
