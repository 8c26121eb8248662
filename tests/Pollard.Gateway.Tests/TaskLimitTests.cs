using System.Net;
using Microsoft.Extensions.Time.Testing;
using Pollard.Protocol.HostLink;
using Pollard.Tasks;
using static Pollard.Gateway.Tests.TestGateway;

namespace Pollard.Gateway.Tests;

/// <summary>Times and numbers that hold a task, a key or the gateway, as clients meet them.</summary>
public sealed class TaskLimitTests
{
    private const string Submit = """{"kind":"echo","model":"m","request":1}""";
    private static readonly DateTimeOffset Start = DateTimeOffset.UnixEpoch.AddYears(56);

    [Fact]
    public async Task A_key_runs_no_more_tasks_at_once_than_it_may()
    {
        await using var gateway = await StartAsync(options => options with { RequireKeys = true });
        var key = await JsonOf(gateway.PostAsync("/v1/keys", """{"name":"one","max_running":1}"""), 201);
        var client = gateway.NewClient(key.GetProperty("key").GetString());
        var host = gateway.Connect("m");

        var first = await SubmitAsync(client);
        var running = await host.TakeAsync();
        var second = await SubmitAsync(client);
        var why = await JsonOf(client.GetAsync($"/v1/tasks/{second}/why", Token));
        var others = await SubmitAsync(gateway.Client);
        var next = await host.TakeAsync();
        running.Finish();
        var last = await host.TakeAsync();

        Assert.Equal([first, others, second], new[] { running, next, last }.Select(attempt => attempt.TaskId));
        Assert.Contains("its key runs as many tasks", why.GetProperty("summary").GetString());
    }

    [Fact]
    public async Task A_task_is_not_started_before_its_time()
    {
        var clock = new FakeTimeProvider(Start);
        await using var gateway = await StartAsync(time: clock);
        var host = gateway.Connect("m");
        var at = clock.GetUtcNow().AddMinutes(5).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", null);

        var later = await SubmitAsync(gateway.Client, Submit[..^1] + $",\"run_at\":\"{at}\"}}");
        var now = await SubmitAsync(gateway.Client);
        var first = await host.TakeAsync();
        var why = await JsonOf(gateway.GetAsync($"/v1/tasks/{later}/why"));
        first.Finish(); // Or it would be late itself by then.
        clock.Advance(TimeSpan.FromMinutes(5) + TimeSpan.FromSeconds(1)); // The wheel of deadlines rounds up.
        var second = await host.TakeAsync();

        Assert.Equal([now, later], new[] { first, second }.Select(attempt => attempt.TaskId));
        Assert.Contains("not to be started before", why.GetProperty("summary").GetString());
    }

    [Fact]
    public async Task A_task_is_deleted_when_its_retention_is_over()
    {
        var clock = new FakeTimeProvider(Start);
        await using var gateway = await StartAsync(time: clock);
        var kept = await EndedAsync(gateway, Submit);
        var brief = await EndedAsync(gateway, Submit[..^1] + ",\"retention\":60}");
        clock.Advance(TimeSpan.FromSeconds(59));
        await JsonOf(gateway.GetAsync($"/v1/tasks/{brief}"));

        for (var minutes = 0; ; minutes++)
        {
            clock.Advance(TimeSpan.FromMinutes(1)); // The next round of the loop that deletes.
            using var response = await gateway.GetAsync($"/v1/tasks/{brief}");
            if (response.StatusCode == HttpStatusCode.NotFound)
            {
                break;
            }

            Assert.InRange(minutes, 0, 1_000);
        }

        await JsonOf(gateway.GetAsync($"/v1/tasks/{kept}"));
    }

    [Fact]
    public async Task An_ended_task_that_memory_let_go_is_answered_from_the_store()
    {
        await using var gateway = await StartAsync(engineOptions: new TaskEngineOptions { EndedInMemory = 1 });
        var host = gateway.Connect("m");
        var sent = gateway.PostAsync("/v1/tasks", Submit, ("Prefer", "wait=30"));
        (await host.TakeAsync()).Send(DeltaKind.Body, "text").Finish();
        var before = await JsonOf(sent);
        var id = before.GetProperty("id").GetString();
        host.Leave();
        var events = await TextOf(gateway.GetAsync($"/v1/tasks/{id}/events"));

        await EndedAsync(gateway, Submit);
        var after = await JsonOf(gateway.GetAsync($"/v1/tasks/{id}"));

        Assert.Equal(before.GetRawText(), after.GetRawText());
        Assert.Equal("""{"text":"text"}""", after.GetProperty("result").GetRawText());
        Assert.Equal(events, await TextOf(gateway.GetAsync($"/v1/tasks/{id}/events")));
    }

    [Fact]
    public async Task No_more_connections_are_served_than_the_gateway_may_have()
    {
        await using var gateway = await StartAsync(options => options with { MaxConnections = 1 });
        var id = await SubmitAsync(gateway.Client);
        using var open = await gateway.GetAsync($"/v1/tasks/{id}/events");
        var other = gateway.NewClient(null);

        await Assert.ThrowsAsync<HttpRequestException>(() => other.GetAsync("/healthz", Token));

        Assert.Equal(HttpStatusCode.OK, open.StatusCode);
    }

    private static async Task<string> SubmitAsync(HttpClient client, string body = Submit) =>
        (await JsonOf(PostAsync(client, "/v1/tasks", body), 202)).GetProperty("id").GetString()!;

    private static async Task<string> EndedAsync(TestGateway gateway, string body)
    {
        var host = gateway.Connect("m");
        var sent = gateway.PostAsync("/v1/tasks", body, ("Prefer", "wait=30"));
        (await host.TakeAsync()).Send(DeltaKind.Body, "x").Finish();
        host.Leave();
        return (await JsonOf(sent)).GetProperty("id").GetString()!;
    }
}
