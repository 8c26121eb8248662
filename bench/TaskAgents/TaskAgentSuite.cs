using System.Globalization;
using Pollard.Bench.Load;
using Pollard.Bench.Machine;
using Pollard.Bench.Roles;

namespace Pollard.Bench.TaskAgents;

/// <summary>
/// An agent of a task server with two connections and 1 to 64 processors (or <c>--pool N</c>), beside loops that only fetch and
/// complete: tasks a second, what one costs, how soon a result is delivered, and a start over a full journal.
/// </summary>
internal static class TaskAgentSuite
{
    private const int Connections = 2;
    private const int InJournal = 10_000;
    private const int MostTasks = 1_000_000;
    private static readonly int[] Pools = [1, 2, 4, 8, 16, 32, 64];
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(2);

    public static async Task<IReadOnlyList<BenchResult>> RunAsync(BenchArguments arguments)
    {
        var pools = PoolsOf(arguments);
        var beside = TimeSpan.FromSeconds(Math.Min(arguments.Duration.TotalSeconds, 10)); // There are not tasks for more.
        var bare = await BareAsync(beside, keeps: false);
        List<BenchResult> results = [bare];
        foreach (var pool in pools)
        {
            var keeping = await BareAsync(beside, keeps: true); // Just before: what a sync takes changes by the minute.
            results.AddRange([keeping, await NoTimeAsync(pool, arguments.Duration, bare, keeping)]);
        }

        foreach (var pool in pools)
        {
            results.Add(await KnownTimeAsync(pool, arguments.Duration));
        }

        if (!arguments.Has("pool"))
        {
            results.Add(await LeftTasks.RunAsync(InJournal, haveResults: true));
            results.Add(await LeftTasks.RunAsync(InJournal, haveResults: false));
        }

        return results;
    }

    private static int[] PoolsOf(BenchArguments arguments) =>
        arguments.Has("pool") ? [arguments.Number("pool", 0)] : Pools;

    private static async Task<BenchResult> BareAsync(TimeSpan duration, bool keeps)
    {
        using var folder = keeps ? new BenchFolder(null) : null;
        await using var server = await SimulatedTasks.StartAsync(MostTasks);
        await BareLoop.RunAsync(server.Port, Connections, WarmUp, folder);
        var measured = new Measurement();
        var latencies = await BareLoop.RunAsync(server.Port, Connections, duration, folder);
        return measured.End($"bare loop{(keeps ? " that syncs" : "")}: fetch to confirmation", "tasks", latencies);
    }

    private static async Task<BenchResult> NoTimeAsync(
        int pool,
        TimeSpan duration,
        BenchResult bare,
        BenchResult keeping
    )
    {
        using var folder = new BenchFolder(null);
        await using var server = await SimulatedTasks.StartAsync(MostTasks);
        await using var agent = MeasuredAgent.Start(server.Url, pool, folder);
        var result = await MeasureAsync(
            $"tasks that take no time, pool {pool}",
            (agent, folder),
            duration,
            server.CountAsync,
            static () => []
        );
        return result with
        {
            Note = string.Create(
                CultureInfo.InvariantCulture,
                $"{result.PerSecond / bare.PerSecond:N2} x bare, {result.PerSecond / keeping.PerSecond:N2} x the one that syncs; {result.Note}"
            ),
        };
    }

    private static async Task<BenchResult> KnownTimeAsync(int pool, TimeSpan duration)
    {
        using var folder = new BenchFolder(null);
        var port = Ports.Free();
        await using var model = await Way.StartRoleAsync("model", ("port", port));
        await using var server = await ClockTasks.StartAsync();
        await using var agent = MeasuredAgent.Start(server.Url, pool, folder, "--openai", $"http://127.0.0.1:{port}");
        var result = await MeasureAsync(
            $"tasks of 0.1 s, pool {pool}: result to arrival",
            (agent, folder),
            duration,
            () => Task.FromResult(server.Counts),
            server.TakeLatencies
        );
        var most = pool / Script.SlowTime.TotalSeconds;
        return result with
        {
            Note = string.Create(
                CultureInfo.InvariantCulture,
                $"{result.PerSecond / most:P0} of what the pool could; {result.Note}"
            ),
        };
    }

    private static async Task<BenchResult> MeasureAsync(
        string name,
        (ChildProcess Process, BenchFolder Folder) agent,
        TimeSpan duration,
        Func<Task<TaskCounts>> count,
        Func<List<long>> latencies
    )
    {
        while ((await count()).Completed == 0)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20));
        }

        await Task.Delay(WarmUp);
        _ = latencies(); // Those of the start.
        var (before, memory) = (await count(), agent.Process.ResidentMb);
        var measured = new Measurement(agent.Process);
        await Task.Delay(duration);
        var after = await count();
        var result = measured.End(name, "tasks", latencies(), count: after.Completed - before.Completed);
        var memoryAfter = agent.Process.ResidentMb;
        await agent.Process.StopAsync();
        var end = await count();
        var kept = Directory.GetFiles(agent.Folder.Path, "*.task", SearchOption.AllDirectories).Length; // Not begun before the stop.
        return result with
        {
            Note = string.Create(
                CultureInfo.InvariantCulture,
                $"{memory:N0} MB, {memoryAfter:N0} MB at the end; at most {end.MostAtOnce} requests at once; {end.Missing - kept} lost, {end.Twice} twice"
            ),
        };
    }
}
