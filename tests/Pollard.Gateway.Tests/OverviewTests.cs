using System.IO.Compression;
using System.Text.Json;
using static Pollard.Gateway.Tests.TestGateway;

namespace Pollard.Gateway.Tests;

/// <summary>What people see of the whole gateway, and what viewers do not.</summary>
public sealed class OverviewTests
{
    private const string Chat =
        """{"kind":"chat","model":"m","request":{"messages":[{"role":"user","content":"the question"}]},"metadata":{"case":"secret"}}""";

    [Fact]
    public async Task The_overview_says_what_runs_what_waits_and_what_went_wrong()
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("m");
        var failed = await SubmitAsync(
            gateway.Client,
            Chat.Replace("\"kind\"", "\"max_attempts\":1,\"kind\"", StringComparison.Ordinal)
        );
        (await host.TakeAsync()).Fail("backend_error", "it broke");
        await EndAsync(gateway, failed);
        var completed = await SubmitAsync(gateway.Client, Chat);
        (await host.TakeAsync()).Say("done").Finish();
        await EndAsync(gateway, completed);
        var running = await SubmitAsync(
            gateway.Client,
            Chat.Replace("\"kind\"", "\"durability\":\"relaxed\",\"kind\"", StringComparison.Ordinal)
        );
        (await host.TakeAsync()).Say("once upon a ").Say("time");
        await SubmitAsync(gateway.Client, Chat.Replace("\"m\"", "\"other\"", StringComparison.Ordinal));

        var overview = await JsonOf(gateway.GetAsync("/v1/overview"));

