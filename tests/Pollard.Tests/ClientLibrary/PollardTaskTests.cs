using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http;
using Pollard.Client;
using Pollard.Protocol.Api;
using Pollard.Tests.Support;

namespace Pollard.Tests.ClientLibrary;

public sealed partial class PollardTaskTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_chat_is_handed_in_with_what_it_was_given_and_its_answer_is_read()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.On("POST /v1/tasks", Documents.Task("t1", "pending"), 202);
        gateway.On(
            "GET /v1/tasks/t1/wait",
            Documents.Task(
                "t1",
                "completed",
                """
                "result":{"choices":[{"message":{"content":"Hello","reasoning_content":"Hm"},"finish_reason":"stop"}],
                "usage":{"prompt_tokens":3,"completion_tokens":2},"extra":1}
                """
            )
        );
        using var client = new PollardClient(gateway.Url);

        var task = await client.Tasks.SubmitChatAsync(
            new ChatPrompt("m", [new("system", "Be brief."), new("user", "Hi")])
            {
                MaxTokens = 9,
                Temperature = 0.5,
                Options = new() { ["seed"] = 7 },
            },
            settings => settings with { Priority = 5 },
            cancellationToken: Token
        );
        var answer = await task.ResultAsync(cancellationToken: Token);

        Assert.Equal("t1", task.Id);
        Assert.Equal(
            """{"kind":"chat","request":{"seed":7,"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"}],"stream":true,"max_tokens":9,"temperature":0.5},"model":"m","priority":5}""",
            gateway.Calls[0].Body
        );
        Assert.Equal(
            ("Hello", "Hm", "stop", 3, 2),
            (answer.Text, answer.Reasoning, answer.FinishReason, answer.InputTokens, answer.OutputTokens)
        );
        Assert.Equal(1, answer.Completion.GetProperty("extra").GetInt32());
    }

    [Fact]
    public async Task A_typed_chat_asks_for_the_types_schema_and_gives_the_type()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.On("POST /v1/tasks", Documents.Task("t1", "pending"), 202);
        gateway.On(
            "GET /v1/tasks/t1/wait",
            Documents.Task("t1", "completed", Documents.Result("""{\"city\":\"Paris\",\"degrees\":21}"""))
        );
        using var client = new PollardClient(gateway.Url);

        var task = await client.Tasks.SubmitChatAsync(
            new ChatPrompt("m", "The weather?"),
            TestJson.Default.Weather,
            cancellationToken: Token
        );
        var weather = await task.ResultAsync(cancellationToken: Token);

        Assert.Equal(new Weather("Paris", 21), weather);
        var format = JsonElement.Parse(gateway.Calls[0].Body).GetProperty("request").GetProperty("response_format");
        Assert.Equal(
            """{"type":"json_schema","json_schema":{"name":"Weather","schema":{"type":"object","properties":{"city":{"type":"string"},"degrees":{"type":"integer"}},"required":["city","degrees"]}}}""",
            format.GetRawText()
        );
    }

    [Theory]
    [InlineData("It is warm.", "stop", "no Weather")]
    [InlineData("""{\"city\":\"Par""", "length", "cut short")]
    public async Task An_answer_of_another_shape_is_an_error(string text, string reason, string says)
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.On(
            "GET /v1/tasks/t1/wait",
            Documents.Task(
                "t1",
                "completed",
                $$$"""
                "result":{"choices":[{"message":{"content":"{{{text}}}"},"finish_reason":"{{{reason}}}"}]}
                """
            )
        );
        using var client = new PollardClient(gateway.Url);

        var bad = await Assert.ThrowsAsync<PollardException>(() =>
            client.Tasks.OpenChat("t1", TestJson.Default.Weather).ResultAsync(cancellationToken: Token)
        );

        Assert.Equal((PollardException.BadResult, "t1", false), (bad.Type, bad.TaskId, bad.IsTransient));
        Assert.Contains(says, bad.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_result_of_any_kind_has_a_type()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.On("POST /v1/tasks", Documents.Task("t1", "pending"), 202);
        gateway.On(
            "GET /v1/tasks/t1/wait",
            Documents.Task(
                "t1",
                "completed",
                """
"result":{"city":"Rome","degrees":30}
"""
            )
        );
        using var client = new PollardClient(gateway.Url);
        var work = new SubmitTask { Kind = "weather", Request = JsonElement.Parse("{}") };

        var task = await client.Tasks.SubmitAsync(work, TestJson.Default.Weather, cancellationToken: Token);

        Assert.Equal(new Weather("Rome", 30), await task.ResultAsync(cancellationToken: Token));
    }

    [Theory]
    [InlineData("failed")]
    [InlineData("timeout")]
    [InlineData("cancelled")]
    public async Task The_result_of_a_task_that_did_not_complete_is_its_error(string state)
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.On("GET /v1/tasks/t1/wait", Documents.Task("t1", state, Documents.Error("It burnt.")));
        using var client = new PollardClient(gateway.Url);

        var failed = await Assert.ThrowsAsync<PollardException>(() =>
            client.Tasks.OpenChat("t1").ResultAsync(cancellationToken: Token)
        );

        Assert.Equal(("urn:pollard:error:backend", "It burnt.", "t1"), (failed.Type, failed.Message, failed.TaskId));
    }

    [Fact]
    public async Task A_stream_that_starts_over_says_that_what_came_is_void()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.On(
            "GET /v1/tasks/t1/events",
            http =>
                http.Response.WriteAsync(
                    Documents.Sent(0, "leased")
                        + Documents.Sent(
                            1,
                            "phase",
                            """
"data":{"phase":"loading","message":"Loads the model"}
"""
                        )
                        + Documents.Sent(2, "delta", "\"kind\":\"reasoning\",\"text\":\"Hm\"")
                        + Documents.SentText(3, "Hel")
                        + Documents.Sent(
                            4,
                            "lost",
                            """
"data":{"message":"The host vanished."}
"""
                        )
                        + Documents.Sent(5, "redispatched")
                        + Documents.SentText(6, "Hello")
                        + Documents.Sent(7, "completed"),
                    Token
                )
        );
        gateway.On("GET /v1/tasks/t1", Documents.Task("t1", "completed"));
        using var client = new PollardClient(gateway.Url);

        var updates = await client.Tasks.OpenChat("t1").StreamAsync(cancellationToken: Token).ToListAsync(Token);

        Assert.Equal(
            [
                new(ChatUpdateKind.Phase, "Loads the model", 1),
                new(ChatUpdateKind.Reasoning, "Hm", 2),
                new(ChatUpdateKind.Text, "Hel", 3),
                new(ChatUpdateKind.Restarted, "The host vanished.", 5),
                new(ChatUpdateKind.Text, "Hello", 6),
            ],
            updates
        );
    }

    [Fact]
    public async Task A_start_that_cost_no_output_is_not_mentioned()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.On(
            "GET /v1/tasks/t1/events",
            http =>
                http.Response.WriteAsync(
                    Documents.Sent(0, "leased")
                        + Documents.Sent(1, "lost")
                        + Documents.Sent(2, "redispatched")
                        + Documents.SentText(3, "Hello")
                        + Documents.Sent(4, "completed"),
                    Token
                )
        );
        gateway.On("GET /v1/tasks/t1", Documents.Task("t1", "completed"));
        using var client = new PollardClient(gateway.Url);

        var updates = await client.Tasks.OpenChat("t1").StreamAsync(cancellationToken: Token).ToListAsync(Token);

        Assert.Equal([new ChatUpdate(ChatUpdateKind.Text, "Hello", 3)], updates);
    }

    [Fact]
    public async Task A_stream_of_a_task_that_fails_ends_with_its_error()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.On(
            "GET /v1/tasks/t1/events",
            http =>
                http.Response.WriteAsync(
                    Documents.SentText(0, "Hel")
                        + Documents.Sent(1, "leased")
                        + Documents.Sent(2, "phase")
                        + Documents.Sent(3, "failed"),
                    Token
                )
        );
        gateway.On("GET /v1/tasks/t1", Documents.Task("t1", "failed", Documents.Error("It burnt.")));
        using var client = new PollardClient(gateway.Url);
        List<string> seen = [];

        var failed = await Assert.ThrowsAsync<PollardException>(async () =>
        {
            await foreach (var update in client.Tasks.Open("t1").StreamAsync(cancellationToken: Token))
            {
                seen.Add(update.Text);
            }
        });

        Assert.Equal("It burnt.", failed.Message);
        Assert.Equal("Hel", seen[0]);
    }

    [Fact]
    public async Task Progress_says_where_it_is_and_what_is_there()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.On(
            "GET /v1/tasks/t1/events",
            http =>
                http.Response.WriteAsync(
                    Documents.Sent(0, "submitted")
                        + Documents.Sent(
                            1,
                            "leased",
                            """
"data":{"host":"gpu-1","attempt":1}
"""
                        )
                        + Documents.Sent(
                            2,
                            "phase",
                            """
"data":{"phase":"loading","percent":40}
"""
                        )
                        + Documents.SentText(3, "Hello ")
                        + Documents.SentText(4, "there")
                        + Documents.Sent(5, "completed"),
                    Token
                )
        );
        gateway.On("GET /v1/tasks/t1", Documents.Task("t1", "completed", Documents.Result("Hello there")));
        using var client = new PollardClient(gateway.Url);
        var heard = new Progress();

        var answer = await client.Tasks.OpenChat("t1").ResultAsync(heard, Token);

        Assert.Equal("Hello there", answer.Text);
        Assert.Equal(new TaskProgress(null, "leased", "gpu-1 has it.", null), heard.Steps[0]);
        Assert.Equal(new TaskProgress(40, "loading", null, null), heard.Steps[1]);
        Assert.Equal(new TaskProgress(40, "loading", null, "Hello there"), heard.Steps[^1]);
    }

    private sealed class Progress : IProgress<TaskProgress>
    {
        public List<TaskProgress> Steps { get; } = [];

        public void Report(TaskProgress value) => Steps.Add(value);
    }

    internal sealed record Weather(string City, int Degrees);

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
    [JsonSerializable(typeof(Weather))]
    private sealed partial class TestJson : JsonSerializerContext;
}
