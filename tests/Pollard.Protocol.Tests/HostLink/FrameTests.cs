using System.Buffers;
using System.IO.Pipelines;
using CsCheck;
using Pollard.Protocol.HostLink;

namespace Pollard.Protocol.Tests.HostLink;

/// <summary>Frames survive any cutting of the stream, and garbage ends in a reason, never in a crash.</summary>
public sealed class FrameTests
{
    private static readonly FrameType[] All = Enum.GetValues<FrameType>();
    private static readonly Gen<FrameType> Types = Gen.Int[0, All.Length - 1].Select(static i => All[i]);

    [Fact]
    public void Frames_come_out_as_they_went_in_however_the_stream_is_cut()
    {
        Gen.Select(Types, Gen.UInt, Gen.UInt, Gen.Byte, Gen.UShort, Gen.Byte.Array[0, 300])
            .Array[1, 8]
            .Select(Gen.Int[1, 64])
            .Sample(
                static (frames, chunk) =>
                {
                    var output = new ArrayBufferWriter<byte>();
                    foreach (var (type, attempt, seq, flags, choice, payload) in frames)
                    {
                        FrameWriter.Write(output, type, attempt, payload, seq, flags, choice);
                    }

                    var read = new List<(FrameHeader Header, byte[] Payload)>();
                    var rest = Cut(output.WrittenMemory, chunk);
                    while (FrameReader.TryRead(ref rest, out var frame))
                    {
                        read.Add((frame.Header, frame.Payload.ToArray()));
                    }

                    return rest.IsEmpty
                        && read.Count == frames.Length
                        && read.Zip(frames)
                            .All(pair =>
                                pair.First.Header
                                    == new FrameHeader(
                                        pair.Second.Item1,
                                        pair.Second.Item4,
                                        pair.Second.Item5,
                                        pair.Second.Item2,
                                        pair.Second.Item3,
                                        (uint)pair.Second.Item6.Length
                                    )
                                && pair.First.Payload.AsSpan().SequenceEqual(pair.Second.Item6)
                            );
                }
            );
    }

    [Fact]
    public void Half_a_frame_is_no_frame_yet()
    {
        Gen.Select(Gen.Byte.Array[0, 100], Gen.Int[0, 115])
            .Sample(
                static (payload, length) =>
                {
                    var output = new ArrayBufferWriter<byte>();
                    FrameWriter.Write(output, FrameType.Delta, 1, payload);
                    var all = output.WrittenMemory;
                    var part = new ReadOnlySequence<byte>(all[..Math.Min(length, all.Length - 1)]);
                    var before = part.Length;

                    return !FrameReader.TryRead(ref part, out _) && part.Length == before;
                }
            );
    }

    [Fact]
    public void Garbage_is_read_as_frames_or_refused_but_never_crashes()
    {
        Gen.Select(Gen.Byte.Array[0, 200], Gen.Int[1, 40])
            .Sample(
                static (garbage, chunk) =>
                {
                    var rest = Cut(garbage, chunk);
                    try
                    {
                        while (FrameReader.TryRead(ref rest, out var frame))
                        {
                            if (frame.Payload.Length != frame.Header.Length)
                            {
                                return false;
                            }
                        }
                    }
                    catch (LinkException)
                    {
                        // Refused with a reason.
                    }

                    return true;
                },
                iter: 5000
            );
    }

