using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using CsCheck;
using Pollard.Voice.Links;

namespace Pollard.Voice.Tests.Links;

/// <summary>Frames to the byte, as existing services write and read them.</summary>
public sealed class FrameCodecTests
{
    private static readonly byte[] Sample = [1, 2, 3, 4];

    [Fact]
    public void Frames_are_written_as_existing_services_write_them()
    {
        Assert.Equal([0, 0, 0, 4, 1, 2, 3, 4], Written(FrameCodec.Heard, new(FrameKind.Audio, Sample, 16_000)));
        Assert.Equal([0, 0, 0, 2, .. "hi"u8], Written(FrameCodec.Text, new(FrameKind.Text, "hi"u8.ToArray())));
        Assert.Equal(
            [0, 0, 0, 4, 0, 0, 0x5d, 0xc0, 0, 0, 0, 7, 1, 2, 3, 4],
            Written(FrameCodec.Spoken, new(FrameKind.Audio, Sample, 24_000, 7))
        );
        foreach (var codec in (FrameCodec[])[FrameCodec.Heard, FrameCodec.Text, FrameCodec.Spoken])
        {
            Assert.Equal([0xff, 0xff, 0xff, 0xff], Written(codec, LinkFrame.Bye));
            Assert.Equal([0, 0, 0, 0], Written(codec, LinkFrame.End));
        }

        Assert.Equal([0, 0, 0, 2, (byte)'6', (byte)'7'], Hello.Of(CallId.Parse("67")));
    }

    [Fact]
    public void The_word_bye_is_a_bye() =>
        Assert.Equal(FrameKind.Bye, Read(FrameCodec.Text, [0, 0, 0, 3, .. "BYE"u8])?.Kind);

    [Fact]
    public void Speech_of_odd_length_is_passed_on_as_it_is() // It is G.711 then.
    {
        byte[] bytes = [0, 0, 0, 3, 0, 0, 0x1f, 0x40, 0, 0, 0, 1, 9, 9, 9];
        Assert.Equal([9, 9, 9], Read(FrameCodec.Spoken, bytes)!.Value.Payload.ToArray());
    }

