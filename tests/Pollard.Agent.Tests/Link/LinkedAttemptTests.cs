using System.Text;
using Microsoft.Extensions.Time.Testing;
using Pollard.Agent.Backends;
using Pollard.Agent.Sources.Gateway;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Tests.Link;

/// <summary>Output of one attempt: gathered, held to its credit, kept until it is acknowledged, sent again.</summary>
public sealed class LinkedAttemptTests
{
    private readonly FakeTimeProvider _clock = new();
    private readonly List<LinkedAttempt> _over = [];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_first_token_goes_at_once_and_the_next_ones_gather()
    {
        var wire = new Wire(_clock);
        var attempt = Attempt(wire, stream: true);

        await WriteAsync(attempt, "a");
        await WriteAsync(attempt, "b");
        await WriteAsync(attempt, "c");
        var before = wire.Take();
        _clock.Advance(TimeSpan.FromMilliseconds(5));

        Assert.Equal(["Delta 0 a"], before);
        Assert.Equal(["Delta 1 bc"], wire.Take());
    }

    [Fact]
    public async Task A_slow_stream_is_never_held_back()
    {
        var wire = new Wire(_clock);
        var attempt = Attempt(wire, stream: true);

        foreach (var token in (string[])["a", "b", "c"])
        {
            await WriteAsync(attempt, token);
            _clock.Advance(TimeSpan.FromMilliseconds(20));
        }

        Assert.Equal(["Delta 0 a", "Delta 1 b", "Delta 2 c"], wire.Take());
    }

    [Fact]
    public async Task What_nobody_reads_along_gathers_until_the_end()
    {
        var wire = new Wire(_clock);
        var attempt = Attempt(wire, stream: false);

        await WriteAsync(attempt, "a");
        await WriteAsync(attempt, "b");
        attempt.End(WorkResult.Finished(new Messages.Finish()));

        Assert.Equal(["Delta 0 ab", "Finish 1", "Free"], wire.Take());
    }

    [Fact]
    public async Task Kinds_and_choices_keep_their_order()
    {
        var wire = new Wire(_clock);
        var attempt = Attempt(wire, stream: false);

        await WriteAsync(attempt, "think", DeltaKind.Reasoning);
        await WriteAsync(attempt, "say");
        await WriteAsync(attempt, "other", choice: 1);
        await WriteAsync(attempt, "{}", DeltaKind.ToolCall);
        await WriteAsync(attempt, "{}", DeltaKind.ToolCall);
        attempt.End(WorkResult.Finished(new Messages.Finish()));

        Assert.Equal(
            ["Delta 0 think", "Delta 1 say", "Delta 2 other", "Delta 3 {}", "Delta 4 {}", "Finish 5", "Free"],
            wire.Take()
        );
    }

    [Fact]
    public async Task Credit_stops_a_fast_sender()
    {
        var wire = new Wire(_clock);
        var attempt = Attempt(wire, stream: true, creditBytes: 100_000);
        var piece = new string('x', 10_000);
        var written = 0;
        Task writing;
        do
        {
            writing = WriteAsync(attempt, piece);
            written += piece.Length;
        } while (writing.IsCompleted);

        var sent = wire.TakeBytes();
        attempt.AddCredit(100_000);
        await writing.WaitAsync(TimeSpan.FromSeconds(30), TimeProvider.System, Token);

        Assert.InRange(sent, 1, 100_000);
        Assert.InRange(written, 100_000, 100_000 + (64 * 1024) + (2 * piece.Length));
        Assert.Equal(written, sent + wire.TakeBytes());
    }

    [Fact]
    public async Task A_new_session_sends_from_where_the_gateway_is()
    {
        var first = new Wire(_clock);
        var attempt = Attempt(first, stream: true);
        foreach (var token in (string[])["a", "b", "c", "d"])
        {
            await WriteAsync(attempt, token);
            _clock.Advance(TimeSpan.FromMilliseconds(20));
        }

        attempt.Acknowledge(1);
        attempt.Detach(first.Outbox);
        await WriteAsync(attempt, "e");
        attempt.End(WorkResult.Finished(new Messages.Finish()));
        var resume = attempt.Resume;
        var second = new Wire(_clock);
        attempt.Attach(second.Outbox, handle: 9, nextSeq: 2, creditBytes: 1000);

        Assert.Equal((1, 6), (resume.LastAckedSeq, resume.LastSentSeq));
        Assert.Equal(["Delta 2 c", "Delta 3 d", "Delta 4 e", "Finish 5", "Free"], second.Take());
        Assert.Empty(_over);
        attempt.Acknowledge(6);
        Assert.Single(_over);
    }

