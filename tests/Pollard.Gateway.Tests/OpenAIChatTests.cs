using System.Text;
using System.Text.Json;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Storage;
using static Pollard.Gateway.Tests.TestGateway;

namespace Pollard.Gateway.Tests;

public sealed class OpenAIChatTests
{
    private const string Ask = """{"model":"m","messages":[{"role":"user","content":"hi"}]}""";
    private const string AskStream = """{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}""";

    [Fact]
    public async Task A_chat_is_answered_with_a_chat_completion()
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("m");

        var sent = gateway.PostAsync("/v1/chat/completions", Ask);
        var attempt = await host.TakeAsync();
        attempt
            .Send(DeltaKind.Reasoning, "hm")
            .Say("Hel")
            .Say("lo \"you\"\n")
            .Finish(extra: """{"system_fingerprint":"fp","id":"no"}""");
        using var response = await sent;
        var reply = JsonElement.Parse(await response.Content.ReadAsStringAsync(Token));

        Assert.Equal("application/json", response.Content.Headers.ContentType?.ToString());
        Assert.Equal(attempt.TaskId, response.Headers.GetValues("Pollard-Task").Single());
        Assert.Equal("relaxed", response.Headers.GetValues("Pollard-Durability").Single());
        Assert.Equal("chatcmpl-" + attempt.TaskId["task_".Length..], reply.GetProperty("id").GetString());
        Assert.True(reply.GetProperty("created").GetInt64() > 1_600_000_000);
        Assert.Equal("hi", attempt.Request.GetProperty("messages")[0].GetProperty("content").GetString());
        var rest = JsonElement.Parse(
            """
            {"object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hello \"you\"\n",
            "reasoning_content":"hm"},"logprobs":null,"finish_reason":"stop"}],
            "usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5},"system_fingerprint":"fp"}
            """
        );
        foreach (var member in rest.EnumerateObject())
        {
            Assert.Equal(
                member.Value.ToString().Replace("\n", "").Replace("            ", ""),
                reply.GetProperty(member.Name).ToString()
            );
        }
    }

    [Fact]
    public async Task A_stream_has_a_role_the_text_a_reason_and_an_end()
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("m");

        var sent = gateway.PostAsync("/v1/chat/completions", AskStream);
        var attempt = await host.TakeAsync();
        attempt.Say("Hel").Say("lo\n").Finish();
        using var response = await sent;
        var lines = (await response.Content.ReadAsStringAsync(Token)).Split(
            "\n\n",
            StringSplitOptions.RemoveEmptyEntries
        );

        Assert.Equal("text/event-stream", response.Content.Headers.ContentType?.ToString());
        Assert.Equal("no", response.Headers.GetValues("X-Accel-Buffering").Single());
        Assert.True(attempt.Stream);
        var chunks = lines[..^1].Select(line => JsonElement.Parse(line["data: ".Length..])).ToList();
        Assert.All(chunks, chunk => Assert.Equal("chat.completion.chunk", chunk.GetProperty("object").GetString()));
        Assert.Equal(
            [
                """{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}""",
                """{"index":0,"delta":{"content":"Hel"},"finish_reason":null}""",
                """{"index":0,"delta":{"content":"lo\n"},"finish_reason":null}""",
                """{"index":0,"delta":{},"finish_reason":"stop"}""",
            ],
            chunks.ConvertAll(chunk => chunk.GetProperty("choices")[0].GetRawText())
        );
        Assert.Equal("data: [DONE]", lines[^1]);
    }

    [Fact]
    public async Task A_stream_ends_with_usage_when_asked_to()
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("m");

        var sent = gateway.PostAsync(
            "/v1/chat/completions",
            """{"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hi"}]}"""
        );
        (await host.TakeAsync()).Say("x").Finish();
        var lines = (await TextOf(sent)).Split("\n\n", StringSplitOptions.RemoveEmptyEntries);

        Assert.EndsWith("""],"usage":null}""", lines[0]);
        Assert.EndsWith(
            """
            "choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}
            """.Trim(),
            lines[^2]
        );
    }

    [Fact]
    public async Task Tool_calls_are_joined_in_the_answer_and_passed_on_in_the_stream()
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("m");

        string[] fragments =
        [
            """{"index":0,"id":"call_1","type":"function","function":{"name":"look","arguments":""}}""",
            """{"index":0,"function":{"arguments":"{\"a\":"}}""",
            """{"index":0,"function":{"arguments":"1}"}}""",
        ];
        var whole = gateway.PostAsync("/v1/chat/completions", Ask);
        Play(await host.TakeAsync());
        var stream = gateway.PostAsync("/v1/chat/completions", AskStream);
        Play(await host.TakeAsync());
        var choice = (await JsonOf(whole)).GetProperty("choices")[0];
        var streamed = await TextOf(stream);

        Assert.Equal(
            """[{"id":"call_1","type":"function","function":{"name":"look","arguments":"{\"a\":1}"}}]""",
            choice.GetProperty("message").GetProperty("tool_calls").GetRawText()
        );
        Assert.Equal(JsonValueKind.Null, choice.GetProperty("message").GetProperty("content").ValueKind);
        Assert.Equal("tool_calls", choice.GetProperty("finish_reason").GetString());
        Assert.All(fragments, fragment => Assert.Contains("\"delta\":{\"tool_calls\":[" + fragment + "]}", streamed));

        void Play(FakeAttempt attempt)
        {
            foreach (var fragment in fragments)
            {
                attempt.Send(DeltaKind.ToolCall, fragment);
            }

            attempt.Finish("tool_calls");
        }
    }

    [Fact]
    public async Task A_character_that_is_cut_between_two_pieces_stays_whole_in_a_stream()
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("m");
        var euro = "€"u8.ToArray();

        var sent = gateway.PostAsync("/v1/chat/completions", AskStream);
        (await host.TakeAsync()).Send(DeltaKind.Content, euro[..2]).Send(DeltaKind.Content, euro[2..]).Finish();

        Assert.Contains("\"content\":\"€\"", await TextOf(sent));
    }

    [Fact]
    public async Task A_client_that_leaves_ends_its_interactive_task()
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("m");
        using var leave = CancellationTokenSource.CreateLinkedTokenSource(Token);

        var sent = gateway.Client.SendAsync(
            new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions") { Content = new StringContent(Ask) },
            leave.Token
        );
        await host.TakeAsync();
        await leave.CancelAsync();

        Assert.Equal("the client left", await host.CancelledAsync());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => sent);
    }

    [Fact]
    public async Task A_host_lost_after_its_text_was_shown_ends_the_stream_with_an_error_and_without_done()
    {
        await using var gateway = await StartAsync(
            engineOptions: new() { ResumeWithinInteractive = TimeSpan.FromMilliseconds(1) }
        );
        var host = gateway.Connect("m");

        var sent = gateway.PostAsync("/v1/chat/completions", AskStream);
        var attempt = await host.TakeAsync();
        attempt.Say("Hel");
        using var response = await sent;
        host.Leave();
        var lines = (await response.Content.ReadAsStringAsync(Token)).Split(
            "\n\n",
            StringSplitOptions.RemoveEmptyEntries
        );

        var error = JsonElement.Parse(lines[^1]["data: ".Length..]).GetProperty("error");
        Assert.Equal("host_lost", error.GetProperty("code").GetString());
        Assert.Equal(attempt.TaskId, error.GetProperty("task").GetString());
        Assert.DoesNotContain(lines, line => line.Contains("[DONE]", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(5, 202)]
    [InlineData(15, 404)]
    public async Task After_a_restart_work_waits_for_a_host_that_was_here_not_long_ago(int minutesAway, int status)
    {
        var store = new MemoryTaskStore(TimeProvider.System);
        await store.OpenAsync(TestGateway.Token);
        var seen = TimeProvider.System.GetUtcNow() - TimeSpan.FromMinutes(minutesAway);
        await store.PutRecordAsync(
            "host",
            "host_1",
            Encoding.UTF8.GetBytes(
                $$"""
                {"id":"host_1","name":"box","public_key":"","enrolled_at":"{{seen:O}}","seen_at":"{{seen:O}}","slots":1,"models":[{"name":"m"}]}
                """
            ),
            TestGateway.Token
        );
        await using var gateway = await TestGateway.StartAsync(store: store);

        using var response = await gateway.PostAsync("/v1/chat/completions", Ask, ("Prefer", "respond-async"));

        Assert.Equal(status, (int)response.StatusCode);
    }

    [Theory]
    [InlineData("/v1/chat/completions", 17.2, "18")]
    [InlineData("/v1/chat/completions", null, "10")]
    [InlineData("/v1/chat/completions", 1e9, "3600")]
    [InlineData("/api/chat", 17.2, "18")]
    public async Task What_a_backend_asked_to_wait_reaches_the_client(string path, double? asked, string told)
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("m");

        var sent = gateway.PostAsync(path, Ask);
        (await host.TakeAsync()).Fail("rate_limited", "no luck", status: 429, retryAfterSeconds: asked);

        using var response = await sent;
        Assert.Equal(429, (int)response.StatusCode);
        Assert.Equal(told, Assert.Single(response.Headers.GetValues("Retry-After")));
    }

    [Theory]
    [InlineData("bad_request", 400, 400, "invalid_request_error")]
    [InlineData("bad_request", 422, 422, "invalid_request_error")]
    [InlineData("bad_request", 401, 400, "invalid_request_error")]
    [InlineData("rate_limited", 429, 429, "rate_limit_error")]
    [InlineData("backend_error", 500, 502, "server_error")]
    [InlineData("timeout", null, 504, "server_error")]
    public async Task A_failure_before_any_text_has_its_status(string code, int? backend, int status, string type)
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("m");

        foreach (var body in (string[])[Ask, AskStream])
        {
            var sent = gateway.PostAsync("/v1/chat/completions", body);
            var attempt = await host.TakeAsync();
            attempt.Fail(code, "no luck", status: backend);
            var error = (await JsonOf(sent, status)).GetProperty("error");

            Assert.Equal(type, error.GetProperty("type").GetString());
            Assert.Equal(code, error.GetProperty("code").GetString());
            Assert.Equal($"no luck (task {attempt.TaskId})", error.GetProperty("message").GetString());
        }
    }

    [Fact]
    public async Task A_request_that_no_host_takes_in_time_is_a_503()
    {
        await using var gateway = await StartAsync(options =>
            options with
            {
                InteractiveQueueTimeout = TimeSpan.FromMilliseconds(1),
            }
        );
        gateway.Connect("m").Leave();

        using var response = await gateway.PostAsync("/v1/chat/completions", Ask);

        Assert.Equal(503, (int)response.StatusCode);
        Assert.NotNull(response.Headers.RetryAfter);
    }

    [Fact]
    public async Task Who_prefers_an_asynchronous_answer_gets_a_receipt_and_reads_the_result_later()
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("m");

        using var response = await gateway.PostAsync("/v1/chat/completions", Ask, ("Prefer", "respond-async"));
        var location = response.Headers.Location!.ToString();
        (await host.TakeAsync()).Say("late").Finish();
        var task = await JsonOf(gateway.GetAsync(location + "/wait"));

        Assert.Equal(202, (int)response.StatusCode);
        Assert.Equal("full", response.Headers.GetValues("Pollard-Durability").Single());
        Assert.Equal("respond-async", response.Headers.GetValues("Preference-Applied").Single());
        Assert.True(task.GetProperty("final").GetBoolean());
        Assert.Equal(
            "late",
            task.GetProperty("result")
                .GetProperty("choices")[0]
                .GetProperty("message")
                .GetProperty("content")
                .GetString()
        );
    }

    [Fact]
    public async Task The_same_idempotency_key_gets_the_same_answer_and_another_request_with_it_is_refused()
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("m");
        var key = ("Idempotency-Key", "k1");

        var first = gateway.PostAsync("/v1/chat/completions", Ask, key);
        (await host.TakeAsync()).Say("once").Finish();
        var one = await TextOf(first);
        var two = await TextOf(gateway.PostAsync("/v1/chat/completions", Ask, key));
        var other = await JsonOf(gateway.PostAsync("/v1/chat/completions", AskStream, key), 422);

        Assert.Equal(one, two);
        Assert.Equal("idempotency_conflict", other.GetProperty("error").GetProperty("code").GetString());
    }

    [Fact]
    public async Task The_trace_of_a_request_goes_on_to_the_host_and_back_to_the_client()
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("m");
        const string Trace = "0af7651916cd43dd8448eb211c80319c";

        var sent = gateway.PostAsync("/v1/chat/completions", Ask, ("traceparent", $"00-{Trace}-b7ad6b7169203331-01"));
        var attempt = await host.TakeAsync();
        attempt.Say("x").Finish();
        using var response = await sent;

        Assert.Equal(Trace, response.Headers.GetValues("x-request-id").Single());
        Assert.StartsWith($"00-{Trace}-", attempt.Traceparent);
        Assert.EndsWith("-01", attempt.Traceparent);
    }
}
