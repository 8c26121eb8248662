using System.Text.Json;
using Pollard.Protocol.HostLink;
using static Pollard.Gateway.Tests.TestGateway;

namespace Pollard.Gateway.Tests;

public sealed class OllamaTests
{
    private const string Chat =
        """{"model":"m","messages":[{"role":"user","content":"hi"}],"options":{"num_predict":9,"top_k":3},"CustomHeaders":{}}""";

    [Fact]
    public async Task A_chat_streams_lines_by_default_and_ends_with_what_it_took()
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("m:latest");

        var sent = gateway.PostAsync("/api/chat", Chat);
        var attempt = await host.TakeAsync();
        attempt.Send(DeltaKind.Reasoning, "hm").Say("Hel\n").Say("lo").Finish(timings: new(900, 100, 200, 600));
        using var response = await sent;
        var lines = await LinesOf(response);

        Assert.Equal("application/x-ndjson", response.Content.Headers.ContentType?.ToString());
        Assert.Equal("m:latest", attempt.Model);
        Assert.All(lines, line => Assert.Equal("m", line.GetProperty("model").GetString()));
        Assert.Equal(
            [
                """{"role":"assistant","content":"","thinking":"hm"}""",
                """{"role":"assistant","content":"Hel\n"}""",
                """{"role":"assistant","content":"lo"}""",
                """{"role":"assistant","content":""}""",
            ],
            lines.ConvertAll(line => line.GetProperty("message").GetRawText())
        );
        var end = lines[^1];
        Assert.True(end.GetProperty("done").GetBoolean());
        Assert.Equal("stop", end.GetProperty("done_reason").GetString());
        Assert.Equal(
            [900, 100, 200, 600, 3, 2],
            (
                (string[])
                    [
                        "total_duration",
                        "load_duration",
                        "prompt_eval_duration",
                        "eval_duration",
                        "prompt_eval_count",
                        "eval_count",
                    ]
            ).Select(name => end.GetProperty(name).GetInt32())
        );
    }

    [Fact]
    public async Task A_request_reaches_the_host_in_OpenAIs_words_and_with_Ollamas_own_beside_them()
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("m");

        var sent = gateway.PostAsync(
            "/api/chat",
            """
            {"model":"m","stream":false,"keep_alive":"5m","think":"low","format":{"type":"object"},
             "options":{"num_predict":9,"top_k":3,"temperature":0.5,"stop":["x"]},
             "messages":[{"role":"user","content":"see","images":["iVBORw0"]},
              {"role":"assistant","content":"","tool_calls":[{"function":{"name":"look","arguments":{"a":1}}}]},
              {"role":"tool","tool_name":"look","content":"seen"}]}
            """
        );
        var attempt = await host.TakeAsync();
        attempt.Say("x").Finish();
        await JsonOf(sent);

        Assert.Equal(
            """
            {"messages":[{"role":"user","content":[{"type":"text","text":"see"},{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0"}}]},{"role":"assistant","content":"","tool_calls":[{"id":"call_0","type":"function","function":{"name":"look","arguments":"{\"a\":1}"}}]},{"role":"tool","content":"seen","tool_call_id":"call_0","name":"look"}],"temperature":0.5,"top_k":3,"stop":["x"],"max_tokens":9,"response_format":{"type":"json_schema","json_schema":{"name":"answer","schema":{"type":"object"}}},"reasoning_effort":"low","ollama":{"options":{"num_predict":9,"top_k":3,"temperature":0.5,"stop":["x"]},"keep_alive":"5m","format":{"type":"object"},"think":"low"}}
            """,
            attempt.Request.GetRawText()
        );
    }

    [Fact]
    public async Task Tool_calls_are_told_whole_with_their_arguments_as_an_object()
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("m");
        const string Expected = """[{"function":{"name":"look","arguments":{"a":1}}}]""";

        var stream = gateway.PostAsync("/api/chat", Chat);
        Play(await host.TakeAsync());
        var whole = gateway.PostAsync(
            "/api/chat",
            Chat.Replace("\"model\"", "\"stream\":false,\"model\"", StringComparison.Ordinal)
        );
        Play(await host.TakeAsync());
        using var response = await stream;
        var lines = await LinesOf(response);
        var answer = await JsonOf(whole);

        Assert.Equal(Expected, lines[0].GetProperty("message").GetProperty("tool_calls").GetRawText());
        Assert.Equal(Expected, answer.GetProperty("message").GetProperty("tool_calls").GetRawText());
        Assert.Equal("stop", lines[^1].GetProperty("done_reason").GetString());

        static void Play(FakeAttempt attempt)
        {
            attempt.Send(
                DeltaKind.ToolCall,
                """{"index":0,"id":"c","type":"function","function":{"name":"look","arguments":"{\"a\""}}"""
            );
            attempt.Send(DeltaKind.ToolCall, """{"index":0,"function":{"arguments":":1}"}}""");
            attempt.Finish("tool_calls");
        }
    }

    [Fact]
    public async Task A_prompt_is_completed_whole_and_streamed()
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("m");

        var whole = gateway.PostAsync(
            "/api/generate",
            """{"model":"m","prompt":"hi","stream":false,"system":"be kind","raw":true}"""
        );
        var attempt = await host.TakeAsync();
        attempt.Say("Hello").Finish("length");
        var stream = gateway.PostAsync("/api/generate", """{"model":"m","prompt":"hi"}""");
        (await host.TakeAsync()).Say("Hello").Finish();
        var answer = await JsonOf(whole);
        using var response = await stream;
        var lines = await LinesOf(response);

        Assert.Equal("completion", attempt.Kind);
        Assert.Equal("""{"prompt":"hi","ollama":{"raw":true,"system":"be kind"}}""", attempt.Request.GetRawText());
        Assert.Equal("Hello", answer.GetProperty("response").GetString());
        Assert.Equal("length", answer.GetProperty("done_reason").GetString());
        Assert.Equal("Hello", lines[0].GetProperty("response").GetString());
        Assert.True(lines[^1].GetProperty("done").GetBoolean());
    }

    [Fact]
    public async Task A_request_without_anything_to_say_is_answered_as_loaded()
    {
        await using var gateway = await StartAsync();
        gateway.Connect("m");

        var load = await JsonOf(gateway.PostAsync("/api/generate", """{"model":"m"}"""));
        var unload = await JsonOf(gateway.PostAsync("/api/chat", """{"model":"m","messages":[],"keep_alive":0}"""));

        Assert.Equal("load", load.GetProperty("done_reason").GetString());
        Assert.Equal("unload", unload.GetProperty("done_reason").GetString());
    }

    [Fact]
    public async Task Vectors_come_in_the_shape_of_either_call()
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("m");

        var several = gateway.PostAsync("/api/embed", """{"model":"m","input":["a","b"],"truncate":true}""");
        Play(await host.TakeAsync());
        var one = gateway.PostAsync("/api/embeddings", """{"model":"m","prompt":"a"}""");
        Play(await host.TakeAsync());

        var answer = await JsonOf(several);
        Assert.Equal("[[0.5,1],[2,3]]", answer.GetProperty("embeddings").GetRawText());
        Assert.Equal(4, answer.GetProperty("prompt_eval_count").GetInt32());
        Assert.Equal("[0.5,1]", (await JsonOf(one)).GetProperty("embedding").GetRawText());

        static void Play(FakeAttempt attempt) =>
            attempt
                .Send(DeltaKind.Body, """{"object":"list","data":[{"embedding":[0.5,1],"index":0},""")
                .Send(DeltaKind.Body, """{"embedding":[2,3],"index":1}],"usage":{"prompt_tokens":4}}""")
                .Finish();
    }

    [Fact]
    public async Task Models_are_listed_and_described()
    {
        await using var gateway = await StartAsync();
        gateway.Connect("m:latest");

        var tags = await JsonOf(gateway.GetAsync("/api/tags"));
        var loaded = await JsonOf(gateway.GetAsync("/api/ps"));
        var shown = await JsonOf(gateway.PostAsync("/api/show", """{"model":"m"}"""));
        var unknown = await JsonOf(gateway.PostAsync("/api/show", """{"model":"nope"}"""), 404);

        Assert.Equal(
            """{"models":[{"name":"m:latest","model":"m:latest","modified_at":"2024-10-04T00:00:00.000Z","size":4000000,"digest":"abc","details":{"parent_model":"","format":"","family":"llama","families":["llama"],"parameter_size":"8B","quantization_level":"Q4_K_M"}}]}""",
            tags.GetRawText()
        );
        Assert.Equal(8192, loaded.GetProperty("models")[0].GetProperty("context_length").GetInt32());
        Assert.Equal("""["completion","embedding","echo","tools"]""", shown.GetProperty("capabilities").GetRawText());
        Assert.Contains("available: m:latest", unknown.GetProperty("error").GetString());
    }

    [Fact]
    public async Task The_root_says_what_Ollamas_clients_look_for()
    {
        await using var gateway = await StartAsync();

        using var head = await gateway.Client.SendAsync(new HttpRequestMessage(HttpMethod.Head, "/"), Token);

        Assert.Equal(200, (int)head.StatusCode);
        Assert.Equal("Ollama is running", await TextOf(gateway.GetAsync("/")));
        Assert.Matches(
            @"^\d+\.\d+\.\d+$",
            (await JsonOf(gateway.GetAsync("/api/version"))).GetProperty("version").GetString()
        );
    }

    [Theory]
    [InlineData("POST", "/api/pull")]
    [InlineData("POST", "/api/push")]
    [InlineData("POST", "/api/create")]
    [InlineData("POST", "/api/copy")]
    [InlineData("DELETE", "/api/delete")]
    [InlineData("POST", "/api/blobs/sha256:00")]
    public async Task Models_are_not_changed_from_afar(string method, string path)
    {
        await using var gateway = await StartAsync();
        var host = gateway.Connect("m");
        using var request = new HttpRequestMessage(new HttpMethod(method), path)
        {
            Content = new StringContent("""{"model":"m"}"""),
        };

        await JsonOf(gateway.Client.SendAsync(request, Token), 501);

        Assert.False(host.HasOffer);
    }

    [Fact]
    public async Task A_stream_that_breaks_ends_with_an_error_line()
    {
        await using var gateway = await StartAsync(
            engineOptions: new() { ResumeWithinInteractive = TimeSpan.FromMilliseconds(1) }
        );
        var host = gateway.Connect("m");

        var sent = gateway.PostAsync("/api/chat", Chat);
        (await host.TakeAsync()).Say("Hel");
        using var response = await sent;
        host.Leave();
        var lines = await LinesOf(response);

        Assert.Contains("lost", lines[^1].GetProperty("error").GetString());
        Assert.DoesNotContain(lines, line => line.TryGetProperty("done", out var done) && done.GetBoolean());
    }

    private static async Task<List<JsonElement>> LinesOf(HttpResponseMessage response)
    {
        var text = await response.Content.ReadAsStringAsync(Token);
        return [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonElement.Parse(line))];
    }
}
