using System.Buffers;
using System.Text;
using Microsoft.Extensions.Time.Testing;
using Pollard.Gateway.Hosts;
using Pollard.Protocol.HostLink;

namespace Pollard.Gateway.Tests.Hosts;

/// <summary>A large request on a slow wire: the link is not given up and the offer not taken back while the wire takes something.</summary>
public sealed class SlowWireTests
{
    private static readonly string Request = $$"""{"image":"{{new string('x', 3_000_000)}}"}""";
    private readonly FakeTimeProvider _clock = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_offer_waits_for_its_last_piece_on_a_wire_that_is_slow()
    {
        await using var gateway = await LinkGateway.StartAsync(time: _clock);
        var link = await RawLink.OpenAsync(gateway);
        link.Say(FrameType.Pong);
        link.TakeAll();
        await gateway.SubmitAsync(request: Request);

        uint handle = 0;
        var isWhole = false;
        while (!isWhole)
        {
            for (var second = 0; second < 3; second++)
            {
                link.Say(FrameType.Pong); // It lives; its wire is slow in the other direction.
                _clock.Advance(TimeSpan.FromSeconds(1));
            }

            var (header, _) = await link.UntilAsync(FrameType.Offer); // Another quarter of a megabyte is here.
            handle = header.Attempt;
            isWhole = (header.Flags & FrameHeader.More) == 0;
        }

        link.Say(FrameType.Accept, handle: handle);
        link.Say(FrameType.Finish, "{}", handle);

        await link.UntilAsync(FrameType.Ack); // Had it been taken back or the link given up, none would come.
        link.End();
    }

    [Fact]
    public async Task On_carrier_C_an_offer_leaves_with_the_answer_that_ended()
    {
        await using var gateway = await LinkGateway.StartAsync(time: _clock);
        using var session = await OpenTurnsAsync(gateway);
        await gateway.SubmitAsync();
        var answer = await HoldAsync(session);
        Assert.Contains(FrameType.Offer, Types(answer.Frames));

        Turn(session, seconds: 8); // The answer crawls over the wire.
        session.Answered(answer);
        Turn(session, seconds: 3);
        Assert.Empty((await HoldAsync(session)).Frames);
        Turn(session, seconds: 3); // An offer stands for 5 seconds from when it left, and for 12 in all.

        Assert.Equal(FrameType.Fenced, Types((await HoldAsync(session)).Frames)[0]);
    }

    [Fact]
    public async Task On_carrier_C_a_large_request_comes_in_answers_of_whole_frames_and_of_bounded_size()
    {
        await using var gateway = await LinkGateway.StartAsync(time: _clock);
        using var session = await OpenTurnsAsync(gateway);
        await gateway.SubmitAsync(request: Request);

        var parts = new List<byte>();
        var isWhole = false;
        while (!isWhole)
        {
            var answer = await HoldAsync(session);
            Assert.InRange(answer.Frames.Length, 1, 1024 * 1024);
            var rest = new ReadOnlySequence<byte>(answer.Frames);
            while (FrameReader.TryRead(ref rest, out var frame))
            {
                Assert.Equal(FrameType.Offer, frame.Header.Type);
                parts.AddRange(frame.Payload.ToArray());
                isWhole = (frame.Header.Flags & FrameHeader.More) == 0;
            }

            Assert.True(rest.IsEmpty);
        }

        Assert.Equal(Request, Encoding.UTF8.GetString(OfferPayload.Read(parts.ToArray()).Request.Span));
    }

    private async Task<TurnSession> OpenTurnsAsync(LinkGateway gateway)
    {
        var session = new TurnSession(gateway.Server, new LinkPeer("slow", "slow", LinkCarrier.Turn));
        var hello = new ArrayBufferWriter<byte>();
        FrameWriter.Write(hello, FrameType.Hello, 0, Encoding.UTF8.GetBytes(RawLink.Hello));
        await session.HandInAsync(hello.WrittenSpan.ToArray(), 0, Token);
        var answer = await HoldAsync(session);
        Assert.Equal(FrameType.HelloOk, Types(answer.Frames)[0]);
        session.Answered(answer);
        return session;
    }

    private async Task<TurnAnswer> HoldAsync(TurnSession session)
    {
        var holding = session.HoldAsync(TimeSpan.FromMilliseconds(50), turn: null, Token);
        for (var i = 0; i < 100 && !holding.IsCompleted; i++)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System, Token); // What comes, comes on other threads.
        }

        while (!holding.IsCompleted)
        {
            _clock.Advance(TimeSpan.FromMilliseconds(1)); // Little: what takes long on a slow machine must not take long here.
            await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System, Token);
        }

        return (await holding)!.Value;
    }

    private void Turn(TurnSession session, int seconds)
    {
        for (var second = 0; second < seconds; second++)
        {
            session.Session.Touch();
            _clock.Advance(TimeSpan.FromSeconds(1));
        }
    }

    private static List<FrameType> Types(byte[] frames)
    {
        var types = new List<FrameType>();
        var rest = new ReadOnlySequence<byte>(frames);
        while (FrameReader.TryRead(ref rest, out var frame))
        {
            types.Add(frame.Header.Type);
        }

        return types;
    }
}
