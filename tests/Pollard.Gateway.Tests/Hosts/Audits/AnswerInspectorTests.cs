using System.Text;
using Pollard.Gateway.Hosts.Audits;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Events;

namespace Pollard.Gateway.Tests.Hosts.Audits;

/// <summary>What is wrong with the shape of an answer.</summary>
public sealed class AnswerInspectorTests
{
    private const string Prose =
        "A pollard is a tree whose crown was cut back, so that it grows again and again above the reach of cattle. "
        + "Willows along the rivers of the north are cut each few years, and live longer for it than those that nobody cuts.";

    public static TheoryData<string, string?> Texts =>
        new()
        {
            { Prose, null },
            { "", "empty" },
            { " \r\n\t", "empty" },
            { "ok", null },
            { Prose + new string('a', 150), null }, // Long, but people write such lines.
            { Prose + new string('a', 400), "loop" },
            { Prose + Repeat("and then ", 30), "loop" },
            { Repeat(Prose, 3), null },
            { Repeat("a sentence of some length that comes back to itself ", 12), "loop" },
            { Repeat("0123456789", 30) + " but it ended well.", null },
            { Repeat("木", 100), "loop" },
        };

    [Theory]
    [MemberData(nameof(Texts))]
    public void The_text_tells(string text, string? expected)
    {
        foreach (var size in (int[])[1, 7, 10_000])
        {
            var pieces = Encoding.UTF8.GetBytes(text).Chunk(size).Select(Content).ToArray();

            Assert.Equal(expected, Inspect(pieces)?.Code);
        }
    }

    [Theory]
    [InlineData(DeltaKind.ToolCall, null)]
    [InlineData(DeltaKind.Reasoning, null)]
    [InlineData(DeltaKind.Refusal, null)]
    [InlineData(DeltaKind.Body, null)]
    [InlineData(DeltaKind.Progress, "empty")]
    [InlineData(DeltaKind.LogProbabilities, "empty")]
    public void Only_what_says_something_is_an_answer(DeltaKind kind, string? expected)
    {
        var fault = Inspect([Content("x"u8.ToArray()) with { Kind = kind }]);

        Assert.Equal(expected, fault?.Code);
    }

    [Theory]
    [InlineData(1_000L, 1.0, null, null)]
    [InlineData(1_900L, 1.0, 20.0, null)] // Below what is plausible for any machine.
    [InlineData(2_100L, 1.0, 20.0, "too_fast")]
    [InlineData(2_100L, 1.0, null, "too_fast")]
    [InlineData(2_100L, 1.0, 500.0, null)] // Others are nearly as fast.
    [InlineData(99L, 0.0, null, null)]
    [InlineData(100L, 0.0, null, "too_fast")]
    public void Faster_than_any_machine_is_noticed(long tokens, double seconds, double? fastest, string? expected)
    {
        var fault = AnswerInspector.Inspect(
            [Content(Encoding.UTF8.GetBytes(Prose))],
            tokens,
            TimeSpan.FromSeconds(seconds),
            () => fastest
        );

        Assert.Equal(expected, fault?.Code);
    }

    [Fact]
    public void Bytes_are_counted_where_the_host_counts_no_tokens()
    {
        var text = Enumerable.Range(0, 3_000).Select(static number => $"{number} ");

        var fault = AnswerInspector.Inspect(
            [Content(Encoding.UTF8.GetBytes(string.Concat(text)))],
            tokens: null,
            TimeSpan.FromSeconds(1),
            static () => null
        );

        Assert.Equal("too_fast", fault?.Code);
    }

    private static ShapeFault? Inspect(TaskEvent[] output) =>
        AnswerInspector.Inspect(output, tokens: 10, TimeSpan.FromSeconds(1), static () => null);

    private static TaskEvent Content(byte[] bytes) => new(0, 0, TaskEventType.Delta, DeltaKind.Content, 0, bytes);

    private static string Repeat(string text, int times) => string.Concat(Enumerable.Repeat(text, times));
}
