using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.AI;
using Pollard.Client;
using Pollard.Tests.Support;

namespace Pollard.Tests.ClientLibrary;

public sealed class PollardChatClientTests
{
    private const string Answer = """
        "result":{"model":"m-1","choices":[{"message":{"content":"Hello","reasoning_content":"Hm","tool_calls":
        [{"id":"c1","type":"function","function":{"name":"get_weather","arguments":"{\"city\":\"Paris\"}"}}]},
        "finish_reason":"tool_calls"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5,
        "prompt_tokens_details":{"cached_tokens":1},"completion_tokens_details":{"reasoning_tokens":1}}}
        """;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_answer_is_a_task_told_in_the_abstractions_words()
    {
        await using var gateway = await StartAsync();
        gateway.On("GET /v1/tasks/t1/wait", Documents.Task("t1", "completed", Answer));
        using var client = new PollardClient(gateway.Url);
        using var chat = new PollardChatClient(client, "m");

        var response = await chat.GetResponseAsync("Hi", cancellationToken: Token);

        Assert.Equal(("t1", "m-1", "Hello"), (response.ResponseId, response.ModelId, response.Text));
        Assert.Equal(ChatFinishReason.ToolCalls, response.FinishReason);
        Assert.Equal("Hm", response.Messages[0].Contents.OfType<TextReasoningContent>().Single().Text);
        var call = response.Messages[0].Contents.OfType<FunctionCallContent>().Single();
        Assert.Equal(("c1", "get_weather", "Paris"), (call.CallId, call.Name, call.Arguments!["city"]!.ToString()));
        var usage = response.Usage!;
        Assert.Equal(
            (3, 2, 5, 1, 1),
            (
                usage.InputTokenCount,
                usage.OutputTokenCount,
                usage.TotalTokenCount,
                usage.CachedInputTokenCount,
                usage.ReasoningTokenCount
            )
        );
    }

    [Fact]
    public async Task Messages_and_options_become_the_body()
    {
        await using var gateway = await StartAsync();
        gateway.On("GET /v1/tasks/t1/wait", Documents.Task("t1", "completed", Answer));
        using var client = new PollardClient(gateway.Url);
        using var chat = new PollardChatClient(client, "m", task => task with { Priority = 7 });
        ChatMessage[] messages =
        [
            new(ChatRole.User, [new TextContent("What is it?"), new DataContent(new byte[] { 1, 2 }, "image/png")]),
            new(
                ChatRole.Assistant,
                [
                    new TextReasoningContent("Hm"),
                    new FunctionCallContent("c1", "look", new Dictionary<string, object?> { ["at"] = 2 }),
                ]
            ),
            new(ChatRole.Tool, [new FunctionResultContent("c1", "a cat")]),
        ];
        var options = new ChatOptions
        {
            ModelId = "other",
            Instructions = "Be brief.",
            MaxOutputTokens = 9,
            Temperature = 0.5f,
            TopP = 0.25f,
            Seed = 7,
            StopSequences = ["END"],
            Reasoning = new() { Effort = ReasoningEffort.Low },
            ResponseFormat = ChatResponseFormat.ForJsonSchema(JsonElement.Parse("""{"type":"object"}"""), "thing"),
            Tools = [AIFunctionFactory.CreateDeclaration("look", "Looks.", JsonElement.Parse("""{"type":"object"}"""))],
            ToolMode = ChatToolMode.RequireSpecific("look"),
            AllowMultipleToolCalls = false,
            AdditionalProperties = new() { ["min_p"] = 0.125, ["temperature"] = 2 },
        };

        await chat.GetResponseAsync(messages, options, Token);

        var task = JsonNode.Parse(gateway.Calls[0].Body)!;
        Assert.Equal(("other", 7), (task["model"]!.GetValue<string>(), task["priority"]!.GetValue<int>()));
        var expected = JsonNode.Parse(
            """
            {"messages":[{"role":"system","content":"Be brief."},
            {"role":"user","content":[{"type":"text","text":"What is it?"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AQI="}}]},
            {"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"look","arguments":"{\"at\":2}"}}]},
            {"role":"tool","tool_call_id":"c1","content":"a cat"}],
            "stream":true,"max_tokens":9,"temperature":0.5,"top_p":0.25,"seed":7,"stop":["END"],"reasoning_effort":"low",
            "response_format":{"type":"json_schema","json_schema":{"name":"thing","schema":{"type":"object"}}},
            "tools":[{"type":"function","function":{"name":"look","description":"Looks.","parameters":{"type":"object"}}}],
            "tool_choice":{"type":"function","function":{"name":"look"}},"parallel_tool_calls":false,"min_p":0.125}
            """
        );
        Assert.Equal(expected!.ToJsonString(), task["request"]!.ToJsonString());
    }

