using System.Net;
using System.Text;
using System.Text.Json;

namespace Pollard.Simulators.Tests;

/// <summary>The two APIs whose streams are named events: Anthropic's messages and OpenAI's responses.</summary>
public sealed class EventStreamTests : IDisposable
{
    private const string Tool =
        """{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"}}}""";

    private readonly HttpClient _http = new(new SocketsHttpHandler());

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _http.Dispose();

    [Fact]
    public async Task A_message_streams_as_blocks_between_its_start_and_its_stop()
    {
        await using var server = await AnthropicAsync(new() { Tokens = 3 });

        var events = await EventsAsync(server, "/v1/messages", Message("hello", ",\"stream\":true"));

        Assert.Equal(
            [
                "message_start",
                "ping",
                "content_block_start",
                "content_block_delta",
                "content_block_delta",
                "content_block_delta",
                "content_block_stop",
                "message_delta",
                "message_stop",
            ],
            events.Select(happened => happened.GetProperty("type").GetString())
        );
        var whole = await PostAsync(server, "/v1/messages", Message("hello"));
        Assert.Equal(
            whole.GetProperty("content")[0].GetProperty("text").GetString(),
            string.Concat(events[3..6].Select(piece => piece.GetProperty("delta").GetProperty("text").GetString()))
        );
        Assert.Equal("end_turn", events[^2].GetProperty("delta").GetProperty("stop_reason").GetString());
        Assert.Equal(3, events[^2].GetProperty("usage").GetProperty("output_tokens").GetInt32());
    }

    [Fact]
    public async Task A_tool_named_in_the_last_text_is_used_once_and_its_result_is_answered()
    {
        await using var server = await AnthropicAsync(new());
        var tools = ",\"tools\":[{\"name\":\"get_weather\",\"input_schema\":" + Tool + "}]";

        var call = await PostAsync(server, "/v1/messages", Message("use get_weather", tools));
        var used = call.GetProperty("content")[0];
        var answered = await PostAsync(
            server,
            "/v1/messages",
            """{"model":"pollard-demo","messages":[{"role":"user","content":"use get_weather"},{"role":"user","content":[{"type":"tool_result","content":"rain"}]}]"""
                + tools
                + "}"
        );

        Assert.Equal("tool_use", call.GetProperty("stop_reason").GetString());
        Assert.Equal("get_weather", used.GetProperty("name").GetString());
        Assert.Equal(JsonValueKind.Number, used.GetProperty("input").GetProperty("days").ValueKind);
        Assert.Equal("end_turn", answered.GetProperty("stop_reason").GetString());
        var streamed = await EventsAsync(
            server,
            "/v1/messages",
            Message("use get_weather", tools + ",\"stream\":true")
        );
        var input = string.Concat(
            streamed
                .Where(happened => happened.GetProperty("type").GetString() == "content_block_delta")
                .Select(happened => happened.GetProperty("delta").GetProperty("partial_json").GetString())
        );
        Assert.Equal(used.GetProperty("input").GetRawText(), input);
    }

    [Fact]
    public async Task It_can_be_overloaded_and_asked_whether_it_is_there_and_how_long_a_prompt_is()
    {
        await using var server = await AnthropicAsync(new() { Faults = [new(FaultKind.Overload) { Every = 1 }] });

        using var head = await _http.SendAsync(new(HttpMethod.Head, server.Url), Token);
        using var refused = await SendAsync(server, "/v1/messages", Message("hello"));
        var count = await PostAsync(server, "/v1/messages/count_tokens", Message("one two three"));

        Assert.Equal(HttpStatusCode.OK, head.StatusCode);
        Assert.Equal(529, (int)refused.StatusCode);
        var error = JsonElement.Parse(await refused.Content.ReadAsStringAsync(Token)).GetProperty("error");
        Assert.Equal("overloaded_error", error.GetProperty("type").GetString());
        Assert.True(count.GetProperty("input_tokens").GetInt32() >= 3);
        Assert.True(SimulatorFault.TryParse("529:1/2", out var parsed) && parsed!.Kind == FaultKind.Overload);
    }

