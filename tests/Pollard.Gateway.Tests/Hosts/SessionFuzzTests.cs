using System.Buffers;
using System.Text;
using CsCheck;
using Microsoft.Extensions.Time.Testing;
using Pollard.Gateway.Hosts;
using Pollard.Protocol.HostLink;

namespace Pollard.Gateway.Tests.Hosts;

/// <summary>Whatever a host says after its hello, the session takes it or ends; it never breaks, and harms no other host.</summary>
public sealed class SessionFuzzTests
{
    private static readonly string[] Bodies =
    [
        "",
        "{}",
        "null",
        "[]",
        """{"total":1}""",
        """{"total":-1}""",
        """{"models":[null]}""",
        """{"models":[{"name":"m","kinds":[null],"capabilities":null}]}""",
        """{"code":null,"reason":null}""",
        """{"code":"busy","reason":"r"}""",
        """{"code":"x","message":"y","retryable":true,"retry_after_seconds":-1e300,"status":-1}""",
        """{"code":"x","message":null,"retryable":false}""",
        """{"finish_reasons":[null,null]}""",
        """{"finish_reasons":[],"usage":[],"extra":"text","model":null,"timings":{"total":-9223372036854775808}}""",
        """{"usage":{"prompt_tokens":"many"},"extra":{"choices":7}}""",
        """{"phase":null,"percent":1e308,"message":null}""",
    ];

    private static readonly FrameType[] Types = Enum.GetValues<FrameType>();

    private static readonly Gen<(FrameType Type, byte Flags, uint Attempt, uint Sequence, byte[] Payload)> Frames =
        Gen.Select(
            Gen.Int[0, Types.Length - 1].Select(static i => Types[i]),
            Gen.Byte[0, 12],
            Gen.OneOf(Gen.Const(1u), Gen.UInt[0, 3], Gen.UInt),
            Gen.OneOf(Gen.UInt[0, 3], Gen.UInt),
            Gen.OneOf(
                Gen.Int[0, Bodies.Length - 1].Select(static i => Encoding.UTF8.GetBytes(Bodies[i])),
                Gen.Byte.Array[0, 50]
            )
        );

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Frames_of_every_kind_are_taken_or_end_the_session_and_nothing_else()
    {
        await using var gateway = await LinkGateway.StartAsync(time: new FakeTimeProvider());
        var number = 0;
        await Frames
            .Array[1, 12]
            .SampleAsync(
                async frames =>
                {
                    var (ours, theirs) = MemoryLink.Create();
                    var id = $"fuzz {Interlocked.Increment(ref number)}";
                    var serving = gateway.Server.ServeAsync(ours, new LinkPeer(id, id, LinkCarrier.Http2), Token);
                    FrameWriter.Write(theirs.Output, FrameType.Hello, 0, Encoding.UTF8.GetBytes(RawLink.Hello));
                    await theirs.Output.FlushAsync(Token);
                    var task = await gateway.SubmitAsync();
                    foreach (var (type, flags, attempt, sequence, payload) in frames)
                    {
                        FrameWriter.Write(theirs.Output, type, attempt, payload, sequence, flags);
                    }

                    await theirs.Output.FlushAsync(Token);
                    await theirs.Output.CompleteAsync();
                    await theirs.Input.CompleteAsync();
                    await serving; // Throws nothing.
                    await gateway.Engine.CancelAsync(task, "over", Token);
                    return gateway.Engine.Hosts.List().Count == 0;
                },
                iter: 1500,
                threads: 1
            );
    }

    [Fact]
    public void Ranges_and_bodies_of_output_are_read_or_refused()
    {
        Gen.Select(Gen.OneOf(Gen.String, Gen.String["seq 0123456789-/*"], Ranges), Gen.Byte.Array[0, 100], Frames)
            .Sample(
                static (header, garbage, frame) =>
                {
                    var isRange = TurnEndpoints.TryReadRange(header, out var first, out var last);
                    var body = new ArrayBufferWriter<byte>();
                    FrameWriter.Write(body, frame.Type, frame.Attempt, frame.Payload, frame.Sequence, frame.Flags);
                    var isOutput = TurnEndpoints.IsOutput(body.WrittenSpan.ToArray(), 1, first, last);
                    var isIt =
                        frame is { Type: FrameType.Delta, Attempt: 1 } && frame.Sequence == first && last == first;
                    return (isRange || (first == 0 && last == 0) || header.StartsWith("seq ", StringComparison.Ordinal))
                        && first >= 0
                        && last >= 0
                        && isOutput == isIt
                        && !TurnEndpoints.IsOutput(garbage, 1, first, last);
                },
                iter: 5000
            );
    }

    private static readonly Gen<string> Ranges = Gen.Select(
        Gen.Long[0, 20_000_000_000],
        Gen.Long[-5, 20_000_000_000],
        static (first, last) => $"seq {first}-{last}/*"
    );
}
