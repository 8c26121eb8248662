using System.Globalization;

namespace Pollard.Gateway.Tests.Validation;

/// <summary>Schemas are checked when they are handed in, and bounded when they are used.</summary>
public sealed class SchemaTests
{
    private const string Person = """
        {"type":"object","required":["name"],"properties":{"name":{"type":"string","pattern":"^[A-Z]"},
        "age":{"type":"integer","minimum":0}},"patternProperties":{"^x_":{"type":"number"}},"additionalProperties":false}
        """;

    [Theory]
    [InlineData("""{"name":"Ada","age":36,"x_a":1.5}""", null)]
    [InlineData("As asked:\n```json\n{\"name\":\"Ada\"}\n```", null)]
    [InlineData("{}", "/: Required properties [\"name\"] are not present")]
    [InlineData("""{"name":"ada"}""", "/name: The string value is not a match for the indicated regular expression")]
    [InlineData("""{"name":"Ada","age":-1}""", "/age: -1 should be at least 0")]
    [InlineData("""{"name":"Ada","x_a":"b"}""", "/x_a: Value is \"string\" but should be \"number\"")]
    [InlineData("""{"name":"Ada","y":1}""", "/y: is not allowed here")]
    [InlineData(
        """{"age":"x","y":1}""",
        "/: Required properties [\"name\"] are not present; /age: Value is \"string\" but should be \"integer\"; /y: is not allowed here"
    )]
    public async Task A_value_is_held_to_its_schema(string answer, string? errors)
    {
        var error = (await Judging.FindAsync("schema", Of(Person), answer)).Error;

        Assert.Equal(
            errors is null ? null : Sorted($"the answer does not match the schema: {errors}"),
            error is null ? null : Sorted(error)
        );
    }

    [Fact]
    public async Task What_is_no_json_matches_no_schema() =>
        Assert.StartsWith(
            "the answer is not valid JSON",
            (await Judging.FindAsync("schema", Of("true"), "x")).Error,
            StringComparison.Ordinal
        );

    [Theory]
    [InlineData("""{"$schema":"http://json-schema.org/draft-07/schema#","type":"string"}""")]
    [InlineData("""{"$schema":"http://json-schema.org/draft-07/schema","type":"string"}""")]
    [InlineData("""{"$defs":{"A":{"type":"string"}},"$ref":"#/$defs/A"}""")]
    [InlineData("""{"definitions":{"A":{"$id":"#a","type":"string"}},"$ref":"#a"}""")]
    [InlineData("""{"anyOf":[{"type":"string"},{"type":"object"}]}""")]
    [InlineData("""{"if":{"type":"integer"},"then":false}""")]
    [InlineData("""{"type":"string","default":1,"x-own":2,"format":"email"}""")]
    [InlineData("false")]
    public async Task Forms_of_schemas(string schema) =>
        Assert.NotNull((await Judging.FindAsync("schema", Of(schema), "1")).Error);

