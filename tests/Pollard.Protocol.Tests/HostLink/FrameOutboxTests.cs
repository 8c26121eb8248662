using System.IO.Pipelines;
using Microsoft.Extensions.Time.Testing;
using Pollard.Protocol.HostLink;

namespace Pollard.Protocol.Tests.HostLink;

/// <summary>The sending half of a link on a wire that is slow, stands still or breaks.</summary>
public sealed class FrameOutboxTests
{
    private const int WireBytes = 64 * 1024;
    private readonly FakeTimeProvider _clock = new();
    private readonly Pipe _wire = new(
        new PipeOptions(
            readerScheduler: PipeScheduler.Inline,
            writerScheduler: PipeScheduler.Inline,
            pauseWriterThreshold: WireBytes,
            resumeWriterThreshold: WireBytes / 2,
            useSynchronizationContext: false
        )
    );

    [Fact]
    public void A_slow_wire_that_still_takes_something_is_not_stuck()
    {
        var outbox = new FrameOutbox(_wire.Writer, _clock, () => { });
        var left = new List<long>();
        outbox.WriteOffer(1, Offer(), new byte[10 * WireBytes]);
        var whole = outbox.WrittenBytes;
        outbox.Flush();

        while (outbox.SentBytes < whole)
        {
            _clock.Advance(TimeSpan.FromSeconds(10));
            Assert.Equal(10, outbox.Stuck.TotalSeconds);
            left.Add(outbox.SentBytes);
            Take();
        }

        Assert.Equal(TimeSpan.Zero, outbox.Stuck);
        Assert.Equal(whole, outbox.SentBytes);
        Assert.True(left.Count >= 5);
        Assert.Equal(left.Distinct().Order(), left);
    }

    [Fact]
    public void A_wire_that_takes_nothing_is_stuck_since_its_last_piece()
    {
        var outbox = new FrameOutbox(_wire.Writer, _clock, () => { });
        outbox.WriteOffer(1, Offer(), new byte[10 * WireBytes]);
        outbox.Flush();

        _clock.Advance(TimeSpan.FromSeconds(10));
        Take();
        _clock.Advance(TimeSpan.FromSeconds(7));
        outbox.Write(FrameType.Ping);
        outbox.Flush();
        _clock.Advance(TimeSpan.FromSeconds(7));

        Assert.Equal(14, outbox.Stuck.TotalSeconds);
    }

    [Fact]
    public void A_wire_that_breaks_within_a_frame_is_told_of_once_and_takes_nothing_more()
    {
        var broken = 0;
        var outbox = new FrameOutbox(_wire.Writer, _clock, () => broken++);
        outbox.WriteOffer(1, Offer(), new byte[10 * WireBytes]);
        outbox.Flush();

        Take();
        _wire.Reader.Complete();
        outbox.Write(FrameType.Ping);
        outbox.Flush();

        Assert.Equal(1, broken);
        Assert.Equal(TimeSpan.Zero, outbox.Stuck);
    }

    private void Take()
    {
        Assert.True(_wire.Reader.TryRead(out var read));
        _wire.Reader.AdvanceTo(read.Buffer.End);
    }

    private static Messages.Offer Offer() =>
        new()
        {
            Attempt = "a",
            Task = "t",
            Kind = "chat",
            Model = "m",
        };
}
