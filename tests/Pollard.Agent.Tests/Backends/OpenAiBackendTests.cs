using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Pollard.Agent.Backends;
using Pollard.Protocol.HostLink;
using Pollard.Simulators;

namespace Pollard.Agent.Tests.Backends;

public sealed class OpenAiBackendTests : IAsyncLifetime
{
    private RunningSimulator _server = null!;
    private OpenAiBackend _backend = null!;
    private readonly RecordingOutput _output = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _server = await OpenAiSimulator.StartAsync("http://127.0.0.1:0", new() { Tokens = 20, Key = "secret" }, Token);
        _backend = Backend(new() { BaseUrl = _server.Url, ApiKey = "secret" });
    }

    public async ValueTask DisposeAsync()
    {
        _backend.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task A_chat_comes_as_content_and_ends_with_reason_usage_and_the_rest()
    {
        var result = await _backend.RunAsync(Work.Chat(), _output, Token);

        Assert.StartsWith("[simulator]", _output.Content, StringComparison.Ordinal);
        Assert.Equal(20, _output.Deltas.Count);
        Assert.Equal(["stop"], result.Finish!.FinishReasons!);
        Assert.Equal(20, result.Finish.Usage!.Value.GetProperty("completion_tokens").GetInt64());
        Assert.Equal("fp_simulator", result.Finish.Extra!.Value.GetProperty("system_fingerprint").GetString());
        Assert.Equal("pollard-demo", result.Finish.Model);
    }

    [Fact]
    public async Task Both_backends_and_both_dialects_say_the_same()
    {
        await using var ollama = await OllamaSimulator.StartAsync("http://127.0.0.1:0", new() { Tokens = 20 }, Token);
        using OllamaBackend other = new(
            new() { BaseUrl = ollama.Url },
            TimeProvider.System,
            NullLogger<OllamaBackend>.Instance
        );
        RecordingOutput otherOutput = new();

        await _backend.RunAsync(Work.Chat("\"seed\":3"), _output, Token);
        await other.RunAsync(Work.Chat("\"seed\":3"), otherOutput, Token);

        Assert.Equal(_output.Deltas, otherOutput.Deltas);
    }

    [Theory]
    [InlineData("*", false)]
    [InlineData("missing", true)]
    public async Task A_model_that_it_does_not_have_is_tried_elsewhere_only_if_it_was_said_to_be_there(
        string listed,
        bool retryable
    )
    {
        using var backend = Backend(
            new()
            {
                BaseUrl = _server.Url,
                ApiKey = "secret",
                Models = [new() { Name = listed }],
            }
        );
        var work = Work.Of("chat", """{"messages":[{"role":"user","content":"hi"}]}""", "missing");

        var failure = (await backend.RunAsync(work, _output, Token)).Failure!;

        Assert.Equal(("unknown_model", retryable, 404), (failure.Code, failure.Retryable, failure.Status));
    }

    [Fact]
    public async Task Several_answers_keep_their_places()
    {
        var result = await _backend.RunAsync(Work.Chat("\"n\":3"), _output, Token);

        Assert.Equal(["stop", "stop", "stop"], result.Finish!.FinishReasons!);
        Assert.StartsWith("[simulator]", _output.Text(DeltaKind.Content, 2), StringComparison.Ordinal);
        Assert.NotEqual<object>(_output.Text(DeltaKind.Content, 1), _output.Text(DeltaKind.Content, 2));
    }

    [Fact]
    public async Task Reasoning_is_told_apart_from_content()
    {
        await _backend.RunAsync(Work.Chat("\"reasoning_effort\":\"high\""), _output, Token);

        Assert.NotEmpty(_output.Reasoning);
        Assert.StartsWith("[simulator]", _output.Content, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Fragments_of_a_tool_call_pass_as_they_came()
    {
        const string Tools = """
            "tools":[{"type":"function","function":{"name":"add","parameters":
            {"type":"object","properties":{"a":{"type":"integer"}}}}}]
            """;

        var result = await _backend.RunAsync(Work.Chat(Tools, "please add"), _output, Token);

        var calls = _output.ToolCalls();
        Assert.Equal("add", calls[0].GetProperty("function").GetProperty("name").GetString());
        var arguments = string.Concat(
            calls.Select(call => call.GetProperty("function").GetProperty("arguments").GetString())
        );
        Assert.Equal(JsonValueKind.Number, JsonElement.Parse(arguments).GetProperty("a").ValueKind);
        Assert.Equal(["tool_calls"], result.Finish!.FinishReasons!);
    }

    [Fact]
    public async Task Unknown_members_reach_the_server_and_the_model_is_the_offers()
    {
        await _backend.RunAsync(
            Work.Chat("\"new_parameter\":{\"x\":[1,2]},\"temperature\":0.25,\"ollama\":{\"raw\":true}"),
            _output,
            Token
        );

        var sent = JsonElement.Parse(_server.Requests[^1].Body);
        Assert.Equal("pollard-demo", sent.GetProperty("model").GetString());
        Assert.Equal("{\"x\":[1,2]}", sent.GetProperty("new_parameter").GetRawText());
        Assert.Equal("0.25", sent.GetProperty("temperature").GetRawText());
        Assert.True(sent.GetProperty("stream_options").GetProperty("include_usage").GetBoolean());
        Assert.False(sent.TryGetProperty("ollama", out _));
        Assert.Equal(5 + 1, sent.EnumerateObject().Count());
    }

    [Fact]
    public async Task A_completion_and_its_reason_come_too()
    {
        var result = await _backend.RunAsync(Work.Completion("\"max_tokens\":4"), _output, Token);

        Assert.Equal("/v1/completions", _server.Requests[^1].Path);
        Assert.StartsWith("[simulator]", _output.Content, StringComparison.Ordinal);
        Assert.Equal(["length"], result.Finish!.FinishReasons!);
    }

    [Fact]
    public async Task Embeddings_pass_as_they_came()
    {
        var result = await _backend.RunAsync(Work.Embedding("\"dimensions\":20000"), _output, Token);

        var list = JsonElement.Parse(_output.Text(DeltaKind.Body));
        Assert.Equal(20_000, list.GetProperty("data")[1].GetProperty("embedding").GetArrayLength());
        Assert.Equal(2, result.Finish!.Usage!.Value.GetProperty("prompt_tokens").GetInt32());
        Assert.True(_output.Deltas.Count > 1, "a large result comes in pieces");
    }

    [Fact]
    public async Task A_server_that_does_not_stream_is_understood()
    {
        const string Answer = """
            {"id":"x","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant",
            "content":"Hi","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},
            "finish_reason":"tool_calls"}],"usage":{"prompt_tokens":1},"service_tier":"default"}
            """;
        await using var server = await ScriptedServer.SayAsync("application/json", Answer, Token);
        using var backend = Backend(new() { BaseUrl = server.Url });

        var result = await backend.RunAsync(Work.Chat(), _output, Token);

        Assert.Equal("Hi", _output.Content);
        Assert.Equal(0, Assert.Single(_output.ToolCalls()).GetProperty("index").GetInt32());
        Assert.Equal(["tool_calls"], result.Finish!.FinishReasons!);
        Assert.Equal("""{"service_tier":"default"}""", result.Finish.Extra!.Value.GetRawText());
    }

    [Fact]
    public async Task Text_that_comes_as_parts_is_read()
    {
        const string Answer = """
            data: {"choices":[{"index":0,"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]}]}}]}

            data: {"choices":[{"index":0,"delta":{"content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},"finish_reason":"stop"}]}


            """;
        await using var server = await ScriptedServer.SayAsync("text/event-stream", Answer, Token);
        using var backend = Backend(new() { BaseUrl = server.Url });

        var result = await backend.RunAsync(Work.Chat(), _output, Token);

        Assert.Equal(("hm", "ab"), (_output.Reasoning, _output.Content));
        Assert.Equal(["stop"], result.Finish!.FinishReasons!); // A reason is an end, even without [DONE].
    }

    [Fact]
    public async Task A_key_that_the_server_repeats_is_not_passed_on()
    {
        await using var server = await ScriptedServer.RefuseAsync(
            401,
            """{"error":{"message":"Incorrect API key provided: sk-123"}}""",
            Token
        );
        using var backend = Backend(new() { BaseUrl = server.Url, ApiKey = "sk-123" });

        var failure = (await backend.RunAsync(Work.Chat(), _output, Token)).Failure!;

        Assert.EndsWith("provided: ***", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cancelled_attempt_closes_the_connection_before_the_first_token()
    {
        await using var slow = await OpenAiSimulator.StartAsync(
            "http://127.0.0.1:0",
            new() { FirstTokenDelay = TimeSpan.FromHours(1) },
            Token
        );
        using var backend = Backend(new() { BaseUrl = slow.Url });
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var run = backend.RunAsync(Work.Chat(), _output, cancel.Token);
        await slow.UntilAsync(seen => seen.Active == 1, Token);

        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run);
        await slow.UntilAsync(seen => seen is { Aborted: 1, Active: 0 }, Token);
    }

    [Fact]
    public async Task Models_come_from_the_server()
    {
        var model = Assert.Single(await _backend.DiscoverAsync(Token));

        Assert.Equal(("pollard-demo", "simulator", 32_768), (model.Name, model.Engine, model.Context));
    }

    [Fact]
    public async Task Configured_models_need_no_question()
    {
        using var backend = Backend(new() { BaseUrl = _server.Url, Models = [new() { Name = "mine" }] });

        Assert.Equal("mine", Assert.Single(await backend.DiscoverAsync(Token)).Name);
        Assert.Empty(_server.Requests);
    }

    [Fact]
    public async Task A_server_for_any_model_also_lists_those_that_it_names()
    {
        using var backend = Backend(
            new()
            {
                BaseUrl = _server.Url,
                ApiKey = "secret",
                Models = [OpenAiBackendOptions.AnyModel],
            }
        );

        var models = await backend.DiscoverAsync(Token);
        await backend.DiscoverAsync(Token);

        Assert.Equal(["*", "pollard-demo"], models.Select(static model => model.Name));
        Assert.Equal(OpenAiBackendOptions.AnyModel.Kinds, models[1].Kinds);
        Assert.Single(_server.Requests);
    }

    [Fact]
    public async Task A_server_for_any_model_keeps_its_list_while_it_does_not_answer()
    {
        var answers = 0;
        await using var server = await ScriptedServer.StartAsync(
            http =>
            {
                http.Response.StatusCode = ++answers == 1 ? 200 : 500;
                return http.Response.WriteAsync("""{"data":[{"id":"far-model"}]}""", http.RequestAborted);
            },
            Token
        );
        var clock = new FakeTimeProvider();
        using var backend = new OpenAiBackend(
            new() { BaseUrl = server.Url, Models = [OpenAiBackendOptions.AnyModel] },
            clock,
            NullLogger<OpenAiBackend>.Instance
        );
        await backend.DiscoverAsync(Token);

        clock.Advance(TimeSpan.FromMinutes(6));
        var models = await backend.DiscoverAsync(Token);

        Assert.Equal(2, answers);
        Assert.Equal(["*", "far-model"], models.Select(static model => model.Name));
    }

    [Fact]
    public async Task A_wrong_key_of_the_host_is_no_fault_of_the_client()
    {
        using var backend = Backend(new() { BaseUrl = _server.Url, ApiKey = "wrong" });

        var failure = (await backend.RunAsync(Work.Chat(), _output, Token)).Failure!;

        Assert.Equal(("backend_refused", true, 401), (failure.Code, failure.Retryable, failure.Status));
        Assert.DoesNotContain("wrong", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"functions\":[]", "functions")]
    [InlineData("\"modalities\":[\"text\",\"audio\"]", "modalities")]
    [InlineData("\"audio\":{}", "audio")]
    public async Task What_cannot_be_carried_is_refused_by_name(string members, string parameter)
    {
        var failure = (await _backend.RunAsync(Work.Chat(members), _output, Token)).Failure!;

        Assert.Equal(("unsupported", 400), (failure.Code, failure.Status));
        Assert.Contains($"\"{parameter}\"", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_only_Ollama_knows_is_refused_by_name_or_left_out()
    {
        var refused = await _backend.RunAsync(Work.Completion("\"ollama\":{\"context\":[1,2]}"), _output, Token);
        var ran = await _backend.RunAsync(
            Work.Completion("\"ollama\":{\"raw\":true,\"options\":{\"num_ctx\":4096},\"keep_alive\":\"5m\"}"),
            _output,
            Token
        );

        Assert.Equal(
            ("unsupported", 400, false),
            (refused.Failure!.Code, refused.Failure.Status, refused.Failure.Retryable)
        );
        Assert.Contains("\"context\"", refused.Failure.Message, StringComparison.Ordinal);
        Assert.NotNull(ran.Finish);
        Assert.DoesNotContain("ollama", _server.Requests[^1].Body, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"type":"image_url","image_url":{"detail":"low","url":"http://10.0.0.1/x.png"}}""", true)]
    [InlineData("""{"type":"image_url","image_url":"HTTPS://x/y"}""", true)]
    [InlineData("""{"type":"image_url","image_url":{"url":"\u0068ttp://x/y"}}""", true)]
    [InlineData("""{"type":"video_url","video_url":{"url":"http://x/y.mp4"}}""", true)]
    [InlineData("""{"type":"image_url","image_url":{"url":"file:///etc/passwd"}}""", false)]
    [InlineData("""{"type":"image_url","image_url":{"url":""}}""", false)]
    public async Task An_address_of_a_file_is_passed_on_only_where_the_owner_allows_it(string part, bool allowable)
    {
        var work = Work.Of("chat", "{\"messages\":[{\"role\":\"user\",\"content\":[" + part + "]}]}");
        using var open = Backend(
            new()
            {
                BaseUrl = _server.Url,
                ApiKey = "secret",
                AllowUrls = true,
            }
        );

        var failure = (await _backend.RunAsync(work, _output, Token)).Failure!;
        Assert.Empty(_server.Requests);
        var allowed = await open.RunAsync(work, _output, Token);

        Assert.Equal(("unsupported", 400, false), (failure.Code, failure.Status, failure.Retryable));
        Assert.Contains("--allow-urls", failure.Message, StringComparison.Ordinal);
        Assert.Equal(allowable, allowed.Failure is null);
        Assert.Equal(allowable ? 1 : 0, _server.Requests.Count);
    }

    [Fact]
    public async Task Addresses_in_text_in_calls_of_tools_and_in_data_URLs_are_no_concern()
    {
        const string Messages = """
            [{"role":"user","content":[{"type":"text","text":"see http://x/y"},
            {"type":"image_url","image_url":{"url":"data:image/png;base64,QUJD"}}]},
            {"role":"assistant","content":"http://x","tool_calls":[{"id":"c","type":"function",
            "function":{"name":"fetch","arguments":{"url":"http://x/y"}}}]}]
            """;

        var result = await _backend.RunAsync(Work.Of("chat", "{\"messages\":" + Messages + "}"), _output, Token);

        Assert.Null(result.Failure);
    }

    [Theory]
    [InlineData("no json")]
    [InlineData("[1]")]
    [InlineData("{\"a\":1")]
    [InlineData("{} {}")]
    public async Task An_unreadable_request_is_the_clients_mistake(string request)
    {
        var failure = (await _backend.RunAsync(Work.Of("chat", request), _output, Token)).Failure!;

        Assert.Equal("bad_request", failure.Code);
        Assert.Empty(_server.Requests);
    }

    private static OpenAiBackend Backend(OpenAiBackendOptions options) =>
        new(options, TimeProvider.System, NullLogger<OpenAiBackend>.Instance);
}
