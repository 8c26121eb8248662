using System.Text;
using System.Text.Json;
using Pollard.Gateway.Validation;
using Pollard.Tasks.Validation;

namespace Pollard.Gateway.Tests.Validation;

/// <summary>The request that asks again, to the letter.</summary>
public sealed class RevisionTests
{
    private static readonly ValidationPlan Plan = new()
    {
        Validators = [new ValidatorSpec("json", null)],
        MaxAttempts = 3,
        InitialDelay = 1,
        BackoffFactor = 2,
        MaxDelay = 60,
        JitterRange = 0,
    };

    private static readonly RejectedAnswer First = new(
        "Hello \"you\"",
        [
            new Verdict { Validator = "not_empty", Valid = true },
            new Verdict
            {
                Validator = "json",
                Valid = false,
                Error = "it is no JSON",
                Suggestions = ["Answer with JSON only."],
            },
            new Verdict
            {
                Validator = "length",
                Valid = false,
                Error = "it is too short",
                Suggestions = ["Answer with JSON only.", "Write more."],
            },
        ],
        null
    );

    private const string FirstFeedback =
        "Attempt 1 of 3 was not accepted.\\n\\nErrors:\\n1. json: it is no JSON\\n2. length: it is too short\\n\\nSuggestions:\\n"
        + "- Answer with JSON only.\\n- Write more.\\n\\nThe original request:\\nGive JSON\\n\\nAnswer the original request again, "
        + "with all errors corrected.";

    [Fact]
    public void A_chat_goes_on_with_the_answer_and_what_was_wrong_with_it() =>
        Assert.Equal(
            """{"model":"m","messages":[{"role":"system", "content":"S"},{"role":"user","content":[{"type":"text","text":"Give JSON"}]},"""
                + """{"role":"assistant","content":"Hello \"you\""},{"role":"user","content":" """.TrimEnd()
                + FirstFeedback
                + """ "}],"temperature":0.10,"unknown":{ "a":1e3 },"stream":true}""".TrimStart(),
            Revise(
                Plan,
                """
                {"model":"m","messages":[{"role":"system", "content":"S"},{"role":"user","content":[{"type":"text","text":"Give JSON"}]}],
                "temperature":0.10,"unknown":{ "a":1e3 },"stream":true}
                """,
                First
            )
        );

    [Fact]
    public void Later_answers_bring_the_tool_and_what_a_person_said()
    {
        var plan = Plan with
        {
            ToolAfter = 2,
            ToolName = "perplexity-ask",
            ToolMcpConfig = JsonElement.Parse("""{"mcpServers":{"perplexity-ask":{}}}"""),
            OriginalPrompt = "Do it",
        };
        var second = new RejectedAnswer(
            "{",
            [
                new Verdict
                {
                    Validator = "json",
                    Valid = false,
                    Error = "half",
                },
            ],
            "Close it"
        );

        var once = Parsed(
            Revise(plan, """{"messages":[{"role":"user","content":"x"}],"mcp_config":{"old":1}}""", First)
        );
        var twice = Parsed(
            Revise(plan, """{"messages":[{"role":"user","content":"x"}],"mcp_config":{"old":1}}""", First, second)
        );

        Assert.Equal("""{"old":1}""", once.GetProperty("mcp_config").GetRawText());
        Assert.Equal("""{"mcpServers":{"perplexity-ask":{}}}""", twice.GetProperty("mcp_config").GetRawText());
        Assert.Equal(5, twice.GetProperty("messages").GetArrayLength());
        Assert.Equal(Content(once, 2), Content(twice, 2)); // What was said stays said.
        Assert.Equal(
            "Attempt 2 of 3 was not accepted.\n\nErrors:\n1. json: half\n\nA person who looked at it says:\nClose it\n\n"
                + "Use the tool \"perplexity-ask\" to find out what is wrong before you answer.\n\nThe original request:\nDo it\n\n"
                + "Answer the original request again, with all errors corrected.",
            Content(twice, 4)
        );
    }

    [Fact]
    public void A_prompt_is_gone_on_with()
    {
        var one = Parsed(Revise(Plan, """{"prompt":"Give JSON","suffix":"x"}""", First, kind: "completion"));
        var many = Parsed(Revise(Plan, """{"prompt":["a",[1,2]]}""", First, kind: "completion"));

        Assert.StartsWith(
            "Give JSON\n\nHello \"you\"\n\nAttempt 1 of 3",
            one.GetProperty("prompt").GetString(),
            StringComparison.Ordinal
        );
        Assert.Equal("x", one.GetProperty("suffix").GetString());
        Assert.StartsWith("a\n\nHello", many.GetProperty("prompt")[0].GetString(), StringComparison.Ordinal);
        Assert.Equal("[1,2]", many.GetProperty("prompt")[1].GetRawText());
    }

    [Theory]
    [InlineData("embedding", """{"input":"x"}""")]
    [InlineData("http", """{"messages":[]}""")]
    [InlineData("chat", "no JSON")]
    public void What_has_no_place_for_words_is_asked_as_before(string kind, string request) =>
        Assert.Equal(request, Revise(Plan, request, First, kind: kind));

    [Fact]
    public void A_member_that_is_there_twice_is_carried_as_it_came() =>
        Assert.StartsWith(
            """{"messages":1,"messages":[{"role":"assistant",""",
            Revise(Plan, """{"messages":1,"messages":[]}""", First),
            StringComparison.Ordinal
        );

    [Fact]
    public void Nothing_rejected_changes_nothing()
    {
        var request = Encoding.UTF8.GetBytes("""{"messages":[] }""");

        Assert.Equal(request, new AnswerReview(TimeProvider.System).Revise(Judging.Row(Plan), request, []).ToArray());
    }

    private static JsonElement Parsed(string json) => JsonElement.Parse(json);

    private static string? Content(JsonElement request, int at) =>
        request.GetProperty("messages")[at].GetProperty("content").GetString();

    private static string Revise(
        ValidationPlan plan,
        string request,
        RejectedAnswer first,
        RejectedAnswer? second = null,
        string kind = "chat"
    )
    {
        var revised = new AnswerReview(TimeProvider.System).Revise(
            Judging.Row(plan) with
            {
                Kind = kind,
            },
            Encoding.UTF8.GetBytes(request),
            second is null ? [first] : [first, second]
        );
        return Encoding.UTF8.GetString(revised.Span);
    }
}
