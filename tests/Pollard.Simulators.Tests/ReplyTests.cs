using System.Text.Json;
using CsCheck;

namespace Pollard.Simulators.Tests;

public sealed class ReplyTests
{
    private static readonly SimulatorOptions Options = new() { Tokens = 30 };

    [Fact]
    public void An_answer_never_exceeds_the_limit_and_says_when_it_was_cut() =>
        Gen.Select(Gen.String, Gen.Int[0, 60])
            .Sample(
                (prompt, limit) =>
                {
                    var reply = Ask(prompt);
                    var limited = Reply.To(Request(prompt) with { MaxTokens = limit }, Options);
                    return limited.Content.SequenceEqual(reply.Content.Take(limit), StringComparer.Ordinal)
                        && limited.FinishReason == (limit < 30 ? "length" : "stop");
                }
            );

    [Fact]
    public void An_answer_goes_on_wherever_it_was_begun() =>
        Gen.Select(Gen.String, Gen.Int[0, 100])
            .Sample(
                (prompt, at) =>
                {
                    var whole = string.Concat(Ask(prompt).Content);
                    var begun = whole[..Math.Min(at, whole.Length)];
                    var rest = Reply.To(Request(prompt) with { Prefill = begun }, Options);
                    return begun + string.Concat(rest.Content) == whole;
                }
            );

    [Fact]
    public void A_stop_word_ends_the_answer_before_it()
    {
        var whole = string.Concat(Ask("x").Content);
        var stop = whole[50..55];

        var stopped = Reply.To(Request("x") with { Stop = [stop] }, Options);

        Assert.Equal(whole[..whole.IndexOf(stop, StringComparison.Ordinal)], string.Concat(stopped.Content));
    }

    [Theory]
    [InlineData("Repeat exactly these words: apple river 42", "[simulator] apple river 42")]
    [InlineData("Write the following words, and nothing else: apple river 42", "[simulator] apple river 42")]
    [InlineData("Say these words again, in the same order: apple river 42", "[simulator] apple river 42")]
    [InlineData("Copy these words without changing them: apple", "[simulator] apple")]
    [InlineData("Tell me about words: apple river 42", null)]
    [InlineData("Repeat exactly these words: ", null)]
    [InlineData("Repeat after me: apple", null)]
    public void Words_to_be_repeated_are_repeated(string asked, string? expected)
    {
        var usual = string.Concat(Ask(asked).Content);

        var text = string.Concat(Reply.To(Request(asked) with { LastUserText = asked }, Options).Content);

        Assert.Equal(expected ?? usual, text);
    }

    [Fact]
    public void Text_cut_into_pieces_is_the_same_text() =>
        Gen.String.Sample(text => string.Concat(TextGenerator.Cut(text)) == text);

    [Fact]
    public void A_tool_named_by_the_user_is_called_with_arguments_that_meet_its_schema()
    {
        using var schema = JsonDocument.Parse(
            """
            {"type":"object","properties":{"unit":{"enum":["c","f"]},"days":{"type":"integer","minimum":3,"maximum":5},
            "tags":{"type":"array","items":{"type":"string","maxLength":4},"minItems":2},"kind":{"const":"w"}}}
            """
        );

        var reply = Reply.To(
            Request("p") with
            {
                LastUserText = "call weather now",
                Tools = [("other", default), ("weather", schema.RootElement)],
            },
            Options
        );

        Assert.Equal(("tool_calls", "weather"), (reply.FinishReason, reply.ToolCall!.Value.Name));
        var arguments = JsonElement.Parse(reply.ToolCall.Value.Arguments);
        Assert.True(arguments.GetProperty("unit").GetString() is "c" or "f");
        Assert.InRange(arguments.GetProperty("days").GetInt32(), 3, 5);
        Assert.True(arguments.GetProperty("tags").GetArrayLength() >= 2);
        Assert.Equal("w", arguments.GetProperty("kind").GetString());
    }

    [Fact]
    public void A_vector_has_length_one_and_depends_on_its_text()
    {
        var one = TextGenerator.UnitVector(TextGenerator.Seed("m", "one", 0), 32);
        var two = TextGenerator.UnitVector(TextGenerator.Seed("m", "two", 0), 32);

        Assert.Equal(1, one.Sum(number => number * number), 0.001);
        Assert.False(one.AsSpan().SequenceEqual(two));
    }

    [Theory]
    [InlineData("cut:5%", FaultKind.Cut, 0.05, 0)]
    [InlineData("429:1/20", FaultKind.RateLimit, 0, 20)]
    [InlineData("early-end:100%", FaultKind.EarlyEnd, 1, 0)]
    public void A_fault_is_read_from_its_short_form(string text, FaultKind kind, double probability, int every)
    {
        Assert.True(SimulatorFault.TryParse(text, out var fault));

        Assert.Equal((kind, probability, every), (fault!.Kind, fault.Probability, fault.Every));
    }

    [Theory]
    [InlineData("cut")]
    [InlineData("flood:5%")]
    [InlineData("cut:101%")]
    [InlineData("cut:1/0")]
    public void What_is_no_fault_is_refused(string text) => Assert.False(SimulatorFault.TryParse(text, out _));

    [Fact]
    public void A_probability_strikes_about_as_often_as_it_says_and_the_same_requests_each_time()
    {
        SimulatorFault fault = new(FaultKind.Cut) { Probability = 0.1 };

        var struck = Enumerable.Range(1, 10_000).Count(number => fault.Strikes(number, 7));

        Assert.InRange(struck, 850, 1150);
        Assert.Equal(struck, Enumerable.Range(1, 10_000).Count(number => fault.Strikes(number, 7)));
    }

    private static ReplyRequest Request(string prompt) => new() { Model = "m", Prompt = prompt };

    private static Reply Ask(string prompt) => Reply.To(Request(prompt), Options);
}
