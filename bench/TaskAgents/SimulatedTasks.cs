using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using Pollard.Bench.Machine;

namespace Pollard.Bench.TaskAgents;

/// <summary>What a task server has counted.</summary>
/// <param name="Given">Tasks that it has handed out.</param>
/// <param name="Completed">Results that it has taken.</param>
/// <param name="Twice">Those of them that it had before.</param>
/// <param name="MostAtOnce">The most requests at the same time.</param>
internal sealed record TaskCounts(int Given, int Completed, int Twice, int MostAtOnce)
{
    /// <summary>Tasks that were handed out and never came back.</summary>
    public int Missing => Given - (Completed - Twice);
}

/// <summary><c>pollard simulate tasks</c> with tasks that take no time.</summary>
internal sealed class SimulatedTasks : IAsyncDisposable
{
    private const string SaysWhere = "answers at ";
    private readonly ChildProcess _process;
    private readonly HttpClient _http = new();

    private SimulatedTasks(ChildProcess process, string url) => (_process, Url) = (process, url);

    /// <summary>Its address.</summary>
    public string Url { get; }

    /// <summary>Its port.</summary>
    public int Port => new Uri(Url).Port;

    /// <summary>Starts one.</summary>
    /// <param name="tasks">Tasks that there are.</param>
    public static async Task<SimulatedTasks> StartAsync(int tasks)
    {
        var process = ChildProcess.Start(
            "task server",
            PollardProgram.File,
            [
                "simulate",
                "tasks",
                "--url",
                "http://127.0.0.1:0",
                "--iterations",
                "0",
                "--tasks",
                tasks.ToString(CultureInfo.InvariantCulture),
            ]
        );
        var line = await process.UntilSaysAsync(SaysWhere);
        return new SimulatedTasks(process, line.Split(SaysWhere)[1]);
    }

    /// <summary>What it has counted so far.</summary>
    public async Task<TaskCounts> CountAsync()
    {
        var json = await _http.GetFromJsonAsync<JsonElement>(new Uri($"{Url}/stats"));
        return new TaskCounts(
            json.GetProperty("total_tasks").GetInt32(),
            json.GetProperty("completed_tasks").GetInt32(),
            json.GetProperty("duplicates").GetInt32(),
            json.GetProperty("most_at_once").GetInt32()
        );
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _process.DisposeAsync();
    }
}
