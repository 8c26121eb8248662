using System.Text;
using Pollard.Gateway.Requests;
using Pollard.Tasks;

namespace Pollard.Gateway.Tests;

public class ContinuationScannerTests
{
    [Theory]
    [InlineData("", Continuations.Prefill)]
    [InlineData("\"temperature\":0.7,\"seed\":3,\"stop\":[\"x\"],\"max_tokens\":5", Continuations.Prefill)]
    [InlineData("\"temperature\":0", Continuations.Prefill | Continuations.Replay)]
    [InlineData("\"temperature\":0.0,\"response_format\":{\"type\":\"json_object\"}", Continuations.Replay)]
    [InlineData("\"response_format\":{\"type\":\"text\"}", Continuations.Prefill)]
    [InlineData("\"response_format\":null", Continuations.Prefill)]
    [InlineData(
        "\"response_format\":{\"json_schema\":{\"type\":\"text\"},\"type\":\"json_schema\"}",
        Continuations.None
    )]
    [InlineData("\"temperature\":0,\"n\":2", Continuations.None)]
    [InlineData("\"temperature\":0,\"logprobs\":true", Continuations.None)]
    [InlineData("\"logprobs\":false", Continuations.Prefill)]
    [InlineData("\"temperature\":0,\"tools\":[{\"type\":\"function\"}]", Continuations.None)]
    [InlineData("\"tools\":[]", Continuations.Prefill)]
    [InlineData("\"functions\":[{}]", Continuations.None)]
    [InlineData("\"modalities\":[\"text\",\"audio\"]", Continuations.None)]
    [InlineData("\"ollama\":{\"format\":\"json\"}", Continuations.None)]
    [InlineData("\"ollama\":{\"keep_alive\":5,\"options\":{\"format\":1}}", Continuations.Prefill)]
    [InlineData("\"ollama\":{\"logprobs\":true},\"temperature\":0", Continuations.None)]
    public void What_a_request_asks_for_says_how_its_answer_may_be_gone_on_with(string members, Continuations expected)
    {
        Assert.Equal(expected, Of("user", members));
    }

    [Fact]
    public void An_answer_that_its_client_has_begun_has_no_other_beginning()
    {
        Assert.Equal(Continuations.None, Of("assistant", ""));
        Assert.Equal(Continuations.Replay, Of("assistant", "\"temperature\":0"));
    }

    private static Continuations Of(string lastRole, string members) =>
        RequestScanner
            .Scan(
                Encoding.UTF8.GetBytes(
                    $$"""{"model":"m","messages":[{"role":"assistant","content":"a"},{"role":"{{lastRole}}","content":"b"}]{{(members.Length > 0 ? "," : "")}}{{members}}}"""
                ),
                RequestShape.Chat,
                new GatewayOptions()
            )
            .Continuations;
}
