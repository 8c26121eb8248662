using System.Text.Json;
using static Pollard.Gateway.Tests.TestGateway;

namespace Pollard.Gateway.Tests;

/// <summary>The LLM task server's contract, and its llm_config language.</summary>
public sealed class LlmTasksDoorTests
{
    private const string Submit =
        """{"llm_config":{"model":"max/text-general","messages":[{"role":"user","content":"hi"}]}}""";

    [Fact]
    public async Task A_task_is_submitted_followed_and_waited_for()
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("claude");

        var receipt = await JsonOf(gateway.PostAsync("/v1/tasks/submit", Submit));
        var id = receipt.GetProperty("task_id").GetString()!;
        Assert.Matches("^task_[0-9a-f]{12}$", id);
        Assert.Equal("pending", receipt.GetProperty("status").GetString());

        var attempt = await host.TakeAsync();
        var running = await JsonOf(gateway.GetAsync($"/v1/tasks/{id}/status"));
        Assert.Equal("running", running.GetProperty("status").GetString());
        Assert.Equal(10, running.GetProperty("progress").GetInt32());
        Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$", running.GetProperty("start_time").GetString()!);
        Assert.Equal(JsonValueKind.Null, running.GetProperty("result").ValueKind);

        var waiting = JsonOf(gateway.GetAsync($"/v1/tasks/{id}/wait?timeout=300&poll_interval=2"));
        attempt.Say("4").Finish();
        var done = await waiting;
        Assert.Equal("completed", done.GetProperty("status").GetString());
        Assert.Equal("4", Content(done.GetProperty("result")));
        var status = await JsonOf(gateway.GetAsync($"/v1/tasks/{id}/status"));
        Assert.Equal(100, status.GetProperty("progress").GetInt32());
        Assert.Equal("4", Content(status.GetProperty("result")));

        var native = await JsonOf(gateway.GetAsync($"/v1/tasks/{id}"));
        Assert.Equal(id, native.GetProperty("name").GetString());
        var late = await JsonOf(gateway.PostAsync($"/v1/tasks/{id}/cancel", ""));
        Assert.Equal("completed", late.GetProperty("status").GetString());
        Assert.Contains("cannot be cancelled", late.GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_does_not_poll_gets_the_result_itself()
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("claude");

        var sent = gateway.PostAsync(
            "/v1/tasks/submit",
            Submit
                .Replace("}}", "},\"polling_mode\":false}", StringComparison.Ordinal)
                .Replace("]}}", "]}", StringComparison.Ordinal)
        );
        (await host.TakeAsync()).Say("4").Finish();

        var answer = await JsonOf(sent);
        Assert.Matches("^immediate_[0-9a-f]{12}$", answer.GetProperty("task_id").GetString()!);
        Assert.Equal("completed", answer.GetProperty("status").GetString());
        Assert.Equal("4", Content(answer.GetProperty("result")));
    }

    [Fact]
    public async Task Impatience_is_a_408_with_the_id_and_the_task_goes_on()
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("claude");

        var sent = gateway.PostAsync(
            "/v1/tasks/submit",
            """{"llm_config":{"model":"max/x","question":"hi"},"polling_mode":false,"timeout":0.2}"""
        );
        var attempt = await host.TakeAsync();
        var late = await JsonOf(sent, 408);
        attempt.Say("late").Finish();