    [Theory]
    [InlineData("heard", 2_000_004)]
    [InlineData("heard", 5)]
    [InlineData("heard", 0xfffffffe)]
    [InlineData("text", (10 * 1024 * 1024) + 1)]
    [InlineData("spoken", (10 * 1024 * 1024) + 4)]
    public void A_length_that_is_none_is_refused_before_anything_of_it_is_read(string name, uint length)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, length);
        Assert.Throws<FrameException>(() => Read(Named(name), bytes));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7_999)]
    [InlineData(192_001)]
    [InlineData(uint.MaxValue)]
    public void A_rate_that_is_none_is_refused(uint rate)
    {
        var bytes = new byte[8];
        bytes[3] = 4;
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(4), rate);
        Assert.Throws<FrameException>(() => Read(FrameCodec.Spoken, bytes));
    }

    [Fact]
    public void What_does_not_belong_on_a_wire_is_not_written_to_it()
    {
        LinkFrame text = new(FrameKind.Text, "x"u8.ToArray());
        Assert.Throws<FrameException>(() => Written(FrameCodec.Heard, text));
        Assert.Throws<FrameException>(() => Written(FrameCodec.Spoken, text));
        Assert.Throws<FrameException>(() => Written(FrameCodec.Text, new(FrameKind.Audio, Sample, 16_000)));
        Assert.Throws<FrameException>(() => Written(FrameCodec.Heard, new(FrameKind.Audio, Sample, 8_000)));
        Assert.Throws<FrameException>(() => Written(FrameCodec.Text, new(FrameKind.Text))); // Its length would be an end.
    }

    [Theory]
    [InlineData("heard")]
    [InlineData("text")]
    [InlineData("spoken")]
    public void Frames_come_whole_however_they_are_cut(string name)
    {
        var codec = Named(name);
        var frame =
            from samples in Gen.Byte.Array[1, 50]
            from rate in Gen.Int[8_000, 192_000]
            from chunk in Gen.UInt
            from kind in Gen.Int[0, 9]
            select kind switch
            {
                0 => LinkFrame.Bye,
                1 => LinkFrame.End,
                _ when name == "text" => new LinkFrame(FrameKind.Text, samples),
                _ when name == "heard" => new LinkFrame(FrameKind.Audio, new byte[samples.Length * 4], 16_000),
                _ => new LinkFrame(FrameKind.Audio, samples, rate, chunk),
            };
        Gen.Select(frame.List[1, 10], Gen.Int[1, 40])
            .Sample(
                (frames, cut) =>
                {
                    var output = new ArrayBufferWriter<byte>();
                    frames.ForEach(one => codec.Write(one, output));
                    var read = new List<LinkFrame>();
                    var rest = ReadOnlySequence<byte>.Empty;
                    var bytes = output.WrittenMemory.ToArray();
                    for (var end = Math.Min(cut, bytes.Length); ; end = Math.Min(end + cut, bytes.Length))
                    {
                        var input = new ReadOnlySequence<byte>(bytes, 0, end).Slice(
                            bytes.Length - Rest(bytes, read, codec)
                        );
                        while (codec.TryRead(ref input, out var one))
                        {
                            read.Add(one);
                        }

                        rest = input;
                        if (end == bytes.Length)
                        {
                            break;
                        }
                    }

                    Assert.True(rest.IsEmpty);
                    Assert.Equal(frames.Select(Seen), read.Select(Seen));
                }
            );
    }

    [Theory]
    [InlineData("heard")]
    [InlineData("text")]
    [InlineData("spoken")]
    public void Whatever_comes_is_read_refused_or_waited_for(string name) =>
        Gen
            .Byte.Array[0, 64]
            .Sample(bytes =>
            {
                var input = new ReadOnlySequence<byte>(bytes);
                try
                {
                    while (Named(name).TryRead(ref input, out _))
                    {
                        // The next.
                    }
                }
                catch (FrameException)
                {
                    // Refused.
                }
            });

    [Theory]
    [InlineData("0000")]
    [InlineData("000000c9")] // 201 characters.
    [InlineData("ffffffff")]
    [InlineData("00000003612062")] // A blank within.
    [InlineData("0000000200ff")]
    public void A_hello_that_is_none_is_refused_or_waited_for(string hex)
    {
        var input = new ReadOnlySequence<byte>(Convert.FromHexString(hex));
        if (hex == "0000")
        {
            Assert.False(Hello.TryRead(ref input, out _));
        }
        else
        {
            Assert.Throws<FrameException>(() => Hello.TryRead(ref input, out _));
        }
    }

    [Theory]
    [InlineData("67")]
    [InlineData("load_test_001")]
    [InlineData(" 67\r\n")] // One of them trims, and another sends what it was given.
    public void Ids_are_numbers_or_names(string id)
    {
        var input = new ReadOnlySequence<byte>([0, 0, 0, (byte)id.Length, .. Encoding.ASCII.GetBytes(id), 9]);
        Assert.True(Hello.TryRead(ref input, out var call));
        Assert.Equal(id.Trim(), call.ToString());
        Assert.Equal(1, input.Length);
    }

    private static FrameCodec Named(string name) =>
        name switch
        {
            "heard" => FrameCodec.Heard,
            "text" => FrameCodec.Text,
            _ => FrameCodec.Spoken,
        };

    private static byte[] Written(FrameCodec codec, LinkFrame frame)
    {
        var output = new ArrayBufferWriter<byte>();
        codec.Write(frame, output);
        return output.WrittenSpan.ToArray();
    }

    private static LinkFrame? Read(FrameCodec codec, byte[] bytes)
    {
        var input = new ReadOnlySequence<byte>(bytes);
        return codec.TryRead(ref input, out var frame) ? frame : null;
    }

    /// <summary>Bytes that are left after what was read.</summary>
    private static int Rest(byte[] bytes, List<LinkFrame> read, FrameCodec codec) =>
        bytes.Length - read.Sum(frame => Written(codec, frame).Length);

    private static string Seen(LinkFrame frame) =>
        $"{frame.Kind} {frame.Rate} {frame.Chunk} {Convert.ToHexString(frame.Payload.Span)}";
}
