using System.Net;
using System.Text;
using System.Text.Json;

namespace Pollard.Simulators.Tests;

public sealed class SimulatorTests : IDisposable
{
    private const string Chat = """{"model":"pollard-demo","messages":[{"role":"user","content":"hello"}]""";

    private readonly HttpClient _http = new(new SocketsHttpHandler());

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _http.Dispose();

    [Fact]
    public async Task The_same_request_gets_the_same_answer_from_another_simulator()
    {
        await using var first = await OllamaAsync(new() { Seed = 4 });
        await using var second = await OllamaAsync(new() { Seed = 4 });
        await using var third = await OllamaAsync(new() { Seed = 5 });

        var answers = await Task.WhenAll(
            AnswerAsync(first, Chat + "}"),
            AnswerAsync(second, Chat + "}"),
            AnswerAsync(third, Chat + "}")
        );

        Assert.Equal(answers[0], answers[1]);
        Assert.NotEqual(answers[0], answers[2], StringComparer.Ordinal);
        Assert.StartsWith("[simulator]", answers[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_begun_answer_is_gone_on_with()
    {
        await using var ollama = await OllamaAsync(new());
        var whole = await AnswerAsync(ollama, Chat + "}");
        var begun = JsonEncodedText.Encode(whole[..40]);
        var request = Chat[..^1] + ",{\"role\":\"assistant\",\"content\":\"" + begun + "\"}]}";

        var rest = await AnswerAsync(ollama, request);

        Assert.Equal(whole[40..], rest);
    }

    [Fact]
    public async Task Ollama_streams_lines_and_closes_with_figures()
    {
        await using var ollama = await OllamaAsync(new() { Tokens = 5 });

        using var response = await PostAsync(ollama, "/api/chat", Chat + "}");
        var lines = (await response.Content.ReadAsStringAsync(Token)).TrimEnd('\n').Split('\n');

        Assert.Equal("application/x-ndjson", response.Content.Headers.ContentType!.MediaType);
        Assert.StartsWith("Pollard-Simulator", response.Headers.Server.ToString(), StringComparison.Ordinal);
        Assert.Equal(6, lines.Length);
        var last = JsonElement.Parse(lines[^1]);
        Assert.True(last.GetProperty("done").GetBoolean());
        Assert.Equal("stop", last.GetProperty("done_reason").GetString());
        Assert.Equal(5, last.GetProperty("eval_count").GetInt32());
        Assert.True(last.GetProperty("total_duration").GetInt64() > 0);
    }

    [Fact]
    public async Task OpenAI_streams_events_and_closes_with_usage_and_DONE()
    {
        await using var server = await OpenAiAsync(new() { Tokens = 5 });

        using var response = await PostAsync(
            server,
            "/v1/chat/completions",
            Chat + ",\"stream\":true,\"stream_options\":{\"include_usage\":true}}"
        );
        var events = (await response.Content.ReadAsStringAsync(Token)).TrimEnd('\n').Split("\n\n");

        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
        Assert.Equal(1 + 5 + 1 + 1 + 1, events.Length); // Role, tokens, reason, usage, end.
        Assert.Equal("data: [DONE]", events[^1]);
        var usage = JsonElement.Parse(events[^2]["data: ".Length..]).GetProperty("usage");
        Assert.Equal(5, usage.GetProperty("completion_tokens").GetInt32());
    }

    [Fact]
    public async Task A_list_tells_that_the_models_are_simulated()
    {
        await using var ollama = await OllamaAsync(new() { Models = [new("a"), new("b:7b")] });

        var tags = JsonElement.Parse(await _http.GetStringAsync(new Uri(ollama.Url, "/api/tags"), Token));
        var version = await _http.GetStringAsync(new Uri(ollama.Url, "/api/version"), Token);
        var root = await _http.GetStringAsync(ollama.Url, Token);

        Assert.Equal("b:7b", tags.GetProperty("models")[1].GetProperty("name").GetString());
        Assert.Equal(
            "simulator",
            tags.GetProperty("models")[0].GetProperty("details").GetProperty("family").GetString()
        );
        Assert.Contains("simulator", version, StringComparison.Ordinal);
        Assert.Contains("Ollama is running", root, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_model_is_not_found_in_the_words_of_each_api()
    {
        await using var ollama = await OllamaAsync(new());
        await using var openAi = await OpenAiAsync(new());

        using var first = await PostAsync(ollama, "/api/chat", """{"model":"x"}""");
        using var second = await PostAsync(openAi, "/v1/chat/completions", """{"model":"x"}""");

        Assert.Equal(HttpStatusCode.NotFound, first.StatusCode);
        Assert.Equal("""{"error":"model 'x' not found"}""", await first.Content.ReadAsStringAsync(Token));
        Assert.Equal(HttpStatusCode.NotFound, second.StatusCode);
        var error = JsonElement.Parse(await second.Content.ReadAsStringAsync(Token)).GetProperty("error");
        Assert.Equal("model_not_found", error.GetProperty("code").GetString());
    }

    [Fact]
    public async Task Nth_requests_fail_and_only_so_often()
    {
        await using var openAi = await OpenAiAsync(
            new()
            {
                Faults =
                [
                    new(FaultKind.ServerError) { Every = 2, Times = 1 },
                    new(FaultKind.RateLimit) { Every = 3, RetryAfter = TimeSpan.FromSeconds(7) },
                ],
            }
        );

        List<int> statuses = [];
        HttpResponseMessage? limited = null;
        for (var i = 0; i < 4; i++)
        {
            var response = await PostAsync(openAi, "/v1/chat/completions", Chat + "}");
            statuses.Add((int)response.StatusCode);
            limited = (int)response.StatusCode == 429 ? response : limited;
        }

        Assert.Equal([200, 500, 429, 200], statuses);
        Assert.Equal(TimeSpan.FromSeconds(7), limited!.Headers.RetryAfter!.Delta);
        Assert.Equal(2, openAi.Stats.Faulted);
    }

    [Fact]
    public async Task A_key_is_asked_for()
    {
        await using var openAi = await OpenAiAsync(new() { Key = "k" });

        using var response = await _http.GetAsync(new Uri(openAi.Url, "/v1/models"), Token);

        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
    }

    [Fact]
    public async Task Statistics_tell_of_a_client_that_left()
    {
        await using var ollama = await OllamaAsync(new() { Tokens = 100_000, TokensPerSecond = 500 });
        using (
            var request = new HttpRequestMessage(HttpMethod.Post, new Uri(ollama.Url, "/api/chat"))
            {
                Content = new StringContent(Chat + "}", Encoding.UTF8, "application/json"),
            }
        )
        using (var leaving = new HttpClient(new SocketsHttpHandler { ResponseDrainTimeout = TimeSpan.Zero }))
        {
            using var _ = await leaving.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Token);
        }

        await ollama.UntilAsync(stats => stats.Aborted == 1, Token);

        var seen = JsonElement.Parse(await _http.GetStringAsync(new Uri(ollama.Url, "/simulator/stats"), Token));
        Assert.Equal(0, seen.GetProperty("active").GetInt32());
        Assert.Equal(1, seen.GetProperty("aborted").GetInt32());
        Assert.Equal("/api/chat", seen.GetProperty("aborts")[0].GetProperty("path").GetString());
        Assert.True(seen.GetProperty("aborts")[0].GetProperty("tokens_sent").GetInt32() > 0);
    }

    private async Task<string> AnswerAsync(RunningSimulator ollama, string request)
    {
        var body = request[..^1] + ",\"stream\":false}";
        using var response = await PostAsync(ollama, "/api/chat", body);
        var json = JsonElement.Parse(await response.Content.ReadAsStringAsync(Token));
        return json.GetProperty("message").GetProperty("content").GetString()!;
    }

    private async Task<HttpResponseMessage> PostAsync(RunningSimulator server, string path, string body)
    {
        using StringContent content = new(body, Encoding.UTF8, "application/json");
        return await _http.PostAsync(new Uri(server.Url, path), content, Token);
    }

    private static Task<RunningSimulator> OllamaAsync(SimulatorOptions options) =>
        OllamaSimulator.StartAsync("http://127.0.0.1:0", options, Token);

    private static Task<RunningSimulator> OpenAiAsync(SimulatorOptions options) =>
        OpenAiSimulator.StartAsync("http://127.0.0.1:0", options, Token);
}
