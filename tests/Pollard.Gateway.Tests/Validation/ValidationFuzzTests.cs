using System.Text;
using System.Text.Json;
using CsCheck;
using Pollard.Gateway.Http;
using Pollard.Gateway.Validation;
using Pollard.Tasks.Validation;
using Pollard.Testing;

namespace Pollard.Gateway.Tests.Validation;

/// <summary>Damaged plans are refused in words, and no answer makes a check throw.</summary>
public sealed class ValidationFuzzTests
{
    private const int Times = 5_000;

    private static readonly string[] Plans =
    [
        """
            {"validation":[{"type":"length","params":{"min_length":1,"max_length":9}},{"type":"regex","params":{"pattern":"a+","flags":2}},
            {"type":"contains","required_text":["a","b"]},{"type":"field_present","params":{"field_name":"a[0].b","expected_value":{"x":1}}}],
            "default_validate":true,"retry_config":{"max_attempts":2,"jitter_range":0.5,"circuit_breaker_config":{"timeout":3}}}
            """,
        """
            {"validation":[{"type":"schema","params":{"schema":{"type":"object","properties":{"a":{"$ref":"#/definitions/b"}},"pattern":"^a",
            "definitions":{"b":{"enum":[1,"x"],"patternProperties":{"^x":{}},"additionalProperties":false}},"items":[{"minimum":1}]}}}]}
            """,
        """
            {"validation":{"type":"agent_task","params":{"task_prompt":"p","mcp_config":{"mcpServers":{"t":{}}},"required_mcp_tools":["t"],
            "success_criteria":{"all_true_in_details_keys":["a"],"agent_must_report_true":"b"}}},"max_attempts_before_human":2,
            "debug_tool_mcp_config":{"a":1},"original_user_prompt":"x"}
            """,
    ];

    // Those that start a process are tried with answers of their own elsewhere.
    private static readonly (string Type, string? Params)[] Pure =
    [
        ("not_empty", null),
        ("length", """{"min_length":1}"""),
        ("regex", """{"pattern":"(a|b)+\\w"}"""),
        ("contains", """{"required_text":"a"}"""),
        ("contains_code_block", null),
        ("json", null),
        ("field_present", """{"field_name":"a[0].b","expected_value":"x"}"""),
        ("email_format", """{"field_name":"a"}"""),
        ("age_range", """{"field_name":"a"}"""),
        ("age_range", null),
        ("openapi_spec", null),
        ("no_injection_detected", """{"forbidden_phrases":["x"]}"""),
        ("no_script_tags", null),
        ("safe_html", null),
        (
            "schema",
            """{"schema":{"properties":{"a":{"items":{"pattern":"x"}}},"patternProperties":{"^b":{"type":"null"}},"additionalProperties":false}}"""
        ),
    ];

    private static readonly string[] Answers =
    [
        """{"a":[{"b":"x"}],"b":null,"age":3}""",
        """{"openapi":"3.0.0","info":{"title":"t","version":"1"},"paths":{"/a":{"get":{"responses":{"200":{}}}}}}""",
        """Here: ```json {"a":"x@y.z"} ``` <p onclick="x"> or '1'='1' {"validation_passed":true,"reasoning":"r","details":{"a":true}}""",
    ];

    [Fact]
    public void Plans_are_read_or_refused() =>
        Try(
            Plans,
            bytes =>
            {
                if (!IsJson(bytes, out var json))
                {
                    return;
                }

                try
                {
                    new AnswerReview(TimeProvider.System).Plans.Read(json);
                }
                catch (RejectedException e)
                {
                    Assert.Equal(400, e.Error.Status);
                }
            }
        );

    [Fact]
    public void No_answer_breaks_a_check()
    {
        var checks = Pure.Select(check => Judging.Check(check.Type, check.Params)).ToArray();
        Try(
            Answers,
            bytes =>
            {
                var answer = new CheckedAnswer(Judging.Answer(Encoding.UTF8.GetString(bytes)), 0);
                foreach (var check in checks)
                {
                    Assert.True(Ends(check, answer));
                }
            }
        );
    }

    [Fact]
    public void No_text_breaks_a_check_or_a_report()
    {
        var checks = Pure.Select(check => Judging.Check(check.Type, check.Params)).ToArray();
        Gen.String.Sample(
            text =>
            {
                var answer = new CheckedAnswer(Judging.Answer(text), 0);
                Assert.All(checks, check => Assert.True(Ends(check, answer)));
                AgentReport.Judge(text, SuccessCriteria.None);
                SqlRules.WhatIsUnsafe(text);
                Assert.NotNull(Feedback.Of(Plan, new RejectedAnswer(text, [], text), 1, text));
            },
            iter: Times
        );
    }

    [Fact]
    public void Any_request_and_report_is_gone_on_with()
    {
        var review = new AnswerReview(TimeProvider.System);
        var criteria = SuccessCriteria.Read(
            new ParamReader(
                JsonElement.Parse("""{"all_true_in_details_keys":"a","must_contain_in_details":"a"}"""),
                "c"
            )
        );
        Try(
            [
                """{"messages":[{"role":"user","content":[{"type":"text","text":"x"}]}],"prompt":["a",[1]],"mcp_config":{"a":1}}""",
                .. Answers,
            ],
            bytes =>
            {
                AgentReport.Judge(Encoding.UTF8.GetString(bytes), criteria);
                if (IsJson(bytes, out _) && JsonCheck.IsReadable(bytes)) // The doors have seen to that.
                {
                    var revised = review.Revise(Judging.Row(Plan), bytes, [new RejectedAnswer("\ud800", [], null)]);
                    Assert.True(JsonCheck.IsReadable(revised.Span));
                }
            }
        );
    }

    private static ValidationPlan Plan { get; } =
        new AnswerReview(TimeProvider.System).Plans.Read(JsonElement.Parse("""{"validation":"json"}"""))!;

    private static bool Ends(AnswerCheck check, CheckedAnswer answer) =>
        check(answer, CancellationToken.None).AsTask().IsCompletedSuccessfully;

    private static bool IsJson(byte[] bytes, out JsonElement json)
    {
        try
        {
            json = JsonElement.Parse(bytes);
            return true;
        }
        catch (JsonException)
        {
            json = default;
            return false;
        }
    }

    private static void Try(string[] samples, Action<byte[]> parse) =>
        Gen.Select(Gen.Int[0, samples.Length - 1], Gen.Int)
            .Sample((sample, seed) => parse(JsonFuzz.Damage(samples[sample], seed)), iter: Times);
}
