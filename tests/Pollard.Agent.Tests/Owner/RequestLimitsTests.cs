using System.Text.Json;
using Pollard.Agent.Backends.Http;
using Pollard.Agent.Pipeline;
using Pollard.Agent.Tests.Backends;

namespace Pollard.Agent.Tests.Owner;

/// <summary>What the owner of a machine lets clients set.</summary>
public sealed class RequestLimitsTests
{
    [Theory]
    [InlineData("", 100)]
    [InlineData("\"max_tokens\":40", 40)]
    [InlineData("\"max_tokens\":4000", 100)]
    [InlineData("\"max_tokens\":-1", 100)]
    [InlineData("\"max_tokens\":null", 100)]
    [InlineData("\"max_tokens\":1e30", 100)]
    [InlineData("\"max_tokens\":\"many\"", 100)]
    [InlineData("\"n\":4", 25)]
    [InlineData("\"n\":4,\"max_tokens\":50", 25)]
    public void All_answers_together_have_no_more_tokens_than_the_owner_gives(string members, int expected)
    {
        var request = Apply(new AgentLimits { MaxTokens = 100 }, Work.Chat(members));

        Assert.Equal(expected, request.GetProperty("max_tokens").GetInt32());
        Assert.Equal("Tell me of willows", request.GetProperty("messages")[0].GetProperty("content").GetString());
    }

    [Theory]
    [InlineData("\"n\":101")]
    [InlineData("\"best_of\":9999999999")]
    public void More_answers_than_tokens_are_refused(string members)
    {
        var limits = new AgentLimits { MaxTokens = 100 };

        var failure = Assert.Throws<BackendException>(() => Apply(limits, Work.Completion(members))).Failure;

        Assert.Equal(("unsupported", "n", true), (failure.Code, failure.Parameter, failure.Retryable));
    }

    [Fact]
    public void Both_names_of_the_bound_are_held_to_it()
    {
        var request = Apply(
            new AgentLimits { MaxTokens = 100 },
            Work.Chat("\"max_completion_tokens\":900,\"max_tokens\":800")
        );

        Assert.Equal(100, request.GetProperty("max_completion_tokens").GetInt32());
        Assert.Equal(100, request.GetProperty("max_tokens").GetInt32());
    }

    [Fact]
    public void A_bound_in_a_spelling_that_only_some_servers_read_is_held_to_it_and_takes_the_place_of_none()
    {
        var request = Apply(new AgentLimits { MaxTokens = 100 }, Work.Chat("\"Max_Completion_Tokens\":900"));

        Assert.Equal(100, request.GetProperty("Max_Completion_Tokens").GetInt32());
        Assert.Equal(100, request.GetProperty("max_tokens").GetInt32());
    }

    [Theory]
    [InlineData(
        "{\"num_predict\":-1,\"num_ctx\":100000,\"seed\":1}",
        "{\"num_predict\":100,\"num_ctx\":2048,\"seed\":1}"
    )]
    [InlineData("{\"num_predict\":7,\"num_ctx\":512}", "{\"num_predict\":7,\"num_ctx\":512}")]
    [InlineData("{\"num_predict\":null}", "{}")]
    public void Options_of_Ollama_are_held_to_the_same_bounds(string options, string expected)
    {
        var limits = new AgentLimits { MaxTokens = 100, MaxContext = 2048 };

        var request = Apply(limits, Work.Chat($"\"ollama\":{{\"options\":{options},\"keep_alive\":\"1h\"}}"));

        Assert.Equal(expected, request.GetProperty("ollama").GetProperty("options").GetRawText());
        Assert.Equal("1h", request.GetProperty("ollama").GetProperty("keep_alive").GetString());
        Assert.Equal(100, request.GetProperty("max_tokens").GetInt32());
    }

    [Fact]
    public void Vectors_have_no_number_of_tokens()
    {
        var request = Apply(new AgentLimits { MaxTokens = 100 }, Work.Embedding());

        Assert.False(request.TryGetProperty("max_tokens", out _));
    }

    [Theory]
    [InlineData("temperature", "\"temperature\":0.5", "temperature")]
    [InlineData("temperature", "\"ollama\":{\"options\":{\"temperature\":1}}", "temperature")]
    [InlineData("options.temperature", "\"temperature\":0.5", "temperature")]
    [InlineData("num_predict", "\"max_tokens\":5", "max_tokens")]
    [InlineData("keep_alive", "\"ollama\":{\"keep_alive\":\"1h\"}", "keep_alive")]
    [InlineData("num_ctx", "\"ollama\":{\"options\":{\"num_ctx\":1}}", "num_ctx")]
    [InlineData("logit_bias", "\"Logit\\u005fBias\":{\"1\":1}", "logit_bias")]
    public void What_is_denied_is_refused_by_its_name_whatever_dialect_says_it(
        string denied,
        string members,
        string named
    )
    {
        var limits = new AgentLimits { DeniedParameters = [denied] };

        var failure = Assert.Throws<BackendException>(() => Apply(limits, Work.Chat(members))).Failure;

        Assert.Equal((named, 400, true), (failure.Parameter, failure.Status, failure.Retryable));
        Assert.Contains(named, failure.Message, StringComparison.Ordinal);
        Apply(limits, Work.Chat($"\"{denied}\":null"));
    }

    [Theory]
    [InlineData("\"temperature\":0.5,\"user\":\"u\",\"stream\":true,\"stream_options\":{}", null)]
    [InlineData("\"ollama\":{\"options\":{\"temperature\":0.5}}", null)]
    [InlineData("\"top_p\":1", "top_p")]
    [InlineData("\"something_new\":1", "something_new")]
    [InlineData("\"ollama\":{\"keep_alive\":-1}", "keep_alive")]
    [InlineData("\"max_tokens\":5", null)]
    public void With_a_list_of_what_is_allowed_only_the_harmless_is_besides(string members, string? refused)
    {
        var limits = new AgentLimits { AllowedParameters = ["temperature"], MaxTokens = 10 };

        var failure = Record.Exception(() => Apply(limits, Work.Chat(members))) as BackendException;

        Assert.Equal(refused, failure?.Failure.Parameter);
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("[]")]
    public void What_is_no_request_is_no_fault_of_the_agent(string body)
    {
        var limits = new AgentLimits { MaxTokens = 100 };

        var failure = Assert.Throws<BackendException>(() => Apply(limits, Work.Of("chat", body))).Failure;

        Assert.Equal(("bad_request", false), (failure.Code, failure.Retryable));
    }

    [Fact]
    public void Without_limits_the_request_is_as_it_came()
    {
        var work = Work.Chat();

        Assert.Same(work, new RequestLimits(new AgentLimits()).Apply(work));
    }

    private static JsonElement Apply(AgentLimits limits, Pollard.Agent.Backends.WorkItem work) =>
        JsonElement.Parse(new RequestLimits(limits).Apply(work).Request.Span);
}