    [Fact]
    public async Task A_stream_that_breaks_goes_on_where_it_broke()
    {
        await using var gateway = await StartAsync();
        var read = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        gateway.On(
            "GET /v1/tasks/t1/events",
            async http =>
            {
                if (http.Request.Query["after"] == "0")
                {
                    await http.Response.WriteAsync(
                        Documents.SentText(1, "lo") + Documents.Sent(2, "usage") + Documents.Sent(3, "completed"),
                        Token
                    );
                    return;
                }

                await http.Response.WriteAsync(Documents.SentText(0, "Hel"), Token);
                await http.Response.Body.FlushAsync(Token);
                await read.Task.WaitAsync(Token); // Breaking takes away what nobody has read.
                http.Abort();
            }
        );
        gateway.On("GET /v1/tasks/t1", Documents.Task("t1", "completed", Answer));
        using var client = new PollardClient(gateway.Url);
        using var chat = new PollardChatClient(client, "m");

        List<ChatResponseUpdate> updates = [];
        await foreach (var update in chat.GetStreamingResponseAsync("Hi", cancellationToken: Token))
        {
            updates.Add(update);
            read.TrySetResult();
        }

        Assert.Equal(["Hel", "lo", ""], updates.Select(update => update.Text));
        Assert.All(updates, update => Assert.Equal("t1", update.ResponseId));
        var response = updates.ToChatResponse();
        Assert.Equal(("Hello", 5), (response.Text, response.Usage!.TotalTokenCount));
        Assert.Equal("get_weather", response.Messages[0].Contents.OfType<FunctionCallContent>().Single().Name);
        Assert.DoesNotContain(gateway.Calls, call => call.Name.StartsWith("DELETE", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_answer_that_starts_over_after_a_part_of_it_was_given_is_an_error()
    {
        await using var gateway = await StartAsync();
        gateway.On(
            "GET /v1/tasks/t1/events",
            http =>
                http.Response.WriteAsync(
                    Documents.SentText(0, "Hel") + Documents.Sent(1, "lost") + Documents.Sent(2, "redispatched"),
                    Token
                )
        );
        using var client = new PollardClient(gateway.Url);
        using var chat = new PollardChatClient(client, "m");

        var failed = await Assert.ThrowsAsync<PollardException>(async () =>
            await chat.GetStreamingResponseAsync("Hi", cancellationToken: Token).ToListAsync(Token)
        );

        Assert.Equal((PollardException.Restarted, "t1"), (failed.Type, failed.TaskId));
        Assert.DoesNotContain(gateway.Calls, call => call.Name.StartsWith("DELETE", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Who_stops_waiting_ends_the_task()
    {
        await using var gateway = await StartAsync();
        using var stop = new CancellationTokenSource();
        gateway.On(
            "GET /v1/tasks/t1/wait",
            async http =>
            {
                await stop.CancelAsync();
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, http.RequestAborted);
            }
        );
        using var client = new PollardClient(gateway.Url);
        using var chat = new PollardChatClient(client, "m");

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            chat.GetResponseAsync("Hi", cancellationToken: stop.Token)
        );

        Assert.Equal("DELETE /v1/tasks/t1", gateway.Calls[^1].Name);
    }

    [Fact]
    public async Task Who_stops_reading_ends_the_task()
    {
        await using var gateway = await StartAsync();
        gateway.On(
            "GET /v1/tasks/t1/events",
            async http =>
            {
                await http.Response.WriteAsync(Documents.SentText(0, "Hel"), Token);
                await http.Response.Body.FlushAsync(Token);
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, http.RequestAborted);
            }
        );
        using var client = new PollardClient(gateway.Url);
        using var chat = new PollardChatClient(client, "m");

        await foreach (var _ in chat.GetStreamingResponseAsync("Hi", cancellationToken: Token))
        {
            break;
        }

        Assert.Equal("DELETE /v1/tasks/t1", gateway.Calls[^1].Name);
    }

    [Fact]
    public async Task What_a_chat_has_no_word_for_is_refused_before_it_is_sent()
    {
        await using var gateway = await StartAsync();
        using var client = new PollardClient(gateway.Url);
        using var chat = new PollardChatClient(client, "m");

        var refused = await Assert.ThrowsAsync<NotSupportedException>(() =>
            chat.GetResponseAsync(
                [new ChatMessage(ChatRole.User, [new DataContent(new byte[] { 1 }, "application/pdf")])],
                cancellationToken: Token
            )
        );

        Assert.Contains("DataContent", refused.Message, StringComparison.Ordinal);
        Assert.Empty(gateway.Calls);
    }

    [Fact]
    public void It_says_what_it_is()
    {
        using var client = new PollardClient(new Uri("http://gateway"));
        using var chat = new PollardChatClient(client, "m");

        var metadata = chat.GetService<ChatClientMetadata>()!;

        Assert.Equal(
            ("pollard", client.Gateway, "m"),
            (metadata.ProviderName, metadata.ProviderUri, metadata.DefaultModelId)
        );
        Assert.Same(client, chat.GetService<PollardClient>());
        Assert.Same(chat, chat.GetService<IChatClient>());
        Assert.Null(chat.GetService<string>());
    }

    private static async Task<ScriptedGateway> StartAsync()
    {
        var gateway = await ScriptedGateway.StartAsync();
        return gateway
            .On("POST /v1/tasks", Documents.Task("t1", "pending"), 202)
            .On("DELETE /v1/tasks/t1", Documents.Task("t1", "cancelled"), 202);
    }
}