        var id = late.GetProperty("task_id").GetString()!;
        var done = await JsonOf(gateway.GetAsync($"/v1/tasks/{id}/wait?timeout=30"));
        Assert.Equal("late", Content(done.GetProperty("result")));
    }

    [Fact]
    public async Task A_wait_that_is_over_and_a_cancelled_task_are_told_in_its_words()
    {
        await using var gateway = await StartAsync(options =>
            options with
            {
                KeepAlive = TimeSpan.FromMilliseconds(20),
            }
        );
        var host = gateway.Connect("claude");
        var id = await SubmitAsync(gateway, "{}");
        await host.TakeAsync();

        var text = await TextOf(gateway.GetAsync($"/v1/tasks/{id}/wait?timeout=0.2"));
        var cancelled = await JsonOf(gateway.PostAsync($"/v1/tasks/{id}/cancel", ""));
        var after = await JsonOf(gateway.GetAsync($"/v1/tasks/{id}/wait?timeout=1"));

        Assert.StartsWith(" ", text, StringComparison.Ordinal); // Keeps a client alive whose time-out is short.
        Assert.Equal($$"""{"task_id":"{{id}}","status":"timeout","error":"Task timed out after 0.2s"}""", text.Trim());
        Assert.Equal("cancelled", cancelled.GetProperty("status").GetString());
        Assert.Equal("failed", after.GetProperty("status").GetString());
        var status = await JsonOf(gateway.GetAsync($"/v1/tasks/{id}/status"));
        Assert.Equal("cancelled", status.GetProperty("status").GetString());
    }

    [Theory]
    [InlineData("{}", "missing", "llm_config")]
    [InlineData("""{"llm_config":3}""", "model_attributes_type", "llm_config")]
    [InlineData("""{"llm_config":{"messages":[]}}""", "missing", "model")]
    [InlineData("""{"llm_config":{"model":"m"}}""", "missing", "messages")]
    [InlineData("""{"llm_config":{"model":"m","messages":"x"}}""", "list_type", "messages")]
    [InlineData("{", "json_invalid", "body")]
    public async Task A_body_of_another_shape_is_a_422_with_places(string body, string type, string place)
    {
        await using var gateway = await StartAsync();

        var error = await JsonOf(gateway.PostAsync("/v1/tasks/submit", body), 422);

        var detail = error.GetProperty("detail")[0];
        Assert.Equal(type, detail.GetProperty("type").GetString());
        Assert.Equal(place, detail.GetProperty("loc").EnumerateArray().Last().GetString());
    }

    [Theory]
    [InlineData("""{"fallback_models":["a"]}""", "fallback_models")]
    [InlineData("""{"batch_mode":{"requests":[]}}""", "batch_mode")]
    [InlineData("""{"cache_key":"a"}""", "cache_key")]
    [InlineData("""{"api_base":"http://x"}""", "api_base")]
    [InlineData("""{"api_key":"x"}""", "api_key")]
    [InlineData("""{"provider":"nobody"}""", "provider")]
    [InlineData("""{"image_directory":"/etc"}""", "image_directory")]
    [InlineData("""{"max_image_size_kb":0}""", "max_image_size_kb")]
    [InlineData("""{"validation":[{"type":"sentiment_analysis"}]}""", "sentiment_analysis")]
    [InlineData("""{"validation":["json"],"retry_config":{"colour":1}}""", "colour")]
    [InlineData("""{"question":"x"}""", "question")]
    public async Task What_is_not_supported_is_refused_by_its_name(string more, string name)
    {
        await using var gateway = await StartAsync();
        gateway.Connect("claude");

        var error = await JsonOf(gateway.PostAsync("/v1/tasks/submit", With(more)), 400);

        Assert.Contains(name, error.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_question_is_a_message_and_json_is_asked_for_in_words()
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("claude");

        await JsonOf(
            gateway.PostAsync(
                "/v1/tasks/submit",
                """{"llm_config":{"model":"max/x","question":"why?","response_format":{"type":"json_object"},"temperature":0.3,"top_p":1}}"""
            )
        );
        var request = (await host.TakeAsync()).Request;

        var messages = request.GetProperty("messages");
        Assert.Equal("system", messages[0].GetProperty("role").GetString());
        Assert.Contains("valid JSON", messages[0].GetProperty("content").GetString(), StringComparison.Ordinal);
        Assert.Equal("why?", messages[1].GetProperty("content").GetString());
        Assert.Equal(0.3, request.GetProperty("temperature").GetDouble());
        Assert.Equal(1, request.GetProperty("top_p").GetInt32());
        Assert.False(request.TryGetProperty("question", out _));
    }

    [Fact]
    public async Task An_answer_that_does_not_pass_is_asked_for_again_and_counted()
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("claude");
        var id = await SubmitAsync(
            gateway,
            """{"validation":[{"type":"json"}],"retry_config":{"max_attempts":2,"initial_delay":0}}"""
        );

        (await host.TakeAsync()).Say("no json").Finish();
        var second = await host.TakeAsync();
        var feedback = second.Request.GetProperty("messages");
        second.Say("""{"a":1}""").Finish();
        var done = await JsonOf(gateway.GetAsync($"/v1/tasks/{id}/wait?timeout=30"));

        Assert.Equal("no json", feedback[1].GetProperty("content").GetString());
        Assert.Contains("1", feedback[2].GetProperty("content").GetString(), StringComparison.Ordinal);
        Assert.Equal("completed", done.GetProperty("status").GetString());
        var status = await JsonOf(gateway.GetAsync($"/v1/tasks/{id}/status"));
        Assert.Equal(2, status.GetProperty("validation_attempts").GetInt32());
        var native = await JsonOf(gateway.GetAsync($"/v1/tasks/{id}"));
        Assert.Equal(10, native.GetProperty("usage").GetProperty("total_tokens").GetInt32());
        var events = await JsonOf(gateway.GetAsync($"/v1/tasks/{id}/events", ("Accept", "application/json")));
        var verdicts = events
            .GetProperty("events")
            .EnumerateArray()
            .Where(item => item.GetProperty("type").GetString() == "validation")
            .ToList();
        Assert.Equal(
            [false, true],
            verdicts.Select(item => item.GetProperty("data").GetProperty("valid").GetBoolean())
        );
    }

    [Fact]
    public async Task A_person_answers_where_the_task_asks_for_one()
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("claude");
        var id = await SubmitAsync(
            gateway,
            """{"validation":["json"],"max_attempts_before_human":1,"retry_config":{"initial_delay":0}}"""
        );
        (await host.TakeAsync()).Say("no json").Finish();
        JsonElement task;
        do
        {
            task = await JsonOf(gateway.GetAsync($"/v1/tasks/{id}"));
        } while (!task.TryGetProperty("needs_input", out _));

        Assert.Equal("input_needed", task.GetProperty("progress").GetProperty("phase").GetString());
        Assert.Contains(
            "json",
            task.GetProperty("progress").GetProperty("message").GetString(),
            StringComparison.Ordinal
        );
        await JsonOf(gateway.PostAsync($"/v1/tasks/{id}/input", """{"action":"perhaps"}"""), 400);
        await JsonOf(gateway.PostAsync($"/v1/tasks/{id}/input", """{"action":"accept"}"""));
        await JsonOf(gateway.PostAsync($"/v1/tasks/{id}/input", """{"action":"accept"}"""), 409);

        var done = await JsonOf(gateway.GetAsync($"/v1/tasks/{id}/wait?timeout=30"));
        Assert.Equal("no json", Content(done.GetProperty("result")));
    }

    [Fact]
    public async Task On_its_own_port_it_has_its_root_and_health()
    {
        await using var gateway = await StartAsync(options => options with { LlmTasksUrl = "http://127.0.0.1:0" });
        gateway.Connect("claude");
        using var own = new HttpClient(new SocketsHttpHandler()) { BaseAddress = gateway.Server.LlmTasksAddress };

        var root = await JsonOf(own.GetAsync("/", Token));
        var health = await JsonOf(own.GetAsync("/health", Token));
        var native = await JsonOf(
            gateway.PostAsync(
                "/v1/tasks",
                """{"kind":"chat","model":"claude","request":{"messages":[{"role":"user","content":"x"}]}}"""
            ),
            202
        );
        var wait = await JsonOf(
            own.GetAsync($"/v1/tasks/{native.GetProperty("id").GetString()}/wait?timeout=0", Token)
        );

        Assert.Equal("/v1/tasks/submit", root.GetProperty("endpoints").GetProperty("submit").GetString());
        Assert.Equal("""{"status":"healthy","database":"ok","proxy":"ok","active_tasks":0}""", health.GetRawText());
        Assert.Equal("timeout", wait.GetProperty("status").GetString());
    }

    [Fact]
    public async Task Images_are_read_from_below_the_directory_that_the_owner_opened()
    {
        var open = Directory.CreateTempSubdirectory("pollard-images");
        try
        {
            await File.WriteAllBytesAsync(Path.Combine(open.FullName, "a.png"), [1, 2, 3], Token);
            await using var gateway = await StartAsync(options => options with { ImageDirectory = open.FullName });
            var host = gateway.Connect("claude");
            const string Images =
                """{"llm_config":{"model":"max/x","image_directory":".","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"NAME"}}]}]}}""";

            await JsonOf(
                gateway.PostAsync("/v1/tasks/submit", Images.Replace("NAME", "a.png", StringComparison.Ordinal))
            );
            var part = (await host.TakeAsync()).Request.GetProperty("messages")[0].GetProperty("content")[0];
            var outside = await JsonOf(
                gateway.PostAsync(
                    "/v1/tasks/submit",
                    Images.Replace("NAME", "../secret.png", StringComparison.Ordinal)
                ),
                400
            );

            Assert.Equal("data:image/png;base64,AQID", part.GetProperty("image_url").GetProperty("url").GetString());
            Assert.Contains("has no image", outside.GetProperty("detail").GetString(), StringComparison.Ordinal);
        }
        finally
        {
            open.Delete(recursive: true);
        }
    }

    private static string With(string more)
    {
        var members = more.Trim()[1..^1];
        return Submit.Replace("]}}", members.Length == 0 ? "]}}" : $"],{members}}}}}", StringComparison.Ordinal);
    }

    private static async Task<string> SubmitAsync(TestGateway gateway, string more) =>
        (await JsonOf(gateway.PostAsync("/v1/tasks/submit", With(more)))).GetProperty("task_id").GetString()!;

    private static string? Content(JsonElement result) =>
        result.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString();
}
