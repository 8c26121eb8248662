using System.Text.Json;
using Pollard.Agent.Backends.Http;
using Pollard.Agent.Backends.Ollama;

namespace Pollard.Agent.Tests.Backends;

public sealed class OllamaRequestTests
{
    [Fact]
    public void Parts_of_a_message_become_text_and_images()
    {
        var message = Message(
            """
            {"role":"user","content":[{"type":"text","text":"What is "},
            {"type":"image_url","image_url":{"url":"data:image/png;base64,QUJD"}},{"type":"text","text":"this?"}]}
            """
        );

        Assert.Equal("What is this?", message.GetProperty("content").GetString());
        Assert.Equal("QUJD", message.GetProperty("images")[0].GetString());
    }

    [Fact]
    public void Tool_calls_get_arguments_as_an_object_and_answers_get_the_name_of_the_tool()
    {
        var chat = Chat(
            """
            {"messages":[{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function",
            "function":{"name":"add","arguments":"{\"a\":1}"}}]},{"role":"tool","tool_call_id":"c1","content":"2"}]}
            """
        );

        var messages = chat.GetProperty("messages");
        var function = messages[0].GetProperty("tool_calls")[0].GetProperty("function");
        Assert.Equal(1, function.GetProperty("arguments").GetProperty("a").GetInt32());
        Assert.Equal("add", messages[1].GetProperty("tool_name").GetString());
        Assert.Equal("c1", messages[1].GetProperty("tool_call_id").GetString());
    }

    [Fact]
    public void A_developer_is_a_system() =>
        Assert.Equal(
            "system",
            Message("""{"role":"developer","content":"be brief"}""").GetProperty("role").GetString()
        );

    [Fact]
    public void Sampling_parameters_become_options()
    {
        var options = Chat(
                """
                {"messages":[],"temperature":0.5,"top_p":0.9,"seed":7,"stop":"END","max_tokens":9,
                "max_completion_tokens":10,"frequency_penalty":0.1,"presence_penalty":0.2}
                """
            )
            .GetProperty("options");

        Assert.Equal(
            """{"temperature":0.5,"top_p":0.9,"seed":7,"frequency_penalty":0.1,"presence_penalty":0.2,"num_predict":10,"stop":["END"]}""",
            options.GetRawText()
        );
    }

    [Fact]
    public void What_a_client_of_Ollama_said_wins()
    {
        var chat = Chat(
            """
            {"messages":[],"temperature":0.5,"reasoning_effort":"low","response_format":{"type":"json_object"},
            "ollama":{"options":{"temperature":1,"num_ctx":4096},"keep_alive":"10m","think":"high","format":{"type":"array"}}}
            """
        );

        Assert.Equal("""{"temperature":1,"num_ctx":4096}""", chat.GetProperty("options").GetRawText());
        Assert.Equal("10m", chat.GetProperty("keep_alive").GetString());
        Assert.Equal("high", chat.GetProperty("think").GetString());
        Assert.Equal("array", chat.GetProperty("format").GetProperty("type").GetString());
    }

    [Fact]
    public void Only_what_Ollama_has_a_word_for_is_copied_of_its_own()
    {
        var chat = Chat(
            """
            {"messages":[],"repetition_penalty":1.2,
            "ollama":{"model":"another","messages":[1],"stream":false,"shift":true,"never_heard_of":1}}
            """
        );

        Assert.Equal(
            """{"model":"pollard-demo","messages":[],"stream":true,"options":{"repeat_penalty":1.2},"shift":true}""",
            chat.GetRawText()
        );
    }

    [Fact]
    public void Log_probabilities_of_a_completion_are_a_flag_and_a_number()
    {
        var alone = JsonElement.Parse(OllamaRequest.Completion(Work.Completion("\"logprobs\":2"), default).Span);
        var native = JsonElement.Parse(
            OllamaRequest
                .Completion(
                    Work.Completion("\"logprobs\":0,\"ollama\":{\"logprobs\":true,\"top_logprobs\":3}"),
                    default
                )
                .Span
        );

        Assert.Equal(
            (true, 2),
            (alone.GetProperty("logprobs").GetBoolean(), alone.GetProperty("top_logprobs").GetInt32())
        );
        Assert.Equal(
            """{"model":"pollard-demo","prompt":"Willows are","stream":true,"logprobs":true,"top_logprobs":3}""",
            native.GetRawText()
        );
    }

