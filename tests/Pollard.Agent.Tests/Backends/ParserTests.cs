using System.Text;
using CsCheck;
using Pollard.Agent.Backends.Http;
using Pollard.Agent.Backends.Ollama;
using Pollard.Agent.Backends.OpenAi;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Tests.Backends;

/// <summary>The laws of the parsers: any cut gives the same, nothing breaks them, no beginning is a whole.</summary>
public sealed class ParserTests
{
    private const int LongestLine = 64 * 1024;

    private const string Ollama = """
        {"model":"m","created_at":"t","message":{"role":"assistant","content":"","thinking":"hm \u00e9"},"done":false}
        {"model":"m","message":{"role":"assistant","content":"caf\u00e9 \ud83c\udf33 🌳\n\"x\""},"done":false}

        {"message":{"content":"","tool_calls":[{"id":"c","function":{"name":"f","arguments":{"a":[1,"é"]}}}]},"done":false}
        {"message":{"content":"y"},"logprobs":[{"token":"y","logprob":-0.1}],"done":false,"x":1.5}
        {"model":"m","message":{"content":""},"done":true,"done_reason":"stop","total_duration":9,"eval_count":3,"prompt_eval_count":2}

        """;

    private const string OpenAi = """
        : a comment

        event: message
        data: {"id":"1","model":"m","system_fingerprint":"f","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}

        data: {"choices":[{"delta":{"reasoning":"hm"},"index":1,"finish_reason":null}],"usage":null}

        data: {"choices":[{"index":0,"delta":{"content":"caf\u00e9 🌳"},"logprobs":{"content":[]}}]}

        data: {"choices":[{"index":1,"delta":{"tool_calls":[{"index":0,"id":"c","function":{"arguments":"{\"a\":"}}]}}]}

        data:{"choices":[{"index":0,"delta":{},"finish_reason":"stop"},{"index":1,"delta":{"refusal":"no"}}]}

        data: {"choices":
        data: [{"index":1,"delta":{},"finish_reason":"length"}]}

        data: {"choices":[],"usage":{"prompt_tokens":1},"service_tier":"x"}

        data: [DONE]


        """;

    public static TheoryData<string> Dialects => ["ollama", "openai"];

    [Theory]
    [MemberData(nameof(Dialects))]
    public async Task Any_cut_and_any_line_end_give_the_same(string dialect)
    {
        foreach (var text in (string[])[Text(dialect), Text(dialect).ReplaceLineEndings("\r\n")])
        {
            var bytes = Encoding.UTF8.GetBytes(text);
            var whole = await ReadAsync(dialect, bytes, [bytes.Length]);
            Assert.NotNull(whole.Finish);

            await Gen.Int[1, 300]
                .Array[1, 40]
                .SampleAsync(async cuts =>
                {
                    var cut = await ReadAsync(dialect, bytes, cuts);
                    Assert.Equal(whole.Deltas, cut.Deltas);
                    Assert.Equal(whole.Finish, cut.Finish);
                });
        }
    }

    [Theory]
    [MemberData(nameof(Dialects))]
    public async Task A_beginning_gives_a_beginning_and_no_end(string dialect)
    {
        var bytes = Encoding.UTF8.GetBytes(Text(dialect));
        var whole = await ReadAsync(dialect, bytes, [bytes.Length]);
        var ended = dialect == "ollama" ? "\"done\":true" : "\"length\"";
        var clean = bytes.AsSpan().IndexOf(Encoding.UTF8.GetBytes(ended));

        for (var length = 0; length < clean; length++)
        {
            var cut = await ReadAsync(dialect, bytes[..length], [64]);

            Assert.Null(cut.Finish);
            Assert.Equal(whole.Deltas.Take(cut.Deltas.Count), cut.Deltas);
        }
    }

    [Theory]
    [MemberData(nameof(Dialects))]
    public async Task Random_bytes_break_nothing(string dialect) =>
        await Gen.Select(Gen.Byte.Array[0, 400], Gen.Int[1, 100].Array[1, 5])
            .SampleAsync(async (bytes, cuts) => await ReadAsync(dialect, bytes, cuts));

