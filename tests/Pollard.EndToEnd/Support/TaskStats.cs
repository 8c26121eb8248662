using System.Net.Http.Json;
using System.Text.Json;

namespace Pollard.EndToEnd.Support;

/// <summary>What a simulated task server counts.</summary>
/// <param name="Total">Tasks that it has handed out.</param>
/// <param name="Completed">Results that it has taken, of each task all.</param>
/// <param name="Duplicates">Those of them that it had before.</param>
/// <param name="Unknown">Results of tasks that are not its own.</param>
/// <param name="MostAtOnce">The most requests at the same time; -1 while it does not answer yet.</param>
internal sealed record TaskStats(int Total, int Completed, int Duplicates, int Unknown, int MostAtOnce)
{
    public static async Task<TaskStats> ReadAsync(HttpClient http, string url, CancellationToken ct)
    {
        try
        {
            var json = await http.GetFromJsonAsync<JsonElement>($"{url}/stats", ct);
            return new TaskStats(
                json.GetProperty("total_tasks").GetInt32(),
                json.GetProperty("completed_tasks").GetInt32(),
                json.GetProperty("duplicates").GetInt32(),
                json.GetProperty("unknown").GetInt32(),
                json.GetProperty("most_at_once").GetInt32()
            );
        }
        catch (HttpRequestException)
        {
            return new TaskStats(0, 0, 0, 0, -1); // It is still starting.
        }
    }
}