    [Theory]
    [InlineData("none", "false")]
    [InlineData("minimal", "\"low\"")]
    [InlineData("medium", "\"medium\"")]
    [InlineData("xhigh", "\"max\"")]
    public void Reasoning_effort_becomes_think(string effort, string think) =>
        Assert.Equal(
            think,
            Chat($$"""{"messages":[],"reasoning_effort":"{{effort}}"}""").GetProperty("think").GetRawText()
        );

    [Fact]
    public void It_always_streams()
    {
        Assert.True(Chat("""{"messages":[],"stream":false}""").GetProperty("stream").GetBoolean());
    }

    [Fact]
    public void A_completion_carries_its_suffix_and_native_extras()
    {
        var body = OllamaRequest.Completion(
            Work.Completion("\"suffix\":\"}\",\"ollama\":{\"raw\":true,\"system\":\"s\",\"context\":[1]}"),
            default
        );

        var json = JsonElement.Parse(body.Span);
        Assert.Equal("Willows are", json.GetProperty("prompt").GetString());
        Assert.Equal("}", json.GetProperty("suffix").GetString());
        Assert.True(json.GetProperty("raw").GetBoolean());
        Assert.Equal(1, json.GetProperty("context")[0].GetInt32());
    }

    [Theory]
    [InlineData("\"required\"", "\"required\"")]
    [InlineData("{\"type\":\"function\",\"function\":{\"name\":\"f\"}}", "a certain tool")]
    [InlineData("{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":\"auto\",\"tools\":[]}}", "a certain tool")]
    public void A_tool_that_must_be_called_is_refused_with_the_reason(string choice, string asked)
    {
        var work = Work.Of("chat", $$"""{"messages":[],"tools":[],"tool_choice":{{choice}}}""");

        var failure = Assert.Throws<BackendException>(() => OllamaRequest.Chat(work, default)).Failure;

        Assert.Equal(("unsupported", 400, false), (failure.Code, failure.Status, failure.Retryable));
        Assert.Contains(
            $"cannot make a model call a tool: \"tool_choice\" is {asked}",
            failure.Message,
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData("n", "\"n\":2")]
    [InlineData("logit_bias", "\"logit_bias\":{\"50256\":-100}")]
    [InlineData("logprobs", "\"logprobs\":true")]
    [InlineData("tool_choice", "\"tool_choice\":\"required\"")]
    [InlineData("functions", "\"functions\":[]")]
    [InlineData("modalities", "\"modalities\":[\"text\",\"audio\"]")]
    [InlineData("audio", "\"audio\":{\"voice\":\"alloy\"}")]
    [InlineData("parallel_tool_calls", "\"parallel_tool_calls\":false")]
    [InlineData("response_format", "\"response_format\":{\"type\":\"grammar\"}")]
    [InlineData("verbosity", "\"verbosity\":\"low\"")]
    [InlineData("web_search_options", "\"web_search_options\":{}")]
    [InlineData("tools", "\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"f\"}}]")]
    [InlineData("temperature", "\"temperature\":\"hot\"")]
    [InlineData(
        "messages[].content[].type",
        "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_audio\"}]}]"
    )]
    [InlineData(
        "messages[].content[].image_url",
        "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"http://x/y.png\"}}]}]"
    )]
    public void What_Ollama_cannot_do_is_refused_by_name(string parameter, string members)
    {
        var request = members.StartsWith("\"messages", StringComparison.Ordinal)
            ? $"{{{members}}}"
            : $"{{\"messages\":[],{members}}}";

        var failure = Assert
            .Throws<BackendException>(() =>
                OllamaRequest.Chat(Work.Of("chat", request), new(null, LogProbabilities: false))
            )
            .Failure;

        Assert.Equal(("unsupported", 400, false), (failure.Code, failure.Status, failure.Retryable));
        Assert.Contains($"\"{parameter}\"", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("not json")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"messages":[{"content":"no role"}]}""")]
    [InlineData("""{"messages":[{"role":"user","content":7}]}""")]
    [InlineData("""{"messages":[{"role":"user","content":"\ud83d"}]}""")]
    [InlineData("""{"messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{"}}]}]}""")]
    public void An_unreadable_request_is_the_clients_mistake(string request)
    {
        var failure = Assert
            .Throws<BackendException>(() => OllamaRequest.Chat(Work.Of("chat", request), default))
            .Failure;

        Assert.Equal(("bad_request", false), (failure.Code, failure.Retryable));
    }

    private static JsonElement Chat(string request) =>
        JsonElement.Parse(OllamaRequest.Chat(Work.Of("chat", request), default).Span);

    private static JsonElement Message(string message) =>
        Chat($$"""{"messages":[{{message}}]}""").GetProperty("messages")[0];
}
