using System.Text;
using System.Text.Json;
using Pollard.Agent.Backends;
using Pollard.Agent.Sources.Andy;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Tests.Andy;

/// <summary>Work of Andy servers in the agent's own words, and answers in theirs.</summary>
public sealed class WorkTests
{
    [Theory]
    // What Ollama's clients are given, what OpenAI's are, and the WebSocket's.
    [InlineData(
        """{"params":{"stream":false,"options":{"temperature":0.5,"num_predict":9,"stop":["x"],"num_gpu":3,"repeat_penalty":1.2}}}""",
        """{"temperature":0.5,"max_tokens":9,"stop":["x"],"ollama":{"options":{"repeat_penalty":1.2}}}"""
    )]
    [InlineData(
        """{"params":{"temperature":0.5,"max_tokens":9,"stop":"***","user":"u","n":3,"model":"z","stream":true,"made_up":1}}""",
        """{"temperature":0.5,"max_tokens":9,"stop":"***"}"""
    )]
    [InlineData("""{"max_completion_tokens":9,"id":4}""", """{"max_completion_tokens":9}""")]
    [InlineData("""{"params":{"format":"json"}}""", """{"response_format":{"type":"json_object"}}""")]
    [InlineData(
        """{"params":{"format":{"type":"object"}}}""",
        """{"response_format":{"type":"json_schema","json_schema":{"name":"answer","schema":{"type":"object"}}}}"""
    )]
    [InlineData("""{"params":"none"}""", "{}")]
    public void Parameters_are_told_in_one_way(string said, string expected)
    {
        var item = With(said, """ "model":"m","messages":[{"role":"user","content":"hi"}] """);

        var request = JsonElement.Parse(AndyWork.Read(item, "w").Request.Span);

        var wanted = With(expected, """ "model":"m","messages":[{"role":"user","content":"hi"}] """);
        Assert.True(JsonElement.DeepEquals(wanted, request), request.GetRawText());
    }

    [Theory]
    [InlineData("""{"prompt":"hi"}""", """[{"role":"user","content":"hi"}]""")]
    [InlineData(
        """{"prompt":"hi","image_base64":"/9j/AA"}""",
        """[{"role":"user","content":[{"type":"text","text":"hi"},{"type":"image_url","image_url":{"url":"data:image/jpeg;base64,/9j/AA"}}]}]"""
    )]
    [InlineData(
        """{"messages":[{"role":"user","content":"look","images":["iVBORw0KGgoAA"]}]}""",
        """[{"role":"user","content":[{"type":"text","text":"look"},{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgoAA"}}]}]"""
    )]
    [InlineData(
        """{"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]}""",
        """[{"role":"user","content":[{"type":"text","text":"hi"}]}]"""
    )]
    [InlineData(
        """{"messages":[{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]},{"role":"tool","content":"2","tool_name":"f"}]}""",
        """[{"role":"assistant","content":"","tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]},{"role":"tool","content":"2","tool_call_id":"call_1","name":"f"}]"""
    )]
    public void Messages_are_told_as_OpenAI_does(string said, string expected)
    {
        var request = JsonElement.Parse(AndyWork.Read(With(said, """ "model":"m" """), "w").Request.Span);

        var messages = request.GetProperty("messages");
        Assert.True(JsonElement.DeepEquals(JsonElement.Parse(expected), messages), messages.GetRawText());
    }

    [Fact]
    public void Halves_of_characters_are_no_reason_to_lose_work()
    {
        var item = AndyHttp.Parse(
            Encoding.UTF8.GetBytes("""{"model":"m","messages":[{"role":"user","content":"a\ud83d \ud83d\ude00"}]}""")
        );

        var request = JsonElement.Parse(AndyWork.Read(item!.Value, "w").Request.Span);

        Assert.Equal("a\ufffd 😀", request.GetProperty("messages")[0].GetProperty("content").GetString());
    }

    [Fact]
    public void An_answer_has_the_words_of_all_generations()
    {
        var answer = new AndyAnswer(Work("chat"));
        answer.Add(DeltaKind.Reasoning, "hm"u8);
        answer.Add(DeltaKind.Content, "4"u8);
        answer.Add(DeltaKind.ToolCall, """{"index":0,"id":"c1","function":{"name":"f","arguments":"{\"a\""}}"""u8);
        answer.Add(DeltaKind.ToolCall, """{"index":0,"function":{"arguments":":1}"}}"""u8);

        var result = Submitted(
            AndyOutcome.Of(
                answer,
                new Messages.Finish
                {
                    FinishReasons = ["tool_calls"],
                    Usage = JsonElement.Parse("""{"prompt_tokens":3,"completion_tokens":2}"""),
                    Timings = new Messages.BackendTimings(10, 1, 2, 7),
                }
            )
        );

        var expected = JsonElement.Parse(
            """
            {"model":"m","created_at":"2026-01-01T00:00:00.000Z",
             "message":{"role":"assistant","content":"4","thinking":"hm",
              "tool_calls":[{"id":"c1","function":{"name":"f","arguments":{"a":1}}}]},
             "done":true,"done_reason":"stop",
             "total_duration":10,"load_duration":1,"prompt_eval_duration":2,"eval_duration":7,
             "prompt_eval_count":3,"eval_count":2,"usage":{"prompt_tokens":3,"completion_tokens":2}}
            """
        );
        Assert.True(JsonElement.DeepEquals(expected, result.GetProperty("result")), result.GetRawText());
    }

    [Fact]
    public void An_embedding_is_one_vector()
    {
        var answer = new AndyAnswer(Work("embedding"));
        answer.Add(DeltaKind.Body, """{"data":[{"embedding":[0.5,4]}],"usage":{"prompt_"""u8);
        answer.Add(DeltaKind.Body, """tokens":3}}"""u8);

        var result = Submitted(AndyOutcome.Of(answer, new Messages.Finish())).GetProperty("result");

        Assert.Equal("[0.5,4]", result.GetProperty("embedding").GetRawText());
        Assert.Equal(3, result.GetProperty("usage").GetProperty("prompt_tokens").GetInt32());
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("""{"data":[]}""")]
    [InlineData("""{"data":[{}]}""")]
    public void A_list_without_embeddings_is_an_error(string body)
    {
        var answer = new AndyAnswer(Work("embedding"));
        answer.Add(DeltaKind.Body, Encoding.UTF8.GetBytes(body));

        var submitted = Submitted(AndyOutcome.Of(answer, new Messages.Finish()));

        Assert.Contains("cannot be read", submitted.GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    private static JsonElement With(string json, string members) =>
        JsonElement.Parse(json == "{}" ? $"{{{members}}}" : $"{{{members},{json.TrimStart('{')}");

    private static WorkItem Work(string kind) => new(AndyWork.Offer("w") with { Kind = kind, Model = "m" }, default);

    private static JsonElement Submitted(AndyOutcome outcome) =>
        JsonElement.Parse(outcome.Submission("w", new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero)).Span);
}