    [Fact]
    public async Task Recursion_follows_the_value()
    {
        var tree = Of(
            """{"definitions":{"n":{"required":["v"],"properties":{"next":{"$ref":"#/definitions/n"}}}},"$ref":"#/definitions/n"}"""
        );

        Assert.Null((await Judging.FindAsync("schema", tree, """{"v":1,"next":{"v":2}}""")).Error);
        Assert.Contains(
            "/next/next",
            (await Judging.FindAsync("schema", tree, """{"v":1,"next":{"v":2,"next":{}}}""")).Error,
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData("7", "schema", "must be a JSON Schema: an object, true or false")]
    [InlineData("""{"type":"objekt"}""", "schema", "is no JSON Schema of draft 7: 'objekt'")]
    [InlineData("""{"minimum":"x"}""", "schema", "is no JSON Schema of draft 7")]
    [InlineData("""{"properties":{"a":3}}""", "schema", "is no JSON Schema of draft 7")]
    [InlineData("""{"pattern":"("}""", "schema", "has a pattern that cannot be read")]
    [InlineData("""{"patternProperties":{"(":{}}}""", "schema", "has a pattern that cannot be read")]
    [InlineData("""{"$ref":"#"}""", "schema", "is no JSON Schema of draft 7: Cycle detected")]
    [InlineData(
        """{"$ref":"http://127.0.0.1:9/s.json"}""",
        "schema",
        "has a $ref that leads nowhere; schemas elsewhere are not fetched"
    )]
    [InlineData("""{"$ref":"file:///etc/passwd"}""", "schema", "has a $ref that leads nowhere")]
    [InlineData("""{"properties":{"a":{"$ref":"#/definitions/gone"}}}""", "schema", "has a $ref that leads nowhere")]
    [InlineData("""{"$ref":"#/definitions/gone"}""", "schema", "has a $ref that leads nowhere")]
    [InlineData("""{"$schema":"https://json-schema.org/draft/2020-12/schema"}""", "schema", "must be of draft 7")]
    [InlineData(
        """{"properties":{"a":{"$id":"http://x/a","$schema":"https://json-schema.org/draft/2020-12/schema"}}}""",
        "schema",
        "may name its draft at its top only"
    )]
    public void A_schema_is_checked_when_it_is_handed_in(string schema, string parameter, string message)
    {
        var error = Judging.Refusal(() => Judging.Check("schema", Of(schema)));

        Assert.Equal((400, $"validation[0].params.{parameter}"), (error.Status, error.Parameter));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_schema_must_be_there() =>
        Assert.Equal("validation[0].params.schema", Judging.Refusal(() => Judging.Check("schema", "{}")).Parameter);

    [Theory]
    [InlineData("""{"pattern":"^(a+)+$"}""", "a")]
    [InlineData("""{"patternProperties":{"^(a+)+$":false}}""", "{")]
    [InlineData("""{"patternProperties":{"^(a+)+$":true},"additionalProperties":false}""", "{")]
    [InlineData("""{"properties":{"x":{}},"additionalProperties":{"propertyNames":{"pattern":"^(a+)+$"}}}""", "{{")]
    public async Task A_pattern_cannot_take_for_ever(string schema, string form)
    {
        var text = new string('a', 100) + "!";
        var answer = form switch
        {
            "a" => $"\"{text}\"",
            "{" => $"{{\"{text}\":1}}",
            _ => $"{{\"y\":{{\"{text}\":1}}}}",
        };

        await Judging.FindAsync("schema", Of(schema), answer); // Without the bound this does not end.
    }

    [Fact]
    public async Task A_pattern_that_must_backtrack_is_given_up()
    {
        var found = await Judging.FindAsync(
            "schema",
            Of("""{"pattern":"^(a+)+\\1$"}"""),
            $"\"{new string('a', 60)}!\""
        );

        Assert.Equal("the pattern ^(a+)+\\1$ of the schema could not be matched in time", found.Error);
    }

    [Theory]
    [InlineData("""{"items":{"pattern":"^(?!b)a"}}""", "[{0}]", "\"a\"")]
    [InlineData("""{"patternProperties":{"^(?!b)":true}}""", "{{{0}}}", "\"a#\":1")]
    [InlineData("""{"patternProperties":{"^(?!b)":true},"additionalProperties":false}""", "{{{0}}}", "\"a#\":1")]
    public async Task Patterns_that_must_backtrack_look_at_no_more_than_they_have_time_for(
        string schema,
        string form,
        string item
    )
    {
        var some = Enumerable.Range(0, 50).Select(i => item.Replace("#", $"{i}", StringComparison.Ordinal));
        var many = Enumerable.Range(0, 300).Select(i => item.Replace("#", $"{i}", StringComparison.Ordinal));

        var few = await Judging.FindAsync(
            "schema",
            Of(schema),
            string.Format(CultureInfo.InvariantCulture, form, string.Join(',', some))
        );
        var all = await Judging.FindAsync(
            "schema",
            Of(schema),
            string.Format(CultureInfo.InvariantCulture, form, string.Join(',', many))
        );

        Assert.Null(few.Error);
        Assert.Equal("the answer is too large to be checked against the schema", all.Error);
    }

    [Fact]
    public async Task References_to_references_cannot_take_for_ever()
    {
        var steps = Enumerable
            .Range(0, 40)
            .Select(i =>
                $$"""  "d{{i}}":{"allOf":[{"$ref":"#/definitions/d{{i + 1}}"},{"$ref":"#/definitions/d{{i + 1}}"}]} """
            );
        var schema =
            $"{{\"$ref\":\"#/definitions/d0\",\"definitions\":{{{string.Join(',', steps)},\"d40\":{{\"type\":\"string\"}}}}}}";

        var found = await Judging.FindAsync("schema", Of(schema), "\"x\"");

        Assert.Equal("the answer is too large to be checked against the schema", found.Error);
    }

    [Fact]
    public async Task A_chain_of_references_does_not_overflow_the_stack()
    {
        const int Links = 1500;
        var steps = Enumerable.Range(0, Links).Select(i => $"\"d{i}\":{{\"$ref\":\"#/definitions/d{i + 1}\"}}");
        var definitions = $"{string.Join(',', steps)},\"d{Links}\":{{\"type\":\"string\"}}";

        var found = await Judging.FindAsync(
            "schema",
            Of("{\"$ref\":\"#/definitions/d0\",\"definitions\":{" + definitions + "}}"),
            "1"
        );

        Assert.NotNull(found.Error);
    }

    [Fact]
    public async Task Large_lists_are_not_compared_with_themselves()
    {
        var list = $"[{string.Join(',', Enumerable.Range(0, 100_000))}]";

        Assert.Equal(
            "the answer is too large to be checked against the schema",
            (await Judging.FindAsync("schema", Of("""{"uniqueItems":true}"""), list)).Error
        );
        Assert.Null((await Judging.FindAsync("schema", Of("""{"uniqueItems":true}"""), "[1,2]")).Error);
        Assert.NotNull((await Judging.FindAsync("schema", Of("""{"uniqueItems":true}"""), "[1,1]")).Error);
    }

    [Fact]
    public async Task Ten_errors_are_named()
    {
        var list = $"[{string.Join(',', Enumerable.Repeat("\"x\"", 12))}]";

        var error = (await Judging.FindAsync("schema", Of("""{"items":{"type":"integer"}}"""), list)).Error!;

        Assert.Equal(10, error.Split(" should be ").Length - 1);
        Assert.EndsWith("; and 2 more", error, StringComparison.Ordinal);
    }

    private static string Of(string schema) => $"{{\"schema\":{schema}}}";

    private static string Sorted(string errors) =>
        string.Join("; ", errors.Split(": ", 2)[^1].Split("; ").Order(StringComparer.Ordinal));
}
