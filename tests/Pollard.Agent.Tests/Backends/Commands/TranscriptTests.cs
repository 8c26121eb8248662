using Pollard.Agent.Backends.Commands;
using Pollard.Agent.Backends.Http;

namespace Pollard.Agent.Tests.Backends.Commands;

public sealed class TranscriptTests
{
    [Fact]
    public void A_single_message_goes_as_it_is_and_the_system_apart()
    {
        var request = Read(
            """
            {"messages":[{"role":"system","content":"One."},{"role":"developer","content":"Two."},
             {"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}]}
            """
        );

        Assert.Equal(("One.\n\nTwo.", "a\nb"), (request.System, request.Prompt));
        Assert.Equal("One.\n\nTwo.\n\na\nb", request.WholePrompt());
    }

    [Fact]
    public void Several_turns_all_go_and_the_last_is_to_be_answered()
    {
        var request = Read(
            """
            {"messages":[{"role":"user","content":"weather?"},
             {"role":"assistant","content":null,"tool_calls":[{"id":"c1","function":{"name":"get","arguments":"{}"}}]},
             {"role":"tool","tool_call_id":"c1","content":"rain"},
             {"role":"assistant","content":"It rains."},{"role":"user","content":"and now?"}]}
            """
        );

        Assert.Equal(
            """
            This is a conversation with you, the assistant. Answer its last message; do not repeat the conversation.

            <user>
            weather?
            </user>

            <assistant>
            [calls get with {} as "c1"]
            </assistant>

            <tool call="c1">
            rain
            </tool>

            <assistant>
            It rains.
            </assistant>

            <user>
            and now?
            </user>

            """.ReplaceLineEndings("\n"),
            request.Prompt
        );
    }

    [Theory]
    [InlineData(
        """{"messages":[{"role":"user","content":"a"},{"role":"user","content":[{"type":"text","text":"b"},{"type":"image_url","image_url":{"url":"data:,"}}]}]}""",
        "messages[1].content[1]"
    )]
    [InlineData("""{"messages":[{"role":"system","content":"a"}]}""", "messages")]
    [InlineData("""{"prompt":""}""", "messages")]
    [InlineData("""{"prompt":"x","response_format":{"type":"json_schema"}}""", "response_format")]
    public void What_cannot_be_said_is_refused_by_name(string json, string parameter)
    {
        var refused = Assert.Throws<BackendException>(() => Read(json));

        Assert.Equal(("bad_request", parameter), (refused.Failure.Code, refused.Failure.Parameter));
    }

    [Theory]
    [InlineData("{")]
    [InlineData("""{"prompt":"\ud800"}""")]
    public void What_is_no_text_is_unreadable(string json)
    {
        Assert.Equal("bad_request", Assert.Throws<BackendException>(() => Read(json)).Failure.Code);
    }

    private static CommandRequest Read(string json) => CommandRequest.Read(Work.Of("chat", json), "tool");
}
