using System.Text.Json;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Storage;
using static Pollard.Gateway.Tests.TestGateway;

namespace Pollard.Gateway.Tests;

public sealed class TasksDoorTests
{
    private const string Submit =
        """{"kind":"chat","model":"m","request":{"messages":[{"role":"user","content":"hi"}]},"metadata":{"a":1},"unknown":2}""";

    [Fact]
    public async Task A_task_is_accepted_read_waited_for_and_has_its_result()
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("m");

        using var accepted = await gateway.PostAsync("/v1/tasks", Submit);
        var task = JsonElement.Parse(await accepted.Content.ReadAsStringAsync(Token));
        var id = task.GetProperty("id").GetString()!;
        var attempt = await host.TakeAsync();
        attempt.Say("par");
        var running = await gateway.JsonOnceAsync(
            $"/v1/tasks/{id}",
            static read => read.TryGetProperty("progress", out _)
        );
        var waiting = gateway.GetAsync($"/v1/tasks/{id}/wait");
        attempt.Say("tial").Finish();
        var ended = await JsonOf(waiting);

        Assert.Equal(202, (int)accepted.StatusCode);
        Assert.Equal($"/v1/tasks/{id}", accepted.Headers.Location?.ToString());
        Assert.NotNull(accepted.Headers.RetryAfter);
        Assert.Equal("full", accepted.Headers.GetValues("Pollard-Durability").Single());
        Assert.Equal("""{"a":1}""", task.GetProperty("metadata").GetRawText());
        Assert.Equal("running", running.GetProperty("state").GetString());
        Assert.Equal("par", running.GetProperty("progress").GetProperty("partial").GetString());
        Assert.True(ended.GetProperty("final").GetBoolean());
        Assert.Equal("chat.completion", ended.GetProperty("result").GetProperty("object").GetString());
        Assert.Equal(5, ended.GetProperty("usage").GetProperty("total_tokens").GetInt32());
    }

    [Fact]
    public async Task Who_prefers_to_wait_gets_the_ended_task_at_once()
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("m");

        var sent = gateway.PostAsync("/v1/tasks", Submit, ("Prefer", "wait=30"));
        (await host.TakeAsync()).Say("x").Finish();

        Assert.Equal("completed", (await JsonOf(sent)).GetProperty("state").GetString());
    }

    [Fact]
    public async Task A_tag_saves_reading_a_task_that_has_not_changed()
    {
        await using var gateway = await StartAsync();
        var id = await SubmitAsync(gateway);

        using var first = await gateway.GetAsync($"/v1/tasks/{id}");
        var tag = first.Headers.ETag!.ToString();
        using var same = await gateway.GetAsync($"/v1/tasks/{id}", ("If-None-Match", tag));
        foreach (var known in (string[])[$"\"old\", {tag}", $"W/{tag}", "*"])
        {
            using var also = await gateway.GetAsync($"/v1/tasks/{id}", ("If-None-Match", known));
            Assert.Equal((known, 304), (known, (int)also.StatusCode));
        }

        await gateway.Client.DeleteAsync($"/v1/tasks/{id}", Token);
        using var changed = await gateway.GetAsync($"/v1/tasks/{id}", ("If-None-Match", tag));

        Assert.Equal(304, (int)same.StatusCode);
        Assert.Equal(tag, same.Headers.ETag?.ToString());
        Assert.Equal(200, (int)changed.StatusCode);
    }

    [Fact]
    public async Task A_wait_that_ends_before_the_task_answers_with_the_task_as_it_is_after_whitespace()
    {
        await using var gateway = await StartAsync(options =>
            options with
            {
                KeepAlive = TimeSpan.FromMilliseconds(20),
            }
        );
        var id = await SubmitAsync(gateway);

        var text = await TextOf(gateway.GetAsync($"/v1/tasks/{id}/wait?timeout=2"));

        Assert.StartsWith(" ", text);
        Assert.False(JsonElement.Parse(text).GetProperty("final").GetBoolean());
    }

    [Fact]
    public async Task Events_resume_after_any_number_as_a_stream_and_as_a_page()
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("m");
        var id = await SubmitAsync(gateway);
        var attempt = await host.TakeAsync();
        attempt.Say("Hel").Say("lo").Finish();
        await JsonOf(gateway.GetAsync($"/v1/tasks/{id}/wait"));

        var all = await TextOf(gateway.GetAsync($"/v1/tasks/{id}/events"));
        var page = await JsonOf(gateway.GetAsync($"/v1/tasks/{id}/events", ("Accept", "application/json")));
        var events = page.GetProperty("events").EnumerateArray().ToList();

        Assert.Equal(
            ["submitted", "leased", "delta", "delta", "usage", "completed"],
            events.ConvertAll(item => item.GetProperty("type").GetString())
        );
        Assert.Equal(Enumerable.Range(0, events.Count), events.ConvertAll(item => item.GetProperty("seq").GetInt32()));
        Assert.Equal("1.1", events[1].GetProperty("data").GetProperty("fence").GetString());
        Assert.Equal("Hel", events[2].GetProperty("text").GetString());
        Assert.True(page.GetProperty("final").GetBoolean());
        var blocks = all.Split("\n\n", StringSplitOptions.RemoveEmptyEntries)[1..];
        Assert.Equal($"id: 2\nevent: delta\ndata: {events[2].GetRawText()}", blocks[2]);
        for (var after = 0; after < events.Count; after++)
        {
            var rest = await TextOf(gateway.GetAsync($"/v1/tasks/{id}/events", ("Last-Event-ID", $"{after}")));
            var sameRest = await TextOf(gateway.GetAsync($"/v1/tasks/{id}/events?after={after}"));

            Assert.Equal(blocks[(after + 1)..], rest.Split("\n\n", StringSplitOptions.RemoveEmptyEntries)[1..]);
            Assert.Equal(rest, sameRest);
        }
    }

    [Fact]
    public async Task An_open_stream_of_events_is_kept_alive_until_its_task_ends()
    {
        await using var gateway = await StartAsync(options =>
            options with
            {
                KeepAlive = TimeSpan.FromMilliseconds(20),
            }
        );
        var id = await SubmitAsync(gateway);

        using var response = await gateway.GetAsync($"/v1/tasks/{id}/events");
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(Token));
        List<string> lines = [];
        while (await reader.ReadLineAsync(Token) is { } line)
        {
            lines.Add(line);
            if (line == ": keep-alive")
            {
                using var cancelled = await gateway.Client.DeleteAsync($"/v1/tasks/{id}", Token);
            }
        }

        Assert.Contains(": keep-alive", lines);
        Assert.Contains("event: cancelled", lines);
    }

    [Fact]
    public async Task A_task_is_cancelled_once_and_can_be_started_over()
    {
        await using var gateway = await StartAsync();
        var id = await SubmitAsync(gateway);
        var path = $"/v1/tasks/{id}";

        var early = await JsonOf(gateway.PostAsync(path + "/retry", ""), 409);
        using var first = await gateway.Client.DeleteAsync(path, Token);
        using var second = await gateway.Client.DeleteAsync(path, Token);
        var again = await JsonOf(gateway.PostAsync(path + "/retry", ""), 202);
        var host = gateway.Connect("m");
        (await host.TakeAsync()).Say("x").Finish();
        var ended = await JsonOf(gateway.GetAsync(path + "/wait"));
        var late = await JsonOf(gateway.Client.DeleteAsync(path, Token), 409);

        Assert.Equal("urn:pollard:error:not_retryable", early.GetProperty("type").GetString());
        Assert.Equal(202, (int)first.StatusCode);
        Assert.Equal(200, (int)second.StatusCode);
        Assert.Equal("pending", again.GetProperty("state").GetString());
        Assert.Equal("completed", ended.GetProperty("state").GetString());
        Assert.Equal("urn:pollard:error:already_final", late.GetProperty("type").GetString());
    }

    [Fact]
    public async Task A_failed_task_says_why_in_its_document()
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("m");
        var id = await SubmitAsync(gateway);

        (await host.TakeAsync()).Fail("bad_request", "the model cannot see");
        var error = (await JsonOf(gateway.GetAsync($"/v1/tasks/{id}/wait"))).GetProperty("error");

        Assert.Equal("urn:pollard:error:bad_request", error.GetProperty("type").GetString());
        Assert.Equal("the model cannot see", error.GetProperty("detail").GetString());
    }

    [Fact]
    public async Task A_waiting_task_says_why_it_waits()
    {
        await using var gateway = await StartAsync();
        gateway.Connect("other");
        var id = await SubmitAsync(gateway);

        var why = await JsonOf(gateway.GetAsync($"/v1/tasks/{id}/why"));

        Assert.Equal("pending", why.GetProperty("state").GetString());
        Assert.False(why.GetProperty("hosts")[0].GetProperty("can").GetBoolean());
    }

    [Fact]
    public async Task A_batch_is_answered_item_by_item()
    {
        await using var gateway = await StartAsync();

        var reply = await JsonOf(
            gateway.PostAsync(
                "/v1/tasks:batch",
                "{\"tasks\":["
                    + Submit
                    + ",{\"kind\":\"chat\",\"request\":{}},"
                    + Submit
                    + ",7,null,{\"kind\":\"x\",\"request\":1,\"priority\":\"high\"}"
                    + ",{\"kind\":\"x\",\"request\":1,\"webhook\":{}}]}"
            )
        );

        var items = reply.GetProperty("tasks").EnumerateArray().ToList();
        Assert.Equal("pending", items[0].GetProperty("task").GetProperty("state").GetString());
        Assert.Contains("model", items[1].GetProperty("error").GetProperty("detail").GetString());
        Assert.NotEqual(
            items[0].GetProperty("task").GetProperty("id").GetString(),
            items[2].GetProperty("task").GetProperty("id").GetString()
        );
        Assert.Equal(7, items.Count);
        Assert.All(items[3..], item => Assert.Equal(400, item.GetProperty("error").GetProperty("status").GetInt32()));
        Assert.Contains("priority", items[5].GetProperty("error").GetProperty("detail").GetString());
        Assert.Contains("webhook", items[6].GetProperty("error").GetProperty("detail").GetString());
    }

    [Fact]
    public async Task A_list_goes_from_the_newest_to_the_oldest_page_by_page()
    {
        await using var gateway = await StartAsync();
        List<string> ids = [];
        for (var i = 0; i < 5; i++)
        {
            ids.Add(await SubmitAsync(gateway));
        }

        List<string> listed = [];
        var before = "";
        while (before is not null)
        {
            var page = await JsonOf(gateway.GetAsync($"/v1/tasks?state=pending&limit=2&before={before}"));
            listed.AddRange(
                page.GetProperty("tasks").EnumerateArray().Select(task => task.GetProperty("id").GetString()!)
            );
            before = page.TryGetProperty("next", out var next) ? next.GetString() : null;
        }

        ids.Reverse();
        Assert.Equal(ids, listed);
        Assert.Empty((await JsonOf(gateway.GetAsync("/v1/tasks?state=failed"))).GetProperty("tasks").EnumerateArray());
    }

    [Fact]
    public async Task A_list_goes_on_when_tasks_of_a_page_have_left_its_state()
    {
        var store = new MemoryTaskStore(TimeProvider.System);
        await using var gateway = await StartAsync(store: store);
        List<string> ids = [];
        for (var i = 0; i < 4; i++)
        {
            ids.Add(await SubmitAsync(gateway));
        }

        store.Listed = async () =>
        {
            store.Listed = null;
            using var cancelled = await gateway.Client.DeleteAsync($"/v1/tasks/{ids[3]}", Token);
        };

        List<string> listed = [];
        string? before = null;
        do
        {
            var page = await JsonOf(gateway.GetAsync($"/v1/tasks?state=pending&limit=2&before={before}"));
            listed.AddRange(
                page.GetProperty("tasks").EnumerateArray().Select(task => task.GetProperty("id").GetString()!)
            );
            before = page.TryGetProperty("next", out var next) ? next.GetString() : null;
        } while (before is not null);

        Assert.Equal([ids[2], ids[1], ids[0]], listed);
    }

    [Fact]
    public async Task A_list_by_label_has_the_tasks_that_require_all_of_them()
    {
        await using var gateway = await StartAsync();
        var one = await SubmitAsync("""["gpu"]""");
        var both = await SubmitAsync("""["zone:eu","gpu"]""");
        await SubmitAsync("[]");

        Assert.Equal([both, one], await ListAsync("label=gpu"));
        Assert.Equal([both], await ListAsync("label=gpu&label=zone:eu&state=pending"));
        Assert.Empty(await ListAsync("label=zone"));
        var problem = await JsonOf(
            gateway.GetAsync("/v1/tasks?" + string.Join('&', Enumerable.Range(0, 9).Select(n => $"label={n}"))),
            400
        );
        Assert.Equal("label", problem.GetProperty("parameter").GetString());

        async Task<string> SubmitAsync(string labels) =>
            (
                await JsonOf(
                    gateway.PostAsync(
                        "/v1/tasks",
                        "{\"kind\":\"x\",\"request\":1,\"requires\":{\"labels\":" + labels + "}}"
                    ),
                    202
                )
            )
                .GetProperty("id")
                .GetString()!;

        async Task<List<string>> ListAsync(string query) =>
            [
                .. (await JsonOf(gateway.GetAsync("/v1/tasks?" + query)))
                    .GetProperty("tasks")
                    .EnumerateArray()
                    .Select(task => task.GetProperty("id").GetString()!),
            ];
    }

    [Fact]
    public async Task Work_of_another_kind_has_what_its_pieces_say_as_its_result()
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("m");

        var text = gateway.PostAsync("/v1/tasks", """{"kind":"echo","model":"m","request":1}""", ("Prefer", "wait=30"));
        (await host.TakeAsync()).Say("plain").Finish();
        var binary = gateway.PostAsync(
            "/v1/tasks",
            """{"kind":"echo","model":"m","request":[]}""",
            ("Prefer", "wait=30")
        );
        (await host.TakeAsync()).Send(DeltaKind.Body, [0xFF, 0xFE]).Finish();

        Assert.Equal("""{"text":"plain"}""", (await JsonOf(text)).GetProperty("result").GetRawText());
        Assert.Equal("""{"base64":"//4="}""", (await JsonOf(binary)).GetProperty("result").GetRawText());
    }

    [Theory]
    [InlineData("""{"kind":"chat","model":"m","request":{"messages":[]}}""", "messages")]
    [InlineData("""{"kind":"chat","request":{"messages":[{"role":"user"}]}}""", "model")]
    [InlineData("""{"kind":"bad kind","request":{}}""", "kind")]
    [InlineData("""{"kind":"x","request":{},"priority":101}""", "priority")]
    [InlineData("""{"kind":"x","request":{},"priority":"high"}""", "priority")]
    [InlineData("""{"kind":"x","request":{},"timeout":-1}""", "timeout")]
    [InlineData("""{"kind":"x","request":{},"timeout":1e300}""", "timeout")]
    [InlineData("""{"kind":"x","request":{},"max_attempts":0}""", "max_attempts")]
    [InlineData("""{"kind":"x","request":{},"durability":"maybe"}""", "durability")]
    [InlineData("""{"kind":"x","request":{},"validation":[]}""", "validation")]
    [InlineData("""{"kind":"x","request":{},"webhook":{}}""", "webhook")]
    [InlineData("""{"kind":"x","request":{},"requires":{"tier":"gold"}}""", "requires.tier")]
    [InlineData("""{"kind":"x","request":{},"requires":{"labels":"gpu"}}""", "requires.labels")]
    [InlineData("""{"kind":"x","request":{},"requires":{"labels":[""]}}""", "requires.labels")]
    [InlineData("""{"kind":"x","request":{},"requires":{"labels":[null]}}""", "requires.labels")]
    [InlineData("""{"kind":"x","request":{},"requires":{"features":["a\nb"]}}""", "requires.features")]
    [InlineData("""{"kind":"x","request":{},"requires":{"host":""}}""", "requires.host")]
    [InlineData("""{"kind":"x","request":{},"requires":{"context":0}}""", "requires.context")]
    [InlineData("""{"kind":"x","request":{},"requires":[]}""", "requires")]
    [InlineData("""{"kind":"x"}""", "request")]
    public async Task A_wrong_member_is_named(string body, string member)
    {
        await using var gateway = await StartAsync();

        using var response = await gateway.PostAsync("/v1/tasks", body);
        var problem = JsonElement.Parse(await response.Content.ReadAsStringAsync(Token));

        Assert.Equal(400, (int)response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.ToString());
        Assert.Contains(member, problem.GetProperty("detail").GetString());
    }

    private static async Task<string> SubmitAsync(TestGateway gateway) =>
        (await JsonOf(gateway.PostAsync("/v1/tasks", Submit), 202)).GetProperty("id").GetString()!;
}
