using System.Text;
using System.Text.Json;
using CsCheck;
using Pollard.Gateway.Answers;
using Pollard.Gateway.Http;
using Pollard.Gateway.Requests;
using Pollard.Gateway.Validation;
using Pollard.Protocol.HostLink;
using Pollard.Tasks;
using Pollard.Tasks.Events;

namespace Pollard.Gateway.Tests;

/// <summary>Laws of the parsers and of the assembler, tried on any input.</summary>
public sealed class AnswerProperties
{
    private static readonly GatewayOptions Options = new();
    private static readonly ValidationPlanReader Plans = new AnswerReview(TimeProvider.System).Plans;
    private static readonly Gen<byte[]> AnyBytes = Gen.OneOf(
        Gen.Byte.Array[0, 200],
        AnyOf([.. "{}[]\",:0123456789eE+-.\\ntrufalsmodgp_x \u00e9".Select(c => (byte)c)]).Array[0, 80]
    );

    // Requests that are nearly right: members that we act on, with values of any kind.
    private static readonly Gen<string> Value = AnyOf(
        "null",
        "true",
        "1",
        "-1",
        "1e400",
        "\"x\"",
        "\"\\ud800\"",
        "[]",
        "{}",
        "[1]",
        "[{}]",
        "[{\"role\":\"user\",\"content\":\"x\"}]",
        "[{\"role\":1}]",
        "[{\"role\":\"u\",\"content\":[{\"image_url\":{\"url\":\"data:\"}}]}]",
        "[{\"role\":\"u\",\"content\":[{\"image_url\":7}]}]",
        "[{\"role\":\"u\",\"content\":{}}]",
        "{\"include_usage\":1}"
    );

    private static readonly Gen<byte[]> NearlyRight = Gen.Select(
            AnyOf(
                "model",
                "messages",
                "stream",
                "stream_options",
                "store",
                "n",
                "tools",
                "prompt",
                "input",
                "encoding_format",
                "options",
                "keep_alive",
                "format",
                "think",
                "kind",
                "request",
                "tasks",
                "webhook"
            ),
            Value
        )
        .Array[0, 6]
        .Select(members =>
            Encoding.UTF8.GetBytes("{" + string.Join(',', members.Select(m => $"\"{m.Item1}\":{m.Item2}")) + "}")
        );

    [Fact]
    public void Any_bytes_are_read_or_refused_in_words() =>
        Gen.OneOf(AnyBytes, NearlyRight)
            .Sample(
                bytes =>
                {
                    Only(() => RequestScanner.Scan(bytes, RequestShape.Chat, Options));
                    Only(() => RequestScanner.Scan(bytes, RequestShape.Completion, Options));
                    Only(() => RequestScanner.Scan(bytes, RequestShape.Embedding, Options));
                    Only(() => Doors.Ollama.OllamaRequest.ReadChat(bytes, Options));
                    Only(() => Doors.Ollama.OllamaRequest.ReadGenerate(bytes));
                    Only(() => Doors.Ollama.OllamaRequest.ReadEmbedding(bytes, "input"));
                    Only(() => Doors.Tasks.SubmitReader.Read(bytes, Plans, Options));
                },
                iter: 20_000
            );

    [Fact]
    public void However_output_is_cut_the_answer_is_the_same() =>
        Gen.Select(Gen.String[0, 60], Gen.String[0, 20], Gen.Int[0, 200].Array[0, 12])
            .Sample(
                (content, reasoning, cuts) =>
                {
                    var finish = new Messages.Finish { FinishReasons = ["stop"] };
                    foreach (var kind in (string[])["chat", "completion", "other"])
                    {
                        var whole = Assemble(
                            kind,
                            [Delta(DeltaKind.Reasoning, Bytes(reasoning)), Delta(DeltaKind.Content, Bytes(content))],
                            finish
                        );
                        var parts = Assemble(
                            kind,
                            [
                                .. Cut(DeltaKind.Reasoning, Bytes(reasoning), cuts),
                                .. Cut(DeltaKind.Content, Bytes(content), cuts),
                            ],
                            finish
                        );

                        Assert.Equal(Encoding.UTF8.GetString(whole.Span), Encoding.UTF8.GetString(parts.Span));
                        JsonElement.Parse(whole.Span);
                    }
                },
                iter: 3_000
            );

    [Fact]
    public void Text_that_is_carried_over_a_cut_loses_nothing() =>
        Gen.Select(Gen.String[0, 60], Gen.Int[0, 200].Array[0, 12])
            .Sample(
                (text, cuts) =>
                {
                    var carry = new Utf8Carry();
                    var shown = new StringBuilder();
                    foreach (var piece in Cut(DeltaKind.Content, Bytes(text), cuts))
                    {
                        shown.Append(Encoding.UTF8.GetString(carry.Join(piece.Data.Span)));
                    }

                    Assert.Equal(Encoding.UTF8.GetString(Bytes(text)), shown.ToString());
                },
                iter: 5_000
            );

    [Fact]
    public void Any_output_of_a_host_makes_an_answer() =>
        Gen.Select(Gen.OneOf(AnyBytes, NearlyRight), Gen.Int[0, 6], Gen.Int[0, 300])
            .Array[0, 6]
            .Sample(
                pieces =>
                {
                    var output = pieces.Select(p => Delta((DeltaKind)p.Item2, p.Item1, (ushort)p.Item3)).ToList();
                    foreach (var kind in (string[])["chat", "completion", "embedding"])
                    {
                        var result = Assemble(kind, output, new Messages.Finish());
                        JsonElement.Parse(result.Span);
                        if (kind != "embedding")
                        {
                            Assert.NotEmpty(AnswerFacts.Read(result).FinishReasons);
                        }
                    }
                },
                iter: 5_000
            );

    private static Gen<T> AnyOf<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);

    private static void Only(Action parse)
    {
        try
        {
            parse();
        }
        catch (RejectedException e)
        {
            Assert.InRange(e.Error.Status, 400, 499);
            Assert.DoesNotContain("Pollard.", e.Error.Message);
            Assert.DoesNotContain("System.", e.Error.Message);
        }
    }

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private static TaskEvent Delta(DeltaKind kind, byte[] data, ushort choice = 0) =>
        new(0, 0, TaskEventType.Delta, kind, choice, data);

    private static IEnumerable<TaskEvent> Cut(DeltaKind kind, byte[] data, int[] cuts)
    {
        var at = 0;
        foreach (var cut in cuts.Where(cut => cut < data.Length).Order().Distinct())
        {
            yield return Delta(kind, data[at..cut]);
            at = cut;
        }

        yield return Delta(kind, data[at..]);
    }

    private static ReadOnlyMemory<byte> Assemble(string kind, IReadOnlyList<TaskEvent> output, Messages.Finish finish)
    {
        var row = new TaskRow
        {
            Id = new TaskId(1),
            Owner = "",
            Kind = kind,
            Model = "m",
            CreatedAt = DateTimeOffset.UnixEpoch,
        };
        return new ResultAssembler().Assemble(row, "abc", output, finish, body: null);
    }
}
