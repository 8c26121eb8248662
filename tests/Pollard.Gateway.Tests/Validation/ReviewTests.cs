using System.Text;
using System.Text.Json;
using Pollard.Gateway.Validation;
using Pollard.Protocol.Api;
using Pollard.Tasks;
using Pollard.Tasks.Validation;

namespace Pollard.Gateway.Tests.Validation;

/// <summary>A whole plan is judged, in its order, with models asked in tasks of their own.</summary>
public sealed class ReviewTests
{
    private const string Passed = """{"validation_passed":true}""";
    private readonly AnswerReview _review = new(TimeProvider.System);
    private readonly List<NewTask> _asked = [];

    [Fact]
    public async Task Every_check_has_its_verdict_in_order()
    {
        var verdicts = await JudgeAsync("x", """["not_empty",{"type":"length","min_length":3},"json"]""");

        Assert.Equal(["not_empty", "length", "json"], verdicts.Select(verdict => verdict.Validator));
        Assert.Equal([true, false, false], verdicts.Select(verdict => verdict.Valid));
        Assert.Equal("the answer has 1 characters, fewer than 3", verdicts[1].Error);
        Assert.Equal(["Write more."], verdicts[1].Suggestions);
        Assert.Null(verdicts[0].Error);
    }

    [Fact]
    public async Task A_model_is_asked_in_a_task_of_its_own()
    {
        _review.ModelNames = name => name == "max/verifier" ? "served" : name;
        var verdict = Assert.Single(
            await JudgeAsync(
                "print(1)",
                """
                [{"type":"agent_task","params":{"task_prompt_to_claude":"Code: {CODE_TO_VALIDATE} for {ORIGINAL_USER_PROMPT}, {TEXT_TO_VALIDATE}",
                "validation_model_alias":"max/verifier","mcp_config":{"mcpServers":{"tool":{}}},"required_mcp_tools":["tool"]}}]
                """,
                """{"validation_passed":true,"reasoning":"fine"}"""
            )
        );

        var task = Assert.Single(_asked);
        var request = JsonElement.Parse(task.Request.Span);
        Assert.True(verdict.Valid);
        Assert.Equal(
            """{"task":"task_child","model":"served","report":"{\"validation_passed\":true,\"reasoning\":\"fine\"}"}""",
            verdict.Debug?.GetRawText()
        );
        Assert.Equal(
            ("chat", "served", "key_1", Durability.Full),
            (task.Kind, task.Model, task.Owner, task.Durability)
        );
        Assert.Equal(TimeSpan.FromSeconds(77), task.RunTimeout);
        Assert.Equal("validate:task_1:1:1:0", task.IdempotencyKey);
        Assert.Equal("""{"validates":"task_1","attempt":1,"validator":"agent_task"}""", task.Metadata);
        Assert.Equal("served", request.GetProperty("model").GetString());
        Assert.Equal("""{"mcpServers":{"tool":{}}}""", request.GetProperty("mcp_config").GetRawText());
        Assert.Equal("json_object", request.GetProperty("response_format").GetProperty("type").GetString());
        Assert.Equal(
            "Code: print(1) for Ask, print(1)\n\nUse these tools: tool.",
            request.GetProperty("messages")[1].GetProperty("content").GetString()
        );
    }

    [Fact]
    public async Task Whom_the_client_keeps_its_text_from_does_not_judge_it_either()
    {
        TaskRequirements required = new()
        {
            Tier = TrustTier.Trusted,
            Labels = ["eu"],
            Host = "box",
            Context = 32_768, // What the model must be able to do is another matter.
            Features = ["vision"],
        };

        await JudgeAsync(
            "secret",
            """[{"type":"agent_task","task_prompt":"p","validation_model":"v"},{"type":"ai_contradiction_check"}]""",
            [Passed, Passed],
            required
        );
        await JudgeAsync("open", """[{"type":"agent_task","task_prompt":"p"}]""", [Passed], required: null);

        Assert.All(
            _asked[..2],
            static task =>
            {
                Assert.Equal((TrustTier.Trusted, "box"), (task.Requires?.Tier, task.Requires?.Host));
                Assert.Equal(["eu"], task.Requires?.Labels);
                Assert.Equal((null, null), (task.Requires?.Context, task.Requires?.Features));
            }
        );
        Assert.Null(_asked[2].Requires);
    }

    [Fact]
    public async Task What_an_answer_says_is_not_taken_for_a_place_to_fill()
    {
        await JudgeAsync(
            "{ORIGINAL_USER_PROMPT}{TEXT_TO_VALIDATE}",
            """[{"type":"agent_task","task_prompt":"{CODE_TO_VALIDATE}"}]""",
            """{"validation_passed":true}"""
        );

        Assert.Contains(
            "\"content\":\"{ORIGINAL_USER_PROMPT}{TEXT_TO_VALIDATE}\"",
            Encoding.UTF8.GetString(Assert.Single(_asked).Request.Span),
            StringComparison.Ordinal
        );
        Assert.Equal("m", _asked[0].Model); // The task's own, where no other is named.
    }