    [Fact]
    public async Task A_new_session_sends_no_more_than_its_credit()
    {
        var first = new Wire(_clock);
        var attempt = Attempt(first, stream: true, creditBytes: 100_000);
        for (var i = 0; i < 9; i++)
        {
            await WriteAsync(attempt, new string('x', 10_000));
        }

        var received = attempt.Resume.LastSentSeq;
        attempt.Detach(first.Outbox);
        for (var i = 0; i < 5; i++)
        {
            await WriteAsync(attempt, new string('y', 10_000));
        }

        var second = new Wire(_clock);
        attempt.Attach(second.Outbox, 2, nextSeq: received, creditBytes: 20_000, windowBytes: 100_000);
        await WriteAsync(attempt, new string('z', 5_000));
        var sent = second.TakeBytes();
        attempt.AddCredit(60_000);

        Assert.InRange(sent, 0, 20_000);
        Assert.Equal(55_000, sent + second.TakeBytes());
    }

    [Fact]
    public async Task A_frame_that_fits_in_no_credit_that_may_come_is_sent_all_the_same()
    {
        var wire = new Wire(_clock);
        var attempt = Attempt(wire, stream: true);
        await WriteAsync(attempt, new string('x', 30_000)); // Read at once, but credit comes by the quarter of the window.

        await WriteAsync(attempt, new string(' ', LinkLimits.FramePayloadBytes), DeltaKind.ToolCall);

        Assert.Equal(30_000 + LinkLimits.FramePayloadBytes, wire.TakeBytes());
    }

    [Fact]
    public async Task What_was_received_but_not_kept_can_still_be_sent_again()
    {
        var first = new Wire(_clock);
        var attempt = Attempt(first, stream: false);
        await WriteAsync(attempt, "a");
        attempt.End(WorkResult.Finished(new Messages.Finish()));
        attempt.Detach(first.Outbox);

        var second = new Wire(_clock);
        attempt.Attach(second.Outbox, 2, nextSeq: 2, creditBytes: 1000); // All was received.
        attempt.Detach(second.Outbox);
        var third = new Wire(_clock);
        attempt.Attach(third.Outbox, 3, nextSeq: 0, creditBytes: 1000); // Then the gateway died before it was on disk.

        Assert.Equal(["Delta 0 a", "Finish 1", "Free"], third.Take());
    }

    [Fact]
    public async Task A_stopped_attempt_says_only_that_its_slot_is_free()
    {
        var wire = new Wire(_clock);
        var attempt = Attempt(wire, stream: true);
        await WriteAsync(attempt, "a");
        wire.Take();

        attempt.Stop();
        await WriteAsync(attempt, "b");
        attempt.End(result: null);

        Assert.Equal(["Free"], wire.Take());
        Assert.Single(_over);
    }

    [Fact]
    public async Task A_writer_that_waits_for_credit_goes_on_when_its_attempt_is_stopped()
    {
        var attempt = Attempt(new Wire(_clock), stream: true, creditBytes: 0);
        Task writing;
        do
        {
            writing = WriteAsync(attempt, new string('x', 10_000));
        } while (writing.IsCompleted);

        attempt.Stop();

        await writing.WaitAsync(TimeSpan.FromSeconds(30), TimeProvider.System, Token);
    }

    private LinkedAttempt Attempt(Wire wire, bool stream, int creditBytes = LinkLimits.CreditWindowBytes)
    {
        var offer = new Messages.Offer
        {
            Attempt = "token",
            Task = "task_1",
            Kind = "chat",
            Model = "m",
            Stream = stream,
        };
        var attempt = new LinkedAttempt(new WorkItem(offer, default), _clock, _over.Add);
        attempt.Attach(wire.Outbox, 1, 0, creditBytes);
        return attempt;
    }

    private static Task WriteAsync(
        LinkedAttempt attempt,
        string text,
        DeltaKind kind = DeltaKind.Content,
        ushort choice = 0
    ) => attempt.WriteAsync(kind, choice, Encoding.UTF8.GetBytes(text), Token).AsTask();
}