    [Fact]
    public async Task A_response_streams_its_items_in_numbered_events()
    {
        await using var server = await OpenAiAsync(new() { Tokens = 2 });

        var events = await EventsAsync(server, "/v1/responses", Response("hello", ",\"stream\":true"));

        Assert.Equal(
            [
                "response.created",
                "response.in_progress",
                "response.output_item.added",
                "response.output_text.delta",
                "response.output_text.delta",
                "response.output_text.done",
                "response.output_item.done",
                "response.completed",
            ],
            events.Select(happened => happened.GetProperty("type").GetString())
        );
        Assert.Equal(Enumerable.Range(0, 8), events.Select(e => e.GetProperty("sequence_number").GetInt32()));
        var text = events[5].GetProperty("text").GetString();
        Assert.Equal(text, string.Concat(events[3..5].Select(piece => piece.GetProperty("delta").GetString())));
        var response = events[^1].GetProperty("response");
        Assert.Equal(text, response.GetProperty("output")[0].GetProperty("content")[0].GetProperty("text").GetString());
        Assert.Equal(2, response.GetProperty("usage").GetProperty("output_tokens").GetInt32());
    }

    [Fact]
    public async Task A_response_calls_functions_and_meets_schemas()
    {
        await using var server = await OpenAiAsync(new());
        var tools = ",\"tools\":[{\"type\":\"function\",\"name\":\"get_weather\",\"parameters\":" + Tool + "}]";

        var call = await PostAsync(server, "/v1/responses", Response("use get_weather", tools));
        var spaced = await PostAsync(
            server,
            "/v1/responses",
            Response(
                "use get_weather",
                $$""","tools":[{"type":"namespace","name":"mcp__sky","tools":[{"type":"function","name":"get_weather","parameters":{{Tool}}}]}]"""
            )
        );
        var answered = await PostAsync(
            server,
            "/v1/responses",
            """{"model":"pollard-demo","input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"use get_weather"}]},{"type":"function_call_output","call_id":"c","output":"rain"}]"""
                + tools
                + "}"
        );
        var shaped = await PostAsync(
            server,
            "/v1/responses",
            Response("hello", ",\"text\":{\"format\":{\"type\":\"json_schema\",\"schema\":" + Tool + "}}")
        );

        Assert.Equal("function_call", call.GetProperty("output")[0].GetProperty("type").GetString());
        Assert.False(call.GetProperty("output")[0].TryGetProperty("namespace", out _));
        Assert.Equal("mcp__sky", spaced.GetProperty("output")[0].GetProperty("namespace").GetString());
        Assert.Equal("get_weather", spaced.GetProperty("output")[0].GetProperty("name").GetString());
        Assert.Equal("message", answered.GetProperty("output")[0].GetProperty("type").GetString());
        var content = shaped.GetProperty("output")[0].GetProperty("content")[0].GetProperty("text").GetString()!;
        Assert.Equal(JsonValueKind.Number, JsonElement.Parse(content).GetProperty("days").ValueKind);
    }

    private static string Message(string text, string members = "") =>
        $$"""{"model":"pollard-demo","max_tokens":100,"messages":[{"role":"user","content":"{{text}}"}]{{members}}}""";

    private static string Response(string text, string members = "") =>
        $$"""{"model":"pollard-demo","input":"{{text}}"{{members}}}""";

    private static Task<RunningSimulator> AnthropicAsync(SimulatorOptions options) =>
        AnthropicSimulator.StartAsync("http://127.0.0.1:0", options, Token);

    private static Task<RunningSimulator> OpenAiAsync(SimulatorOptions options) =>
        OpenAiSimulator.StartAsync("http://127.0.0.1:0", options, Token);

    private async Task<HttpResponseMessage> SendAsync(RunningSimulator server, string path, string json)
    {
        using StringContent content = new(json, Encoding.UTF8, "application/json");
        return await _http.PostAsync(new Uri(server.Url, path), content, Token);
    }

    private async Task<JsonElement> PostAsync(RunningSimulator server, string path, string json)
    {
        using var response = await SendAsync(server, path, json);
        return JsonElement.Parse(await response.Content.ReadAsStringAsync(Token));
    }

    /// <summary>The data of each event, whose name must be its type.</summary>
    private async Task<JsonElement[]> EventsAsync(RunningSimulator server, string path, string json)
    {
        using var response = await SendAsync(server, path, json);
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
        List<JsonElement> events = [];
        foreach (var text in (await response.Content.ReadAsStringAsync(Token)).TrimEnd('\n').Split("\n\n"))
        {
            var lines = text.Split('\n');
            events.Add(JsonElement.Parse(lines[1]["data: ".Length..]));
            Assert.Equal("event: " + events[^1].GetProperty("type").GetString(), lines[0]);
        }

        return [.. events];
    }
}
