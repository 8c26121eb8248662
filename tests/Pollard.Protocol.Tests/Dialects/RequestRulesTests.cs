using System.Text.Json;
using Pollard.Protocol.Dialects;

namespace Pollard.Protocol.Tests.Dialects;

public sealed class RequestRulesTests
{
    // What the two APIs document, as of this writing.
    private const string Chat =
        "messages model audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens max_tokens metadata modalities n parallel_tool_calls prediction presence_penalty prompt_cache_key reasoning_effort response_format safety_identifier seed service_tier stop store stream stream_options temperature tool_choice tools top_logprobs top_p user verbosity web_search_options";

    private const string Completion =
        "model prompt best_of echo frequency_penalty logit_bias logprobs max_tokens n presence_penalty seed stop stream stream_options suffix temperature top_p user";

    private const string Options =
        "options.num_keep options.seed options.num_predict options.top_k options.top_p options.min_p options.typical_p options.repeat_last_n options.temperature options.repeat_penalty options.presence_penalty options.frequency_penalty options.stop options.numa options.num_ctx options.num_batch options.num_gpu options.main_gpu options.use_mmap options.num_thread";

    [Theory]
    [InlineData("chat", Chat)]
    [InlineData("completion", Completion)]
    [InlineData("embedding", "input model dimensions encoding_format user")]
    public void Each_member_of_OpenAIs_requests_has_a_rule(string kind, string members) =>
        Assert.All(members.Split(' '), member => Assert.NotNull(RequestRules.FromOpenAI(kind).Find(member)));

    [Theory]
    [InlineData("chat", "model messages tools think format stream keep_alive logprobs top_logprobs " + Options)]
    [InlineData(
        "completion",
        "model prompt suffix images think format system template stream raw keep_alive context logprobs top_logprobs "
            + Options
    )]
    [InlineData("embedding", "model input truncate dimensions keep_alive options")]
    public void Each_member_of_Ollamas_requests_has_a_rule(string kind, string members) =>
        Assert.All(members.Split(' '), member => Assert.NotNull(RequestRules.FromOllama(kind).Find(member)));

    [Theory]
    [InlineData("chat")]
    [InlineData("completion")]
    [InlineData("embedding")]
    public void What_is_translated_says_where_to_and_nothing_else_does(string kind)
    {
        RequestRule[] all = [.. RequestRules.FromOpenAI(kind).All, .. RequestRules.FromOllama(kind).All];

        Assert.All(all, rule => Assert.Equal(rule.Fate == MemberFate.Translated, rule.Other is not null));
    }

    [Theory]
    [InlineData("chat", """{"n":1,"logit_bias":{},"parallel_tool_calls":true,"modalities":["text"],"audio":null}""")]
    [InlineData("chat", """{"user":"u","metadata":{"a":1},"store":true,"service_tier":"flex","never_heard_of":[1]}""")]
    [InlineData("chat", """{"tools":[{"type":"function"},{}],"tool_choice":"auto","function_call":"none"}""")]
    [InlineData("completion", """{"prompt":["one"],"best_of":1,"echo":false,"logprobs":3}""")]
    [InlineData("embedding", """{"input":["a","b"],"encoding_format":"base64"}""")]
    public void What_asks_for_nothing_that_Ollama_lacks_passes(string kind, string request) =>
        Assert.Null(RequestRules.FromOpenAI(kind).FirstRefused(JsonElement.Parse(request)));

    [Theory]
    [InlineData("chat", """{"keep_alive":"5m","truncate":false,"options":{"num_ctx":8192,"mirostat":0,"tfs_z":1.0}}""")]
    [InlineData("chat", """{"format":"","think":true,"options":{"num_predict":-1,"stop":"x","never_heard_of":1}}""")]
    [InlineData("completion", """{"raw":true,"system":"","template":null,"context":[],"images":[]}""")]
    [InlineData("embedding", """{"options":{"mirostat":2}}""")]
    public void What_asks_for_nothing_that_OpenAI_lacks_passes(string kind, string request) =>
        Assert.Null(RequestRules.FromOllama(kind).FirstRefused(JsonElement.Parse(request)));

    [Theory]
    [InlineData("chat", "format", """{"format":"xml"}""")]
    [InlineData("chat", "think", """{"think":7}""")]
    [InlineData("chat", "options.mirostat", """{"options":{"num_ctx":1,"mirostat":2}}""")]
    [InlineData("chat", "options.repeat_penalty", """{"options":{"repeat_penalty":1.1}}""")]
    [InlineData("chat", "options.num_predict", """{"options":{"num_predict":"9"}}""")]
    [InlineData("completion", "system", """{"system":"be kind"}""")]
    [InlineData("completion", "template", """{"template":"{{ .Prompt }}"}""")]
    [InlineData("completion", "context", """{"context":[1]}""")]
    [InlineData("completion", "images", """{"images":["QUJD"]}""")]
    public void What_OpenAI_has_no_word_for_is_named(string kind, string member, string request) =>
        Assert.Equal(member, RequestRules.FromOllama(kind).FirstRefused(JsonElement.Parse(request)));
}
