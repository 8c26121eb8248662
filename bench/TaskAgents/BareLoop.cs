using System.Diagnostics;
using System.Text;
using Pollard.Bench.Load;
using Pollard.Bench.Machine;

namespace Pollard.Bench.TaskAgents;

/// <summary>
/// The least that an agent of a task server must do: it fetches and completes. It keeps nothing, or, to lose nothing, the task and its
/// result on disk, one after the other.
/// </summary>
internal static class BareLoop
{
    private const string BeforeId = "\"taskId\":\"";
    private const int IdLength = 36;
    private static readonly byte[] GetTask = HttpConnection.Question("/get-task");

    /// <summary>Fetches and completes, on each connection one task after the other.</summary>
    /// <param name="port">Where.</param>
    /// <param name="connections">How many.</param>
    /// <param name="duration">How long.</param>
    /// <param name="journal">Where to keep what it has; null: nowhere.</param>
    /// <returns>From the question to the confirmation of each task, in stopwatch ticks.</returns>
    public static async Task<List<long>> RunAsync(int port, int connections, TimeSpan duration, BenchFolder? journal)
    {
        var began = Stopwatch.GetTimestamp();
        var loops = Enumerable.Range(0, connections).Select(_ => Task.Run(LoopAsync)).ToList();
        return [.. (await Task.WhenAll(loops)).SelectMany(latencies => latencies)];

        async Task<List<long>> LoopAsync()
        {
            using var connection = await HttpConnection.OpenAsync(port);
            List<long> latencies = [];
            while (Stopwatch.GetElapsedTime(began) < duration)
            {
                var asked = Stopwatch.GetTimestamp();
                var task = await FetchAsync(connection);
                var id = IdIn(task);
                var result = $$$"""{"taskId":"{{{id}}}","result":{"iterations":0}}""";
                Keep(journal, id, task, result);
                await connection.ExchangeAsync(HttpConnection.Request("/complete-task", result));
                Forget(journal, id);
                latencies.Add(Stopwatch.GetTimestamp() - asked);
            }

            return latencies;
        }
    }

    /// <summary>Fetches one task.</summary>
    /// <returns>The answer's body.</returns>
    public static async Task<string> FetchAsync(HttpConnection connection) =>
        Encoding.UTF8.GetString((await connection.ExchangeAsync(GetTask)).Body.Span);

    /// <summary>The id of the task in an answer.</summary>
    public static string IdIn(string answer) =>
        answer.Substring(answer.IndexOf(BeforeId, StringComparison.Ordinal) + BeforeId.Length, IdLength);

    private static void Keep(BenchFolder? journal, string id, string task, string result)
    {
        if (journal is not null)
        {
            Write(PathOf(journal, id, ".task"), task);
            Write(PathOf(journal, id, ".result"), result);
        }
    }

    private static void Write(string path, string text)
    {
        using (var file = new FileStream(path + ".new", FileMode.CreateNew))
        {
            file.Write(Encoding.UTF8.GetBytes(text));
            file.Flush(flushToDisk: true);
        }

        File.Move(path + ".new", path);
    }

    private static void Forget(BenchFolder? journal, string id)
    {
        if (journal is not null)
        {
            File.Delete(PathOf(journal, id, ".task"));
            File.Delete(PathOf(journal, id, ".result"));
        }
    }

    private static string PathOf(BenchFolder journal, string id, string end) => Path.Combine(journal.Path, id + end);
}
