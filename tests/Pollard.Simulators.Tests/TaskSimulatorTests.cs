using System.Net;
using System.Text;
using System.Text.Json;

namespace Pollard.Simulators.Tests;

/// <summary>The words of the small contract, as the servers that have it say them.</summary>
public sealed class TaskSimulatorTests : IDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler());

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _http.Dispose();

    [Fact]
    public async Task It_hands_out_tasks_of_its_seed_until_there_are_none()
    {
        await using var first = await StartAsync(2, new() { Seed = 3 });
        await using var second = await StartAsync(2, new() { Seed = 3 });

        var tasks = new[] { await TaskAsync(first), await TaskAsync(first), await TaskAsync(first) };
        var same = await TaskAsync(second);

        Assert.True(Guid.TryParse(tasks[0].GetProperty("taskId").GetString(), out _));
        Assert.InRange(tasks[0].GetProperty("iterations").GetInt32(), 5, 15);
        Assert.Matches("^task_1_[0-9]+$", tasks[0].GetProperty("taskName").GetString());
        Assert.Equal(tasks[0].GetProperty("taskId").GetString(), same.GetProperty("taskId").GetString());
        Assert.NotEqual(tasks[0].GetProperty("taskId").GetString(), tasks[1].GetProperty("taskId").GetString());
        Assert.Equal(JsonValueKind.Null, tasks[2].ValueKind);
    }

    [Fact]
    public async Task It_counts_what_comes_back_twice_and_what_was_never_its_own()
    {
        await using var server = await StartAsync(10, new());
        var id = (await TaskAsync(server)).GetProperty("taskId").GetString();
        await TaskAsync(server);

        var once = await CompleteAsync(server, $$"""{"taskId":"{{id}}","result":"r"}""");
        var twice = await CompleteAsync(server, $$"""{"taskId":"{{id}}","error":"e"}""");
        var foreign = await CompleteAsync(server, """{"taskId":"x"}""");
        var nameless = await CompleteAsync(server, "{}");
        var garbage = await CompleteAsync(server, "taskId=7");
        var stats = JsonElement.Parse(await _http.GetStringAsync(new Uri(server.Url, "/stats"), Token));

        Assert.Equal((HttpStatusCode.OK, "success"), (once.Status, WordOf(once.Body)));
        Assert.Equal(HttpStatusCode.OK, twice.Status);
        Assert.Equal(
            (HttpStatusCode.NotFound, """{"status":"error","message":"Task x not found"}"""),
            (foreign.Status, foreign.Body)
        );
        Assert.Equal(
            (HttpStatusCode.BadRequest, """{"status":"error","message":"taskId is required"}"""),
            (nameless.Status, nameless.Body)
        );
        Assert.Equal(HttpStatusCode.BadRequest, garbage.Status);
        Assert.StartsWith("<!doctype html>", garbage.Body, StringComparison.Ordinal);
        Assert.Equal(
            """{"total_tasks":2,"completed_tasks":2,"pending_tasks":1,"duplicates":1,"unknown":1,"failed":1,"most_at_once":1}""",
            stats.GetRawText()
        );
    }

    [Fact]
    public async Task Faults_strike_where_they_say()
    {
        await using var early = await StartAsync(
            10,
            new() { Faults = [new SimulatorFault(FaultKind.EarlyEnd) { Every = 2 }] }
        );
        var id = (await TaskAsync(early)).GetProperty("taskId").GetString();
        await using var garbage = await StartAsync(
            10,
            new() { Faults = [new SimulatorFault(FaultKind.Garbage) { Every = 1 }] }
        );

        await Assert.ThrowsAsync<HttpRequestException>(() => CompleteAsync(early, $$"""{"taskId":"{{id}}"}"""));
        var stats = JsonElement.Parse(await _http.GetStringAsync(new Uri(early.Url, "/stats"), Token));
        var page = await _http.GetStringAsync(new Uri(garbage.Url, "/get-task"), Token);

        Assert.Equal(1, stats.GetProperty("completed_tasks").GetInt32()); // Taken, and nobody heard so.
        Assert.StartsWith("<html>", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Its_tasks_have_the_iterations_that_it_was_told()
    {
        await using var server = await StartAsync(2, new(), iterations: 0);

        var task = await TaskAsync(server);

        Assert.Equal(0, task.GetProperty("iterations").GetInt32());
        Assert.Equal("task_1_0", task.GetProperty("taskName").GetString());
    }

    private static Task<RunningSimulator> StartAsync(int tasks, SimulatorOptions options, int? iterations = null) =>
        TaskSimulator.StartAsync("http://127.0.0.1:0", options, tasks, iterations, Token);

    private static string? WordOf(string body) => JsonElement.Parse(body).GetProperty("status").GetString();

    private async Task<JsonElement> TaskAsync(RunningSimulator server)
    {
        var reply = JsonElement.Parse(await _http.GetStringAsync(new Uri(server.Url, "/get-task"), Token));
        Assert.Equal("success", reply.GetProperty("status").GetString());
        return reply.GetProperty("data");
    }

    private async Task<(HttpStatusCode Status, string Body)> CompleteAsync(RunningSimulator server, string body)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var reply = await _http.PostAsync(new Uri(server.Url, "/complete-task"), content, Token);
        return (reply.StatusCode, await reply.Content.ReadAsStringAsync(Token));
    }
}