    [Fact]
    public async Task A_contradiction_is_looked_for_in_the_answer()
    {
        var verdict = Assert.Single(
            await JudgeAsync(
                "It is flat and round.",
                """[{"type":"ai_contradiction_check","params":{"topic_context":"the Earth","validation_model":"v","required_mcp_tools":["perplexity-ask"]}}]""",
                """Well: {"validation_passed":false,"explanation":"flat or round"}"""
            )
        );

        var prompt = JsonElement
            .Parse(_asked[0].Request.Span)
            .GetProperty("messages")[1]
            .GetProperty("content")
            .GetString();
        Assert.Equal("the validating model rejects the answer: flat or round", verdict.Error);
        Assert.Contains("Its topic: the Earth.", prompt, StringComparison.Ordinal);
        Assert.Contains("perplexity-ask", prompt, StringComparison.Ordinal);
        Assert.EndsWith("It is flat and round.", prompt, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{}", """{"validation_passed":true}""", null)]
    [InlineData("{}", "Sure.\n```json\n{\"validation_passed\":true}\n```", null)]
    [InlineData("{}", """{"reasoning":"unsure"}""", "its report does not say that it passed: unsure")]
    [InlineData("{}", """{"validation_passed":"true"}""", "its report does not say that it passed: it gives no reason")]
    [InlineData("""{"all_true_in_details_keys":["syntax_ok"]}""", """{"details":{"syntax_ok":true}}""", null)]
    [InlineData(
        """{"all_true_in_details_keys":["a","b"]}""",
        """{"validation_passed":true,"reasoning":"r","details":{"a":true,"b":"true"}}""",
        "\"b\" is not true in its details: r"
    )]
    [InlineData(
        """{"all_true_in_details_keys":["a"]}""",
        """{"validation_passed":false,"reasoning":"no","details":{"a":true}}""",
        "no"
    )]
    [InlineData("""{"must_contain_in_details":"Date"}""", """{"details":{"date":1}}""", null)]
    [InlineData(
        """{"must_contain_in_details":["x"]}""",
        """{"reasoning":"r","details":"y"}""",
        "its details lack \"x\": r"
    )]
    [InlineData(
        """{"field_present_in_details":"date"}""",
        """{"reasoning":"r","details":{}}""",
        "its details lack \"date\": r"
    )]
    [InlineData("""{"agent_must_report_true":"ok"}""", """{"ok":true}""", null)]
    [InlineData("""{"agent_must_report_true":"ok"}""", """{"details":{"ok":true}}""", null)]
    [InlineData("""{"agent_must_report_true":"ok"}""", """{"ok":false,"reasoning":"r"}""", "\"ok\" is not true: r")]
    [InlineData("""{"agent_must_report_true":true}""", """{"reasoning":"r"}""", "\"validation_passed\" is not true: r")]
    [InlineData(
        """{"must_not_contain_string_in_reasoning":"Wrong"}""",
        """{"reasoning":"all wrong"}""",
        "its reasoning says \"Wrong\": all wrong"
    )]
    [InlineData(
        """{"must_contain_in_reasoning":"understood"}""",
        """{"reasoning":"no"}""",
        "its reasoning does not say \"understood\": no"
    )]
    public async Task A_report_is_held_to_what_the_client_asks(string criteria, string report, string? error)
    {
        var verdict = Assert.Single(
            await JudgeAsync(
                "x",
                $$"""[{"type":"agent_task","task_prompt":"p","success_criteria":{{criteria}} }]""",
                report
            )
        );

        Assert.Equal(error is null ? null : $"the validating model rejects the answer: {error}", verdict.Error);
    }

    [Fact]
    public async Task A_report_that_is_none_is_asked_for_once_more()
    {
        var verdict = Assert.Single(
            await JudgeAsync(
                "x",
                """[{"type":"agent_task","task_prompt":"p"}]""",
                "I cannot say.",
                """{"validation_passed":true}"""
            )
        );

        Assert.True(verdict.Valid);
        Assert.Equal(["validate:task_1:1:1:0", "validate:task_1:1:1:0:2"], _asked.Select(task => task.IdempotencyKey));
    }

    [Fact]
    public async Task A_check_that_cannot_be_made_says_nothing_of_the_answer()
    {
        const string Agent = """[{"type":"agent_task","task_prompt":"p"}]""";

        var unreadable = await Assert.ThrowsAsync<ReviewException>(() => JudgeAsync("x", Agent, "no", "no"));
        var failed = await Assert.ThrowsAsync<ReviewException>(() => JudgeAsync("x", Agent, [null]));

        Assert.Equal("agent_task: model \"m\" did not report in JSON, in 2 attempts", unreadable.Message);
        Assert.Equal("agent_task: the task of model \"m\" did not complete: the model is gone", failed.Message);
    }

    [Fact]
    public async Task A_check_that_is_known_no_more_says_nothing_of_the_answer()
    {
        var plan = Plan("""["json"]""") with { Validators = [new ValidatorSpec("gone", null)] };

        var failed = await Assert.ThrowsAsync<ReviewException>(() =>
            _review.JudgeAsync(Judging.Answer("x", Judging.Row(plan)), Judging.Token)
        );

        Assert.StartsWith("gone: there is no validator \"gone\"", failed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Models_are_asked_at_the_same_time()
    {
        var both = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var asked = 0;
        var plan = Plan(
            """[{"type":"agent_task","task_prompt":"a"},"not_empty",{"type":"agent_task","task_prompt":"b"}]"""
        );
        var answer = Judging.Answer("x", Judging.Row(plan)) with
        {
            AskAsync = async (_, ct) =>
            {
                if (Interlocked.Increment(ref asked) == 2)
                {
                    both.SetResult();
                }

                await both.Task.WaitAsync(ct); // One after the other would wait here for ever.
                return Answered("""{"validation_passed":true}""");
            },
        };

        var verdicts = await _review.JudgeAsync(answer, Judging.Token);

        Assert.All(verdicts, verdict => Assert.True(verdict.Valid));
    }

    [Fact]
    public async Task Where_one_check_breaks_the_others_are_stopped()
    {
        var plan = Plan("""[{"type":"agent_task","task_prompt":"a"},{"type":"agent_task","task_prompt":"b"}]""");
        var stopped = false;
        var answer = Judging.Answer("x", Judging.Row(plan)) with
        {
            AskAsync = async (task, ct) =>
            {
                if (task.IdempotencyKey!.EndsWith(":1", StringComparison.Ordinal))
                {
                    throw new IOException("broken");
                }

                using var _ = ct.Register(() => stopped = true);
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, ct);
                return Answered("{}");
            },
        };

        var failed = await Assert.ThrowsAsync<ReviewException>(() => _review.JudgeAsync(answer, Judging.Token));

        Assert.Equal("agent_task: the check broke: broken", failed.Message);
        Assert.True(stopped);
    }

    [Theory]
    [InlineData("""{"type":"agent_task"}""", "validation.params.task_prompt")]
    [InlineData(
        """{"type":"agent_task","task_prompt":"p","success_criteria":{"must":1}}""",
        "validation.params.success_criteria.must"
    )]
    [InlineData("""{"type":"agent_task","task_prompt":"p","mcp_config":"x"}""", "validation.params.mcp_config")]
    [InlineData(
        """{"type":"agent_task","task_prompt":"p","mcp_config":{"mcpServers":{}},"required_mcp_tools":["t"]}""",
        "validation.params.required_mcp_tools"
    )]
    [InlineData("""{"type":"ai_contradiction_check","prompt":"p"}""", "validation.params.prompt")]
    public void Params_of_models_are_checked(string validation, string parameter) =>
        Assert.Equal(parameter, Judging.Refusal(() => Plan(validation)).Parameter);

    private ValidationPlan Plan(string validation) =>
        _review.Plans.Read(JsonElement.Parse($"{{\"validation\":{validation}}}"))!;

    private Task<IReadOnlyList<Verdict>> JudgeAsync(string text, string validation, params string?[] reports) =>
        JudgeAsync(text, validation, reports, required: null);

    private Task<IReadOnlyList<Verdict>> JudgeAsync(
        string text,
        string validation,
        string?[] reports,
        TaskRequirements? required
    )
    {
        var next = 0;
        return _review.JudgeAsync(
            Judging.Answer(text, Judging.Row(Plan(validation)) with { Requires = required }) with
            {
                AskAsync = (task, _) =>
                {
                    _asked.Add(task);
                    return Task.FromResult(Answered(reports[next++]));
                },
            },
            Judging.Token
        );
    }

    private static AskedTask Answered(string? text)
    {
        if (text is null)
        {
            return new AskedTask(
                Judging.Row() with
                {
                    State = TaskState.Failed,
                    Error = new TaskError("gone", "the model is gone"),
                },
                null
            );
        }

        var content = JsonEncodedText.Encode(text);
        return new AskedTask(
            Judging.Row() with
            {
                State = TaskState.Completed,
            },
            Encoding.UTF8.GetBytes(
                $$"""{"id":"chatcmpl-child","choices":[{"index":0,"message":{"role":"assistant","content":"{{content}}"} }]}"""
            )
        );
    }
}