    [Fact]
    public void A_frame_over_its_limit_is_refused_before_it_is_there()
    {
        var header = new byte[FrameHeader.Size];
        new FrameHeader(FrameType.Delta, 0, 0, 1, 0, LinkLimits.FramePayloadBytes + 1).WriteTo(header);
        var delta = new ReadOnlySequence<byte>(header);
        Assert.Throws<LinkException>(() => FrameReader.TryRead(ref delta, out _));

        new FrameHeader(FrameType.Hello, 0, 0, 0, 0, LinkLimits.HelloBytes + 1).WriteTo(header);
        var hello = new ReadOnlySequence<byte>(header);
        Assert.Throws<LinkException>(() => FrameReader.TryRead(ref hello, out _));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1000)]
    [InlineData(LinkLimits.FramePayloadBytes)]
    [InlineData((3 * LinkLimits.FramePayloadBytes) + 17)]
    public void An_offer_of_any_size_comes_out_whole(int requestBytes)
    {
        var offer = new Messages.Offer
        {
            Attempt = "token",
            Task = "task_1",
            Kind = "chat",
            Model = "m",
        };
        var request = new byte[requestBytes];
        new Random(1).NextBytes(request);
        var output = new ArrayBufferWriter<byte>();
        OfferPayload.Write(output, 5, offer, request);

        var whole = new MemoryStream();
        var rest = new ReadOnlySequence<byte>(output.WrittenMemory);
        var more = true;
        while (FrameReader.TryRead(ref rest, out var frame))
        {
            Assert.True(more);
            more = (frame.Header.Flags & FrameHeader.More) != 0;
            whole.Write(frame.Payload.ToArray());
        }

        var (read, body) = OfferPayload.Read(whole.ToArray());
        Assert.False(more);
        Assert.Equal(offer, read);
        Assert.True(body.Span.SequenceEqual(request));
    }

    [Fact]
    public async Task Frames_put_in_while_a_flush_waits_go_out_together_and_in_order()
    {
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 1, resumeWriterThreshold: 1));
        var outbox = new FrameOutbox(pipe.Writer, TimeProvider.System, () => { });
        outbox.Write(FrameType.Ack, 0);
        outbox.Flush();
        for (var i = 1u; i < 100; i++)
        {
            outbox.Write(FrameType.Ack, i);
            outbox.Flush();
        }

        var ending = outbox.CompleteAsync(TimeSpan.FromSeconds(30));
        var reads = new List<int>();
        var seen = new List<uint>();
        while (true)
        {
            var read = await pipe.Reader.ReadAsync(TestContext.Current.CancellationToken);
            var buffer = read.Buffer;
            while (FrameReader.TryRead(ref buffer, out var frame))
            {
                seen.Add(frame.Header.Attempt);
            }

            pipe.Reader.AdvanceTo(buffer.Start, buffer.End);
            reads.Add(seen.Count);
            if (read.IsCompleted)
            {
                break;
            }
        }

        await ending;
        Assert.Equal(Enumerable.Range(0, 100).Select(static i => (uint)i), seen);
        Assert.Equal([1, 100], reads.Distinct());
    }

    [Fact]
    public async Task An_end_that_reads_no_more_is_noticed_once()
    {
        var broken = 0;
        var pipe = new Pipe();
        var outbox = new FrameOutbox(pipe.Writer, TimeProvider.System, () => broken++);
        await pipe.Reader.CompleteAsync();

        outbox.Write(FrameType.Heartbeat);
        outbox.Flush();
        outbox.Write(FrameType.Heartbeat);
        outbox.Flush();
        await outbox.CompleteAsync(TimeSpan.FromSeconds(1));

        Assert.Equal(1, broken);
    }

    private static ReadOnlySequence<byte> Cut(ReadOnlyMemory<byte> bytes, int chunk)
    {
        if (bytes.IsEmpty)
        {
            return ReadOnlySequence<byte>.Empty;
        }

        var first = new Segment(bytes[..Math.Min(chunk, bytes.Length)], null);
        var last = first;
        for (var at = chunk; at < bytes.Length; at += chunk)
        {
            last = new Segment(bytes.Slice(at, Math.Min(chunk, bytes.Length - at)), last);
        }

        return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(ReadOnlyMemory<byte> memory, Segment? before)
        {
            Memory = memory;
            if (before is not null)
            {
                before.Next = this;
                RunningIndex = before.RunningIndex + before.Memory.Length;
            }
        }
    }
}
