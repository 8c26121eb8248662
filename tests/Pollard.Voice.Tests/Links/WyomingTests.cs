using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;
using CsCheck;
using Pollard.Voice.Links;
using Pollard.Voice.Wyoming;

namespace Pollard.Voice.Tests.Links;

/// <summary>Events of the Wyoming protocol, as its own programs write them, and frames as such events.</summary>
public sealed class WyomingTests
{
    private static readonly WyomingCodec Codec = new("transcript");

    [Theory]
    [InlineData("{\"type\":\"transcript\",\"data\":{\"text\":\"hi\"}}\n")] // Older programs say it in the line.
    [InlineData("{\"type\": \"transcript\", \"version\": \"1.5.4\", \"data_length\": 13}\n{\"text\":\"hi\"}")]
    public void Text_is_read_wherever_it_stands(string line)
    {
        var input = new ReadOnlySequence<byte>(Encoding.UTF8.GetBytes(line));
        Assert.True(Codec.TryRead(ref input, out var frame));
        Assert.Equal("hi", Encoding.UTF8.GetString(frame.Payload.Span));
        Assert.True(input.IsEmpty);
    }

    [Fact]
    public void Sound_is_read_as_other_programs_write_it()
    {
        byte[] bytes =
        [
            .. "{\"type\":\"audio-chunk\",\"data\":{\"rate\":22050,\"width\":2,\"channels\":1,\"timestamp\":0},\"payload_length\":4}\n"u8,
            0,
            0x40,
            0,
            0x80,
        ];
        var input = new ReadOnlySequence<byte>(bytes);
        Assert.True(Codec.TryRead(ref input, out var frame));
        Assert.Equal([0.5f, -1f], MemoryMarshal.Cast<byte, float>(frame.Payload.Span).ToArray());
        Assert.Equal(22_050, frame.Rate);
    }

    [Fact]
    public void Frames_come_back_as_they_were_however_they_are_cut()
    {
        var mark =
            from turn in Gen.UInt
            from gen in Gen.UInt
            from sentence in Gen.UInt
            select new SpeechMark(turn, gen, sentence);
        var frame =
            from kind in Gen.Enum<FrameKind>()
            from text in Gen.String[0, 40]
            from shorts in Gen.Short.Array[0, 40]
            from rate in Gen.Int[8_000, 192_000]
            from chunk in Gen.UInt
            from number in Gen.UInt
            from id in Gen.Int[1, 999]
            from one in mark
            select kind is FrameKind.Ping or FrameKind.Pong
                ? new LinkFrame(kind)
                : new LinkFrame(
                    kind,
                    kind switch
                    {
                        FrameKind.Audio => Floats(shorts),
                        FrameKind.Text or FrameKind.Key => Encoding.UTF8.GetBytes(text),
                        _ => default,
                    },
                    kind == FrameKind.Audio ? rate : 0,
                    chunk,
                    one
                )
                {
                    Call = CallId.Parse($"{id}"),
                    Number = number,
                };
        Gen.Select(frame.List[1, 6], Gen.Int[1, 50])
            .Sample(
                (frames, cut) =>
                {
                    var output = new ArrayBufferWriter<byte>();
                    frames.ForEach(one => Codec.Write(one, output));
                    var bytes = output.WrittenMemory.ToArray();
                    var (read, from) = (new List<LinkFrame>(), 0);
                    for (var end = 0; end < bytes.Length; )
                    {
                        end = Math.Min(end + cut, bytes.Length);
                        var input = new ReadOnlySequence<byte>(bytes, from, end - from);
                        while (Codec.TryRead(ref input, out var one))
                        {
                            read.Add(one);
                        }

                        from = end - (int)input.Length;
                    }

                    Assert.Equal(frames.Select(Seen), read.Select(Seen));
                }
            );
    }

    [Theory]
    [InlineData("[]\n")]
    [InlineData("nothing\n")]
    [InlineData("{}\n")]
    [InlineData("{\"type\":7}\n")]
    [InlineData("{\"type\":\"x\",\"payload_length\":-1}\n")]
    [InlineData("{\"type\":\"x\",\"payload_length\":1048577}\n")]
    [InlineData("{\"type\":\"x\",\"data_length\":65537}\n")]
    [InlineData("{\"type\":\"x\",\"data_length\":2}\n[]")]
    [InlineData("{\"type\":\"x\",\"data\":[[[[[[[[[]]]]]]]]]}\n")]
    [InlineData("{\"type\":\"audio-chunk\"}\n")]
    [InlineData("{\"type\":\"audio-chunk\",\"data\":{\"rate\":16000,\"width\":4,\"channels\":1}}\n")]
    [InlineData("{\"type\":\"audio-chunk\",\"data\":{\"rate\":16000,\"width\":2,\"channels\":2}}\n")]
    [InlineData("{\"type\":\"audio-chunk\",\"data\":{\"rate\":1,\"width\":2,\"channels\":1}}\n")]
    [InlineData(
        "{\"type\":\"audio-chunk\",\"data\":{\"rate\":16000,\"width\":2,\"channels\":1},\"payload_length\":1}\nx"
    )]
    public void What_is_no_event_is_refused(string text)
    {
        var input = new ReadOnlySequence<byte>(Encoding.UTF8.GetBytes(text));
        Assert.Throws<FrameException>(() => Codec.TryRead(ref input, out _));
    }

    [Fact]
    public void A_line_without_end_is_refused_and_events_that_are_not_known_are_passed_over()
    {
        var endless = new ReadOnlySequence<byte>(Encoding.UTF8.GetBytes(new string('x', 20_000)));
        Assert.Throws<FrameException>(() => Codec.TryRead(ref endless, out _));

        var input = new ReadOnlySequence<byte>(
            "{\"type\":\"new\",\"payload_length\":2}\nab{\"type\":\"ping\"}\n"u8.ToArray()
        );
        Assert.True(Codec.TryRead(ref input, out var frame));
        Assert.Equal(FrameKind.Ping, frame.Kind);
    }

    [Fact]
    public void Sound_that_is_too_loud_is_cut_and_what_is_no_number_is_silence()
    {
        float[] samples = [2, -2, float.NaN, float.PositiveInfinity, float.NegativeInfinity];
        var output = new ArrayBufferWriter<byte>();
        Codec.Write(new(FrameKind.Audio, MemoryMarshal.AsBytes(samples.AsSpan()).ToArray(), 16_000), output);
        var input = new ReadOnlySequence<byte>(output.WrittenMemory);
        Assert.True(Codec.TryRead(ref input, out var frame));
        Assert.Equal(
            [32_767, -32_768, 0, 32_767, -32_768],
            MemoryMarshal.Cast<byte, float>(frame.Payload.Span).ToArray().Select(static one => (int)(one * 32_768))
        );
    }

    private static byte[] Floats(short[] shorts) =>
        MemoryMarshal.AsBytes(shorts.Select(static one => one / 32_768f).ToArray().AsSpan()).ToArray();

    private static string Seen(LinkFrame frame) =>
        $"{frame.Kind} {frame.Rate} {frame.Chunk} {frame.Number} {frame.Mark} {frame.Call} {Convert.ToHexString(frame.Payload.Span)}";
}