    [Theory]
    [MemberData(nameof(Dialects))]
    public async Task Damaged_answers_break_nothing(string dialect) =>
        await Gen.Select(Gen.Int[0, 100_000], Gen.Byte, Gen.Int[0, 100_000], Gen.Byte)
            .SampleAsync(
                async (at, value, otherAt, otherValue) =>
                {
                    var bytes = Encoding.UTF8.GetBytes(Text(dialect));
                    bytes[at % bytes.Length] = value;
                    bytes[otherAt % bytes.Length] = otherValue;
                    await ReadAsync(dialect, bytes, [50]);
                }
            );

    [Theory]
    [MemberData(nameof(Dialects))]
    public async Task Structures_that_nobody_expects_break_nothing(string dialect) =>
        await Gen.Select(
                Gen.Int[0, Names.Length - 1].Select(at => Names[at]),
                Gen.Int[0, Values.Length - 1].Select(at => Values[at]),
                Gen.Int[0, Names.Length - 1].Select(at => Names[at]),
                Gen.Int[0, Values.Length - 1].Select(at => Values[at])
            )
            .SampleAsync(
                async (name, value, inner, innerValue) =>
                {
                    var json =
                        $$$"""{"{{{name}}}":{{{value}}},"choices":[{"{{{inner}}}":{{{innerValue}}},"delta":{"{{{name}}}":{{{innerValue}}}}}],"message":{"{{{inner}}}":{{{value}}}}}""";
                    var text = dialect == "ollama" ? json + "\n" : $"data: {json}\n\n";
                    await ReadAsync(dialect, Encoding.UTF8.GetBytes(text), [1000]);
                }
            );

    [Fact]
    public async Task Half_an_emoji_becomes_a_replacement_character()
    {
        var read = await ReadAsync("ollama", """{"message":{"content":"a\ud83cb"}}"""u8.ToArray(), [99]);

        Assert.Equal("a\uFFFDb", Assert.Single(read.Deltas).Text);
    }

    private static readonly string[] Names =
    [
        "message",
        "response",
        "thinking",
        "error",
        "done",
        "model",
        "usage",
        "choices",
        "index",
        "delta",
        "content",
        "reasoning",
        "reasoning_content",
        "refusal",
        "tool_calls",
        "logprobs",
        "finish_reason",
        "text",
        "eval_count",
        "x",
    ];

    private static readonly string[] Values =
    [
        "null",
        "true",
        "1",
        "-1",
        "70000",
        "1e999",
        "\"\"",
        "\"\\ud83c\"",
        "[]",
        "{}",
        "[1]",
        "[{}]",
        "[[]]",
        "[{\"function\":{\"name\":\"f\"}}]",
        "{\"error\":{}}",
        "[null]",
    ];

    private static string Text(string dialect) => dialect == "ollama" ? Ollama : OpenAi;

    private static async Task<Read> ReadAsync(string dialect, byte[] bytes, int[] cuts)
    {
        IAnswerParser parser = dialect == "ollama" ? new OllamaParser("test") : new OpenAiParser("test", 1);
        RecordingOutput output = new();
        using DeltaBatch deltas = new();
        using LineReader lines = new(new CutStream(bytes, cuts), LongestLine, long.MaxValue);
        try
        {
            for (var more = true; ; more = await lines.FillAsync(default))
            {
                while (!parser.Ended && lines.TryRead(out var line))
                {
                    parser.Line(line.Span, deltas);
                    await deltas.WriteToAsync(output, default);
                }

                if (!more || parser.Ended)
                {
                    break;
                }
            }
        }
        catch (BackendException)
        {
            return new(output.Deltas, null); // The one expected way to refuse.
        }

        var finish = parser.Finish();
        return new(
            output.Deltas,
            finish is null
                ? null
                : $"{string.Join(',', finish.FinishReasons!)} {finish.Usage} {finish.Model} {finish.Extra} {finish.Timings}"
        );
    }

    private sealed record Read(List<(DeltaKind Kind, ushort Choice, string Text)> Deltas, string? Finish);

    /// <summary>Gives the bytes in pieces of the given sizes, over and over.</summary>
    private sealed class CutStream(byte[] bytes, int[] cuts) : MemoryStream(bytes)
    {
        private int _next;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var length = Math.Min(buffer.Length, cuts[_next++ % cuts.Length]);
            return base.ReadAsync(buffer[..length], cancellationToken);
        }
    }
}
