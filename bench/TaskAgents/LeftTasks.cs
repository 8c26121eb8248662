using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Pollard.Bench.Load;
using Pollard.Bench.Machine;

namespace Pollard.Bench.TaskAgents;

/// <summary>
/// A start over a journal with thousands of tasks: the only way in which so many can be with one agent, which else fetches one ahead for
/// each processor and stops at a hundred results.
/// </summary>
internal static class LeftTasks
{
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(2);

    /// <summary>Measures the start of an agent until all are delivered.</summary>
    /// <param name="count">How many tasks.</param>
    /// <param name="haveResults">True: each has its result, which is to be delivered; false: each is still to be run.</param>
    public static async Task<BenchResult> RunAsync(int count, bool haveResults)
    {
        using var folder = new BenchFolder(null);
        await using var server = await SimulatedTasks.StartAsync(count);
        var answers = await FetchAllAsync(server, count);
        var (journal, idle) = await JournalOfAsync(server, folder);
        foreach (var answer in answers)
        {
            Keep(journal, answer, haveResults);
        }

        await using var agent = MeasuredAgent.Start(server.Url, 20, folder);
        var measured = new Measurement(agent);
        var began = Stopwatch.GetTimestamp();
        var most = 0.0;
        TimeSpan? first = null;
        for (var done = 0; done < count; done = (await server.CountAsync()).Completed)
        {
            first ??= done > 0 ? Stopwatch.GetElapsedTime(began) : null;
            most = Math.Max(most, agent.ResidentMb);
            await Task.Delay(TimeSpan.FromMilliseconds(50));
        }

        var all = Stopwatch.GetElapsedTime(began);
        var counts = await server.CountAsync();
        return measured.End(
            $"{count} {(haveResults ? "results" : "tasks")} left in the journal",
            "tasks",
            [],
            string.Create(
                CultureInfo.InvariantCulture,
                $"first delivered after {first?.TotalSeconds ?? 0:N2} s, all after {all.TotalSeconds:N1} s; at most {most:N0} MB ({idle:N0} MB idle), {agent.ResidentMb:N0} MB then; {counts.Missing} lost, {counts.Twice} twice"
            ),
            count
        );
    }

    private static async Task<List<string>> FetchAllAsync(SimulatedTasks server, int count)
    {
        using var connection = await HttpConnection.OpenAsync(server.Port);
        List<string> answers = [];
        while (answers.Count < count)
        {
            answers.Add(await BareLoop.FetchAsync(connection));
        }

        return answers;
    }

    // The agent makes the folder itself, and finds no task: all are handed out.
    private static async Task<(string Journal, double IdleMb)> JournalOfAsync(SimulatedTasks server, BenchFolder folder)
    {
        await using var agent = MeasuredAgent.Start(server.Url, 20, folder);
        var parent = Path.Combine(folder.Path, "task-servers");
        while (!Directory.Exists(parent) || Directory.GetDirectories(parent).Length == 0)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20));
        }

        await Task.Delay(Settle);
        var idle = agent.ResidentMb;
        await agent.StopAsync();
        return (Directory.GetDirectories(parent).Single(), idle);
    }

    // As the agent keeps them: a file for the task and one for its result, with the digest of its id as their name.
    private static void Keep(string journal, string answer, bool haveResult)
    {
        var id = BareLoop.IdIn(answer);
        var start = answer.IndexOf("\"data\":", StringComparison.Ordinal) + "\"data\":".Length;
        var task = answer[start..(answer.IndexOf('}', start) + 1)];
        var name = Path.Combine(journal, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(id)))[..32]);
        File.WriteAllText(name + ".task", $$"""{"id":"{{id}}","task":{{task}}}""");
        if (haveResult)
        {
            File.WriteAllText(name + ".result", """{"result":{"iterations":0}}""");
        }
    }
}