        var tasks = overview.GetProperty("tasks");
        Assert.Equal((4, 1, 1), (Int(tasks, "submitted"), Int(tasks, "completed"), Int(tasks, "failed")));
        Assert.Equal((1, 1), (Int(tasks, "pending"), Int(tasks, "running")));
        Assert.Equal((3, 2), (Int(tasks, "input_tokens"), Int(tasks, "output_tokens")));
        var queue = Assert.Single(overview.GetProperty("queues").EnumerateArray());
        Assert.Equal(("other", 1), (Text(queue, "model"), Int(queue, "depth")));
        var run = Assert.Single(overview.GetProperty("running").EnumerateArray());
        Assert.Equal((running, "box", "once upon a time"), (Text(run, "id"), Text(run, "host"), Text(run, "text")));
        var failure = Assert.Single(overview.GetProperty("failures").EnumerateArray());
        Assert.Equal(
            (failed, "backend_error", "it broke"),
            (Text(failure, "id"), Text(failure, "code"), Text(failure, "message"))
        );
        Assert.Equal((1, 16, 1), (Host(overview, "online"), Host(overview, "slots"), Host(overview, "running")));
    }

    [Fact]
    public async Task Who_watches_is_told_of_each_task_that_changes()
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("m");
        using var response = await gateway.GetAsync("/v1/overview/events");
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(Token));
        var first = await NextAsync(reader, "overview", static _ => true);

        var id = await SubmitAsync(gateway.Client, Chat);
        (await host.TakeAsync()).Say("done").Finish();
        var changed = await NextAsync(
            reader,
            "tasks",
            told =>
                told.GetProperty("tasks")
                    .EnumerateArray()
                    .Any(task => Text(task, "id") == id && Text(task, "state") == "completed")
        );
        var after = await NextAsync(
            reader,
            "overview",
            static told => Int(told.GetProperty("tasks"), "completed") == 1
        );

        Assert.Equal("text/event-stream", response.Content.Headers.ContentType?.MediaType);
        Assert.Equal(0, Int(first.GetProperty("tasks"), "completed"));
        Assert.False(changed.GetProperty("more").GetBoolean());
        Assert.Equal(Text(first, "instance"), Text(after, "instance"));
    }

    [Fact]
    public async Task Who_may_watch_no_more_is_told_no_more()
    {
        await using var gateway = await StartAsync(WithKeys);
        var (viewer, id) = await NewViewerAsync(gateway);
        using var response = await viewer.GetAsync(
            "/v1/overview/events",
            HttpCompletionOption.ResponseHeadersRead,
            Token
        );
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(Token));
        await NextAsync(reader, "overview", static _ => true);

        using var deleted = await gateway.Client.DeleteAsync($"/v1/keys/{id}", Token);
        await reader.ReadToEndAsync(Token); // Ends.
    }

    [Fact]
    public async Task A_viewer_sees_all_tasks_but_nothing_that_they_say()
    {
        await using var gateway = await StartAsync(WithKeys);
        var host = gateway.Connect("m");
        var (viewer, _) = await NewViewerAsync(gateway);
        var ended = await SubmitAsync(gateway.Client, Chat);
        (await host.TakeAsync()).Say("the answer").Finish();
        await EndAsync(gateway, ended);
        await SubmitAsync(gateway.Client, Chat);
        (await host.TakeAsync()).Say("the answer");

        string[] paths =
        [
            "/v1/overview",
            "/v1/tasks",
            $"/v1/tasks/{ended}",
            $"/v1/tasks/{ended}/events",
            $"/v1/tasks/{ended}/why",
            "/v1/hosts",
            $"/v1/hosts/host_m",
            "/v1/overview/history",
            "/v1/models",
        ];
        foreach (var path in paths)
        {
            using var answer = await viewer.GetAsync(path, Token);
            var text = await answer.Content.ReadAsStringAsync(Token);
            Assert.Equal(200, (int)answer.StatusCode);
            Assert.DoesNotContain("the question", text, StringComparison.Ordinal);
            Assert.DoesNotContain("the answer", text, StringComparison.Ordinal);
            Assert.DoesNotContain("secret", text, StringComparison.Ordinal);
        }

        var events = await TextOf(viewer.GetAsync($"/v1/tasks/{ended}/events", Token));
        Assert.Contains(
            "\"type\":\"delta\",\"kind\":\"content\",\"choice\":0,\"bytes\":10",
            events,
            StringComparison.Ordinal
        );
        Assert.Equal(2, (await JsonOf(viewer.GetAsync("/v1/tasks", Token))).GetProperty("tasks").GetArrayLength());
    }

    [Theory]
    [InlineData("GET", "/v1/tasks/ID/request")]
    [InlineData("GET", "/v1/tasks/ID/wait")]
    [InlineData("GET", "/v1/tasks/ID/body")]
    [InlineData("GET", "/v1/tasks/ws")]
    [InlineData("DELETE", "/v1/tasks/ID")]
    [InlineData("POST", "/v1/tasks")]
    [InlineData("POST", "/v1/chat/completions")]
    [InlineData("POST", "/api/chat")]
    [InlineData("POST", "/v1/hosts/host_m/drain")]
    [InlineData("GET", "/v1/keys")]
    [InlineData("GET", "/v1/settings")]
    [InlineData("GET", "/v1/tokens")]
    [InlineData("GET", "/v1/polling/active")]
    public async Task A_viewer_may_do_nothing_else(string method, string path)
    {
        await using var gateway = await StartAsync(WithKeys);
        gateway.Connect("m");
        var (viewer, _) = await NewViewerAsync(gateway);
        var id = await SubmitAsync(gateway.Client, Chat);
        var request = new HttpRequestMessage(new HttpMethod(method), path.Replace("ID", id, StringComparison.Ordinal));
        request.Content = method == "POST" ? new StringContent(Chat) : null;

        using var response = await viewer.SendAsync(request, Token);

        Assert.Equal(403, (int)response.StatusCode);
    }

    [Fact]
    public async Task A_client_sees_no_overview()
    {
        await using var gateway = await StartAsync(WithKeys);
        var key = await JsonOf(gateway.PostAsync("/v1/keys", """{"name":"one"}"""), 201);
        var client = gateway.NewClient(Text(key, "key"));

        foreach (var path in (string[])["/v1/overview", "/v1/overview/events", "/v1/overview/history", "/v1/settings"])
        {
            await JsonOf(client.GetAsync(path, Token), 403);
        }
    }

    [Fact]
    public async Task An_owner_reads_the_request_as_it_was_submitted()
    {
        await using var gateway = await StartAsync();
        var id = await SubmitAsync(gateway.Client, Chat);

        var request = await JsonOf(gateway.GetAsync($"/v1/tasks/{id}/request"));

        Assert.Equal("the question", Text(request.GetProperty("messages")[0], "content"));
    }

    [Fact]
    public async Task A_host_has_a_history_of_when_it_was_here()
    {
        await using var gateway = await StartAsync();
        gateway.Connect("m").Leave();
        var host = gateway.Connect("m");
        var task = await SubmitAsync(gateway.Client, Chat);
        (await host.TakeAsync()).Say("done").Finish();
        await EndAsync(gateway, task);

        var shown = await JsonOf(gateway.GetAsync("/v1/hosts/host_m"));

        var sessions = shown.GetProperty("sessions").EnumerateArray().ToList();
        Assert.Equal(2, sessions.Count);
        Assert.False(sessions[0].TryGetProperty("ended", out _));
        Assert.Equal("disconnected", Text(sessions[1], "reason"));
        Assert.Equal(1, Int(shown.GetProperty("reliability"), "completed"));
        await JsonOf(gateway.GetAsync("/v1/hosts/nobody"), 404);
    }

    [Theory]
    [InlineData("text/html,application/xhtml+xml,*/*;q=0.8", "text/html")]
    [InlineData("*/*", "text/plain")]
    public async Task The_root_is_a_page_to_browsers_and_ollamas_word_to_others(string accept, string type)
    {
        await using var gateway = await StartAsync();

        using var response = await gateway.GetAsync("/", ("Accept", accept));

        Assert.Equal(type, response.Content.Headers.ContentType?.MediaType);
    }

    [Fact]
    public async Task The_page_may_load_and_run_only_its_own_files()
    {
        await using var gateway = await StartAsync(WithKeys);
        var browser = gateway.NewClient(null);

        using var page = await browser.GetAsync("/dashboard", Token);
        var tag = page.Headers.ETag!;
        var again = new HttpRequestMessage(HttpMethod.Get, "/dashboard") { Headers = { IfNoneMatch = { tag } } };
        using var same = await browser.SendAsync(again, Token);
        var packed = new HttpRequestMessage(HttpMethod.Get, "/dashboard")
        {
            Headers = { { "Accept-Encoding", "gzip" } },
        };
        using var small = await browser.SendAsync(packed, Token);
        await using var unpacked = new GZipStream(
            await small.Content.ReadAsStreamAsync(Token),
            CompressionMode.Decompress
        );
        using var text = new StreamReader(unpacked);

        var policy = Assert.Single(page.Headers.GetValues("Content-Security-Policy"));
        Assert.StartsWith("default-src 'none'; script-src 'self'; style-src 'self';", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        Assert.Equal(304, (int)same.StatusCode);
        Assert.Equal(await page.Content.ReadAsStringAsync(Token), await text.ReadToEndAsync(Token));
        await JsonOf(browser.GetAsync("/dashboard/nothing.js", Token), 404);
        await JsonOf(browser.GetAsync("/dashboard/..%2f..%2fpollard.json", Token), 404);
    }

    [Fact]
    public async Task A_keys_limits_are_changed_and_what_it_used_lasts_over_a_restart()
    {
        var store = new Tasks.Storage.MemoryTaskStore(TimeProvider.System);
        string id;
        string? admin;
        await using (var gateway = await StartAsync(WithKeys, store: store))
        {
            admin = gateway.Server.FirstAdminKey;
            var host = gateway.Connect("m");
            var key = await JsonOf(
                gateway.PostAsync("/v1/keys", """{"name":"one","requests_per_minute":5,"max_running":2}"""),
                201
            );
            id = Text(key, "id")!;
            var task = await SubmitAsync(gateway.NewClient(Text(key, "key")), Chat);
            (await host.TakeAsync()).Say("done").Finish();
            await EndAsync(gateway, task);

            var changed = await JsonOf(PatchAsync(gateway, id, """{"name":"two","requests_per_minute":null}"""));

            Assert.Equal("two", Text(changed, "name"));
            Assert.False(changed.TryGetProperty("requests_per_minute", out _));
            Assert.Equal(2, Int(changed, "max_running"));
            await JsonOf(PatchAsync(gateway, id, """{"max_running":0}"""), 400);
            await JsonOf(PatchAsync(gateway, id, """{"max_running":"many"}"""), 400);
            await JsonOf(PatchAsync(gateway, "key_nobody", "{}"), 404);
        }

        await using var next = await StartAsync(WithKeys, store: store.Crash());
        var keys = (await JsonOf(next.NewClient(admin).GetAsync("/v1/keys", Token)))
            .GetProperty("keys")
            .EnumerateArray();
        var usage = keys.Single(key => Text(key, "id") == id).GetProperty("usage");
        Assert.Equal(
            (1, 1, 3, 2),
            (Int(usage, "tasks"), Int(usage, "completed"), Int(usage, "input_tokens"), Int(usage, "output_tokens"))
        );
    }

    private static GatewayOptions WithKeys(GatewayOptions options) => options with { RequireKeys = true };

    private static async Task<(HttpClient Client, string Id)> NewViewerAsync(TestGateway gateway)
    {
        var key = await JsonOf(gateway.PostAsync("/v1/keys", """{"name":"wall","role":"viewer"}"""), 201);
        return (gateway.NewClient(Text(key, "key")), Text(key, "id")!);
    }

    private static async Task<string> SubmitAsync(HttpClient client, string task) =>
        Text(await JsonOf(PostAsync(client, "/v1/tasks", task), 202), "id")!;

    private static async Task EndAsync(TestGateway gateway, string id) =>
        Assert.True(
            (await JsonOf(gateway.GetAsync($"/v1/tasks/{id}/wait?timeout=60"))).GetProperty("final").GetBoolean()
        );

    private static Task<HttpResponseMessage> PatchAsync(TestGateway gateway, string id, string change) =>
        gateway.Client.PatchAsync($"/v1/keys/{id}", new StringContent(change), Token);

    // The next message of this name that is as it should be.
    private static async Task<JsonElement> NextAsync(StreamReader reader, string name, Func<JsonElement, bool> isIt)
    {
        while (await reader.ReadLineAsync(Token) is { } line)
        {
            if (line != $"event: {name}")
            {
                continue;
            }

            var told = JsonElement.Parse((await reader.ReadLineAsync(Token))!["data: ".Length..]);
            if (isIt(told))
            {
                return told;
            }
        }

        throw new EndOfStreamException($"no such {name}");
    }

    private static string? Text(JsonElement json, string member) => json.GetProperty(member).GetString();

    private static int Int(JsonElement json, string member) => json.GetProperty(member).GetInt32();

    private static int Host(JsonElement overview, string member) => Int(overview.GetProperty("hosts"), member);
}
