using System.Text.Json;
using Pollard.Gateway.Validation;
using Pollard.Tasks.Validation;

namespace Pollard.Gateway.Tests.Validation;

/// <summary>What clients may write, and what they are told of the rest.</summary>
public sealed class PlanReaderTests
{
    private static readonly ValidationPlanReader Reader = new(Judging.Catalog);

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"validation":[]}""")]
    [InlineData("""{"validation":null,"default_validate":false,"retry_config":{"max_attempts":2}}""")]
    public void Nothing_to_check_is_no_plan(string json) => Assert.Null(Read(json));

    [Fact]
    public void What_is_not_said_has_the_documented_values()
    {
        var plan = Read("""{"validation":[{"type":"not_empty"}]}""")!;

        Assert.Equal(["not_empty"], plan.Validators.Select(validator => validator.Type));
        Assert.Equal(
            (3, 1.0, 2.0, 60.0, 0.1),
            (plan.MaxAttempts, plan.InitialDelay, plan.BackoffFactor, plan.MaxDelay, plan.JitterRange)
        );
        Assert.Null(plan.Breaker);
        Assert.Null(plan.ToolAfter);
        Assert.Null(plan.HumanAfter);
    }

    [Fact]
    public void Everything_can_be_said()
    {
        var plan = Read(
            """
            {"model":"m","validation":[{"type":"length","params":{"min_length":3}}],"default_validate":true,
            "retry_config":{"max_attempts":5,"backoff_factor":1.5,"initial_delay":0.5,"max_delay":9,"debug_mode":true,
            "enable_cache":false,"use_jitter":false,"jitter_range":0.5,"enable_circuit_breaker":true,
            "circuit_breaker_config":{"failure_threshold":7,"window_size":61,"timeout":31,"success_threshold":1}},
            "max_attempts_before_tool_use":2,"max_attempts_before_human":4,"input_timeout":60,"debug_tool_name":"ask",
            "debug_tool_mcp_config":{"mcpServers":{}},"original_user_prompt":"Do it"}
            """
        )!;

        Assert.Equal(["response_not_empty", "length"], plan.Validators.Select(validator => validator.Type));
        Assert.Equal(
            (5, 0.5, 1.5, 9.0, 0.0),
            (plan.MaxAttempts, plan.InitialDelay, plan.BackoffFactor, plan.MaxDelay, plan.JitterRange)
        );
        Assert.Equal(new BreakerSpec(7, 61, 31, 1), plan.Breaker);
        Assert.Equal(
            (2, 4, 60.0, "ask", "Do it"),
            (plan.ToolAfter, plan.HumanAfter, plan.InputTimeout, plan.ToolName, plan.OriginalPrompt)
        );
        Assert.Equal("""{"mcpServers":{}}""", plan.ToolMcpConfig?.GetRawText());
    }

    [Theory]
    [InlineData(""" "not_empty" """, "not_empty", null)]
    [InlineData("""["not_empty"]""", "not_empty", null)]
    [InlineData("""{"type":"json"}""", "json", null)]
    [InlineData("""{"type":"json","params":null}""", "json", null)]
    [InlineData("""[{"type":"length","min_length":2}]""", "length", """{"min_length":2}""")]
    [InlineData("""[{"type":"length","params":{"min_length":2}}]""", "length", """{"min_length":2}""")]
    public void A_check_has_several_forms(string validation, string type, string? parameters)
    {
        var validator = Assert.Single(Read($$"""{"validation":{{validation}}}""")!.Validators);

        Assert.Equal((type, parameters), (validator.Type, validator.Params?.GetRawText()));
    }

    [Theory]
    [InlineData(
        """{"validation":["json",{"type":"length","params":{"min_length":1}},{"type":"jsn"}]}""",
        "validation[2].type",
        "there is no validator \"jsn\"; there are: response_not_empty, "
    )]
    [InlineData(
        """{"validation":[{"type":"sentiment_analysis"}]}""",
        "validation[0].type",
        "\"sentiment_analysis\" is not available: the gateway has no measure"
    )]
    [InlineData(
        """{"validation":[{"type":"language_detection"}]}""",
        "validation[0].type",
        "\"language_detection\" is not available"
    )]
    [InlineData("""{"validation":[{}]}""", "validation[0].type", "\"validation[0].type\" is missing")]
    [InlineData("""{"validation":[7]}""", "validation[0]", "must be an object with a type, or a name")]
    [InlineData("""{"validation":{"type":"json","params":[]}}""", "validation.params", "must be an object, not a list")]
    [InlineData(
        """{"validation":{"type":"json","params":{},"extra":1}}""",
        "validation.extra",
        "\"validation.extra\" is not known; known: type, params"
    )]
    [InlineData(
        """{"validation":[{"type":"json","params":{"x":1}}]}""",
        "validation[0].params.x",
        "is not known; there are none"
    )]
    [InlineData("""{"validation":[{"type":"length","params":{}}]}""", "validation[0].params.min_length", "is missing")]
    [InlineData(
        """{"validation":[{"type":"length","params":{"min_length":"3"}}]}""",
        "validation[0].params.min_length",
        "must be a whole number"
    )]
    [InlineData(
        """{"validation":[{"type":"length","params":{"min_length":3,"max_length":2}}]}""",
        "validation[0].params.max_length",
        "must not be less than min_length"
    )]
    [InlineData(
        """{"validation":[{"type":"regex","params":{"pattern":"("}}]}""",
        "validation[0].params.pattern",
        "cannot be read: Invalid pattern '('"
    )]
    [InlineData(
        """{"validation":[{"type":"regex","params":{"pattern":"a","flags":4}}]}""",
        "validation[0].params.flags",
        "must be a sum of Python's"
    )]
    [InlineData("""{"validation":[{"type":"regex"}]}""", "validation[0].params.pattern", "is missing")]
    [InlineData("""{"validation":"contains"}""", "validation.params.required_text", "is missing")]
    [InlineData(
        """{"validation":[{"type":"contains","params":{"required_text":[]}}]}""",
        "validation[0].params.required_text",
        "must be a text or a list of texts"
    )]
    [InlineData(
        """{"validation":[{"type":"field_present","params":{"field_name":""}}]}""",
        "validation[0].params.field_name",
        "must not be empty"
    )]
    [InlineData(
        """{"validation":[{"type":"field_present","params":{"field_name":"a","present":true,"should_exist":false}}]}""",
        "validation[0].params.should_exist",
        "says the opposite"
    )]
    [InlineData(
        """{"validation":[{"type":"field_present","params":{"field_name":"a","present":false,"expected_value":1}}]}""",
        "validation[0].params.expected_value",
        "is of no use"
    )]
    [InlineData("""{"default_validate":"yes"}""", "default_validate", "must be true or false")]
    [InlineData("""{"retry_config":[]}""", "retry_config", "must be an object, not a list")]
    [InlineData(
        """{"retry_config":{"max_attempts":0}}""",
        "retry_config.max_attempts",
        "must be a whole number from 1 to 20"
    )]
    [InlineData(
        """{"retry_config":{"max_attempts":2.5}}""",
        "retry_config.max_attempts",
        "must be a whole number from 1 to 20"
    )]
    [InlineData(
        """{"retry_config":{"backoff_factor":0.5}}""",
        "retry_config.backoff_factor",
        "must be a number from 1 to 100"
    )]
    [InlineData(
        """{"retry_config":{"initial_delay":1e999}}""",
        "retry_config.initial_delay",
        "must be a number from 0 to 86400"
    )]
    [InlineData(
        """{"retry_config":{"max_retries":3}}""",
        "retry_config.max_retries",
        "\"retry_config.max_retries\" is not known; known: debug_mode, "
    )]
    [InlineData("""{"retry_config":{"enable_cache":true}}""", "retry_config.enable_cache", "is not available")]
    [InlineData(
        """{"retry_config":{"circuit_breaker_config":{"window":3}}}""",
        "retry_config.circuit_breaker_config.window",
        "is not known"
    )]
    [InlineData(
        """{"max_attempts_before_human":0}""",
        "max_attempts_before_human",
        "must be a whole number from 1 to 20"
    )]
    [InlineData("""{"debug_tool_mcp_config":"x"}""", "debug_tool_mcp_config", "must be an object, not a text")]
    public void What_is_wrong_is_named(string json, string parameter, string message)
    {
        var error = Judging.Refusal(() => Read(json));

        Assert.Equal((400, parameter), (error.Status, error.Parameter));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_object_within_the_request_has_its_own_place()
    {
        var error = Judging.Refusal(() => Reader.Read(JsonElement.Parse("""{"validation":["x"]}"""), "llm_config"));

        Assert.Equal("llm_config.validation[0].type", error.Parameter);
    }

    [Fact]
    public void All_is_bounded()
    {
        var many = string.Join(",", Enumerable.Repeat("\"json\"", 33));
        var large = new string('x', 64 * 1024);
        var deep = string.Concat(Enumerable.Repeat("[", 40)) + string.Concat(Enumerable.Repeat("]", 40));

        Assert.Equal("validation", Judging.Refusal(() => Read($$"""{"validation":[{{many}}]}""")).Parameter);
        Assert.Equal(
            "validation[0].params",
            Judging
                .Refusal(() =>
                    Read($$"""{"validation":[{"type":"contains","params":{"required_text":"{{large}}"} }]}""")
                )
                .Parameter
        );
        Assert.Equal(
            "validation[0].params",
            Judging
                .Refusal(() =>
                    Read($$"""{"validation":[{"type":"field_present","field_name":"a","expected_value":{{deep}}}]}""")
                )
                .Parameter
        );
        Assert.Equal(
            "original_user_prompt",
            Judging.Refusal(() => Read($$"""{"original_user_prompt":"{{large}}x"}""")).Parameter
        );
    }

    [Fact]
    public void The_members_are_those_that_it_reads() =>
        Assert.All(
            ValidationPlanReader.Members,
            member =>
                Assert.Equal(member, Judging.Refusal(() => Read($$"""{"{{member}}":[[7]]}""")).Parameter?.Split('[')[0])
        );

    [Fact]
    public void Every_check_and_member_is_documented()
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root.FullName, "Pollard.slnx")))
        {
            root = root.Parent!;
        }

        var document = File.ReadAllText(Path.Combine(root.FullName, "docs/reference/validation.md"));

        Assert.All(
            Judging.Catalog.Names.Concat(ValidationPlanReader.Members),
            name => Assert.Contains(name, document, StringComparison.Ordinal)
        );
    }

    private static ValidationPlan? Read(string json) => Reader.Read(JsonElement.Parse(json));
}
