using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Pollard.Agent.Backends;
using Pollard.Protocol.HostLink;
using Pollard.Simulators;

namespace Pollard.Agent.Tests.Backends;

public sealed class OllamaBackendTests : IAsyncLifetime
{
    private RunningSimulator _ollama = null!;
    private OllamaBackend _backend = null!;
    private readonly RecordingOutput _output = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _ollama = await OllamaSimulator.StartAsync("http://127.0.0.1:0", new() { Tokens = 20 }, Token);
        _backend = new(new() { BaseUrl = _ollama.Url }, TimeProvider.System, NullLogger<OllamaBackend>.Instance);
    }

    public async ValueTask DisposeAsync()
    {
        _backend.Dispose();
        await _ollama.DisposeAsync();
    }

    [Fact]
    public async Task A_chat_comes_as_content_and_ends_with_reason_usage_and_timings()
    {
        var result = await _backend.RunAsync(Work.Chat(), _output, Token);

        Assert.StartsWith("[simulator]", _output.Content, StringComparison.Ordinal);
        Assert.Equal(20, _output.Deltas.Count);
        Assert.Equal(["stop"], result.Finish!.FinishReasons!);
        Assert.Equal(20, result.Finish.Usage!.Value.GetProperty("completion_tokens").GetInt64());
        Assert.True(result.Finish.Timings!.Total > 0);
        Assert.Equal("pollard-demo", result.Finish.Model);
    }

    [Fact]
    public async Task A_limit_of_tokens_ends_with_the_reason_length()
    {
        var result = await _backend.RunAsync(Work.Chat("\"max_completion_tokens\":5"), _output, Token);

        Assert.Equal(5, _output.Deltas.Count);
        Assert.Equal(["length"], result.Finish!.FinishReasons!);
    }

    [Fact]
    public async Task Reasoning_effort_makes_it_think_aloud()
    {
        var result = await _backend.RunAsync(Work.Chat("\"reasoning_effort\":\"low\""), _output, Token);

        Assert.NotEmpty(_output.Reasoning);
        Assert.NotEmpty(_output.Content);
        Assert.NotNull(result.Finish);
    }

    [Fact]
    public async Task A_tool_call_comes_in_the_shape_of_an_OpenAI_delta()
    {
        const string Tools = """
            "tools":[{"type":"function","function":{"name":"get_weather","parameters":
            {"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"}}}}}]
            """;

        var result = await _backend.RunAsync(Work.Chat(Tools, "use get_weather"), _output, Token);

        var call = Assert.Single(_output.ToolCalls());
        Assert.Equal(0, call.GetProperty("index").GetInt32());
        Assert.StartsWith("call_", call.GetProperty("id").GetString(), StringComparison.Ordinal);
        Assert.Equal("function", call.GetProperty("type").GetString());
        Assert.Equal("get_weather", call.GetProperty("function").GetProperty("name").GetString());
        var arguments = JsonElement.Parse(call.GetProperty("function").GetProperty("arguments").GetString()!);
        Assert.Equal(JsonValueKind.Number, arguments.GetProperty("days").ValueKind);
        Assert.Equal(["tool_calls"], result.Finish!.FinishReasons!);
    }

    [Fact]
    public async Task A_json_schema_is_met()
    {
        const string Format = """
            "response_format":{"type":"json_schema","json_schema":{"name":"tree","schema":
            {"type":"object","properties":{"height":{"type":"integer"}}}}}
            """;

        await _backend.RunAsync(Work.Chat(Format), _output, Token);

        Assert.Equal(JsonValueKind.Number, JsonElement.Parse(_output.Content).GetProperty("height").ValueKind);
    }

    [Fact]
    public async Task A_completion_comes_from_generate_and_carries_its_context_along()
    {
        var result = await _backend.RunAsync(Work.Completion(), _output, Token);

        Assert.Equal("/api/generate", _ollama.Requests[^1].Path);
        Assert.StartsWith("[simulator]", _output.Content, StringComparison.Ordinal);
        Assert.Equal(2, result.Finish!.Extra!.Value.GetProperty("context").GetArrayLength());
    }

    [Fact]
    public async Task Embeddings_come_as_an_OpenAI_list()
    {
        var result = await _backend.RunAsync(Work.Embedding("\"dimensions\":8"), _output, Token);

        var list = JsonElement.Parse(_output.Text(DeltaKind.Body));
        Assert.Equal("list", list.GetProperty("object").GetString());
        Assert.Equal(1, list.GetProperty("data")[1].GetProperty("index").GetInt32());
        Assert.Equal(8, list.GetProperty("data")[0].GetProperty("embedding").GetArrayLength());
        Assert.Equal(2, list.GetProperty("usage").GetProperty("prompt_tokens").GetInt32());
        Assert.Equal(2, result.Finish!.Usage!.Value.GetProperty("total_tokens").GetInt32());
    }

    [Fact]
    public async Task Embeddings_come_as_base64_when_asked_for()
    {
        await _backend.RunAsync(Work.Embedding("\"dimensions\":8,\"encoding_format\":\"base64\""), _output, Token);

        var list = JsonElement.Parse(_output.Text(DeltaKind.Body));
        var numbers = MemoryMarshal.Cast<byte, float>(
            list.GetProperty("data")[0].GetProperty("embedding").GetBytesFromBase64()
        );
        var squares = 0f;
        foreach (var number in numbers)
        {
            squares += number * number;
        }

        Assert.Equal(1f, squares, 0.001f);
    }

    [Fact]
    public async Task A_model_it_does_not_have_is_for_another_host()
    {
        var work = Work.Of("chat", """{"messages":[{"role":"user","content":"hi"}]}""", "qwen3:8b");

        var failure = (await _backend.RunAsync(work, _output, Token)).Failure!;

        Assert.Equal(("unknown_model", true, 404), (failure.Code, failure.Retryable, failure.Status));
        Assert.Contains("qwen3:8b", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cancelled_attempt_closes_the_connection_of_the_model()
    {
        await using var slow = await OllamaSimulator.StartAsync(
            "http://127.0.0.1:0",
            new() { Tokens = 100_000, TokensPerSecond = 200 },
            Token
        );
        using OllamaBackend backend = new(
            new() { BaseUrl = slow.Url },
            TimeProvider.System,
            NullLogger<OllamaBackend>.Instance
        );
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var run = backend.RunAsync(Work.Chat(), _output, cancel.Token);
        await _output.First.WaitAsync(Token);

        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run);
        var stats = await slow.UntilAsync(seen => seen.Aborted == 1, Token);
        Assert.Equal("/api/chat", Assert.Single(stats.Aborts).Path);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_model_that_is_being_loaded_is_told_of_and_one_that_reads_its_prompt_is_not(bool loads)
    {
        WaitingClock clock = new();
        var ages = TimeSpan.FromMinutes(10);
        await using var slow = await OllamaSimulator.StartAsync(
            "http://127.0.0.1:0",
            new()
            {
                Tokens = 3,
                LoadTime = loads ? ages : TimeSpan.Zero,
                FirstTokenDelay = loads ? TimeSpan.Zero : ages,
                Time = clock,
            },
            Token
        );
        using OllamaBackend backend = new(new() { BaseUrl = slow.Url }, clock, NullLogger<OllamaBackend>.Instance);
        var run = backend.RunAsync(Work.Chat(), _output, Token);
        await slow.UntilAsync(seen => seen.Active == 1, Token);

        await clock.AdvanceUntilAsync(run, Token);

        Assert.NotNull((await run).Finish);
        var words = _output.Deltas.TakeWhile(delta => delta.Kind == DeltaKind.Progress).ToList();
        Assert.Equal(loads, words.Count > 1);
        Assert.All(words, word => Assert.Contains("\"phase\":\"loading\"", word.Text, StringComparison.Ordinal));
        Assert.Equal(3, _output.Deltas.Count - words.Count);
        Assert.Contains(slow.Requests, request => request.Path == "/api/ps");
    }

    [Fact]
    public async Task One_connection_serves_one_attempt_after_another()
    {
        var connections = new HashSet<string>(StringComparer.Ordinal);
        await using var server = await ScriptedServer.StartAsync(
            async http =>
            {
                lock (connections)
                {
                    connections.Add(http.Connection.Id);
                }

                http.Response.ContentType = "application/x-ndjson";
                await http.Response.Body.WriteAsync("{\"done\":true}\n"u8.ToArray(), Token);
            },
            Token
        );
        using OllamaBackend backend = new(
            new() { BaseUrl = server.Url },
            TimeProvider.System,
            NullLogger<OllamaBackend>.Instance
        );

        for (var i = 0; i < 3; i++)
        {
            await backend.RunAsync(Work.Chat(), _output, Token);
        }

        Assert.Single(connections);
    }

    [Fact]
    public async Task The_trace_of_the_request_goes_on_to_the_model()
    {
        var work = Work.Chat();
        const string Trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

        await _backend.RunAsync(work with { Offer = work.Offer with { Traceparent = Trace } }, _output, Token);

        Assert.Equal(Trace, _ollama.Requests[^1].Headers["traceparent"]);
    }

    [Fact]
    public async Task Models_are_described_and_looked_at_once()
    {
        var first = await _backend.DiscoverAsync(Token);
        var second = await _backend.DiscoverAsync(Token);

        var model = Assert.Single(first);
        Assert.Equal(first[0].Digest, second[0].Digest);
        Assert.Equal(("pollard-demo", "simulator", 32_768), (model.Name, model.Engine, model.Context));
        Assert.Equal(["chat", "completion", "embedding"], model.Kinds!);
        Assert.Equal(["json", "logprobs", "tools", "vision", "thinking", "replay", "prefill"], model.Capabilities!);
        Assert.True(model.Loaded);
        Assert.Equal(1, _ollama.Requests.Count(request => request.Path == "/api/show"));
    }

    [Fact]
    public async Task Nobody_there_means_no_models()
    {
        await _ollama.DisposeAsync();

        Assert.Empty(await _backend.DiscoverAsync(Token));
    }
}
