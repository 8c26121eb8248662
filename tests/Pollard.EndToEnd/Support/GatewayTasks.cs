using System.Text.Json;

namespace Pollard.EndToEnd.Support;

/// <summary>Tasks for agents with the small contract, as their clients see them.</summary>
internal static class GatewayTasks
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>Submits one of a tenth of a second.</summary>
    /// <param name="gateway">Where.</param>
    /// <param name="timeoutSeconds">What is fetched and not brought goes to another two seconds before.</param>
    /// <returns>Its id.</returns>
    public static async Task<string> SubmitAsync(GatewayProcess gateway, int timeoutSeconds)
    {
        var task = await gateway.PostAsync(
            "/v1/tasks",
            $$"""{"kind":"task","request":{"iterations":1},"timeout":{{timeoutSeconds}},"max_attempts":100}"""
        );
        return task.GetProperty("id").GetString()!;
    }

    /// <summary>How many of them have ended well.</summary>
    public static async Task<int> CompletedAsync(GatewayProcess gateway, CancellationToken ct)
    {
        using var reply = await gateway.Http.GetAsync("/stats", ct);
        return JsonElement.Parse(await reply.Content.ReadAsStringAsync(ct)).GetProperty("completed_tasks").GetInt32();
    }

    /// <summary>Waits for a task's end, and fails unless it ended well, once.</summary>
    public static async Task CheckCompletedOnceAsync(GatewayProcess gateway, string id)
    {
        var task = await gateway.GetAsync($"/v1/tasks/{id}/wait?timeout=60");
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/v1/tasks/{id}/events");
        request.Headers.Accept.ParseAdd("application/json");
        using var reply = await gateway.Http.SendAsync(request, Token);
        var said = await reply.Content.ReadAsStringAsync(Token);
        var ends = JsonElement
            .Parse(said)
            .GetProperty("events")
            .EnumerateArray()
            .Select(static item => item.GetProperty("type").GetString()!)
            .Where(static type => type is "completed" or "failed" or "cancelled" or "expired");

        Assert.True(task.GetProperty("state").GetString() == "completed", $"{task}\n{said}\n{gateway.Process.Output}");
        Assert.Equal(["completed"], ends);
        Assert.Equal(1, task.GetProperty("result").GetProperty("iterations").GetInt32());
    }
}
