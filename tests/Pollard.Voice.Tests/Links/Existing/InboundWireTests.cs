using Microsoft.Extensions.Time.Testing;
using Pollard.Voice.Links;
using Pollard.Voice.Links.Existing;

namespace Pollard.Voice.Tests.Links.Existing;

/// <summary>Existing inbound services and our speech-to-text: they ask by datagram, listen at the call's port, and say an utterance a frame.</summary>
public sealed class InboundWireTests : WireTest
{
    private readonly RawDatagrams _asking = new();

    [Fact]
    public async Task Each_frame_is_an_utterance_and_what_was_heard_is_written_back()
    {
        var source = Listen();
        using var inbound = new RawPeer(InboundPort);
        var (link, peer) = await CallAsync(source, inbound);
        using (peer)
        {
            peer.Write(FrameOf(BytesOf(0.5f, float.NaN)));
            var first = await NextAsync(link);
            Assert.Equal((FrameKind.Audio, 16_000, 1u), (first.Kind, first.Rate, first.Chunk));
            Assert.Equal([0.5f, 0f], SoundOf(first));
            var end = await NextAsync(link);
            Assert.Equal((FrameKind.End, first.Mark.Turn), (end.Kind, end.Mark.Turn));
            peer.Write(FrameOf(BytesOf(0.25f)));
            Assert.Equal(first.Mark with { Turn = first.Mark.Turn + 1 }, (await NextAsync(link)).Mark);
            await NextAsync(link);

            Assert.True(link.TrySend(Sign(FrameKind.Ready)));
            Assert.True(link.TrySend(Sign(FrameKind.Done, first.Mark)));
            Assert.True(link.TrySend(Text("hello")));
            Assert.Equal("hello", await peer.TextAsync());
        }
    }

    [Fact]
    public async Task A_call_that_is_over_by_either_sign_is_a_new_one_when_its_id_is_dialled_again()
    {
        var source = Listen();
        using var inbound = new RawPeer(InboundPort);
        foreach (var isTold in (bool[])[true, false, true])
        {
            var (link, peer) = await CallAsync(source, inbound);
            using (peer)
            {
                _asking.Send(source.At.Port, "BYE:4"); // It overtakes what was said last.
                peer.Write(FrameOf(BytesOf(0.5f)));
                if (isTold)
                {
                    peer.Write(NumberOf(uint.MaxValue));
                }

                Assert.Equal(FrameKind.Audio, (await NextAsync(link)).Kind);
                Assert.Equal(FrameKind.End, (await NextAsync(link)).Kind);
                await EndAsync(link);
            }
        }
    }

    [Fact]
    public async Task One_that_cannot_be_reached_keeps_no_other_waiting()
    {
        var source = Listen();
        _asking.Send(source.At.Port, "REGISTER:8"); // Nobody listens there.
        var unreachable = await NextAsync(source);
        using var inbound = new RawPeer(InboundPort);
        var (link, peer) = await CallAsync(source, inbound);
        using (peer)
        {
            peer.Write(FrameOf(BytesOf(0.5f)));
            Assert.Equal(FrameKind.Audio, (await NextAsync(link)).Kind);
            Assert.Equal("8", unreachable.Call.ToString());
            Assert.Contains(source.Look(), static one => one is { State: LinkState.Connecting });
        }
    }

    [Theory]
    [InlineData("001e8484")] // More than 2,000,000 bytes.
    [InlineData("00000006aabb")] // No whole samples.
    [InlineData("0000000841")] // And then the end, in the middle.
    [InlineData("00000000")] // An end of the connection alone.
    public async Task What_is_no_frame_breaks_the_connection_and_not_the_call(string hex)
    {
        var source = Listen();
        using var inbound = new RawPeer(InboundPort);
        var (link, peer) = await CallAsync(source, inbound);
        peer.Write(Convert.FromHexString(hex));
        peer.Dispose();

        using var again = await inbound.AcceptAsync();
        again.Write(FrameOf("4"));
        again.Write(FrameOf(BytesOf(0.5f)));
        Assert.Equal(BytesOf(0.5f), (await NextAsync(link)).Payload.ToArray());
    }

    [Fact]
    public async Task One_that_is_of_another_call_is_let_go_and_called_again()
    {
        var source = Listen();
        using var inbound = new RawPeer(InboundPort);
        _asking.Send(source.At.Port, "REGISTER:4");
        using (var other = await inbound.AcceptAsync())
        {
            other.Write(FrameOf("5"));
            Assert.Empty(await other.ReadAsync(1));
        }

        using var peer = await inbound.AcceptAsync();
        peer.Write(FrameOf("4"));
        peer.Write(FrameOf(BytesOf(0.5f)));
        Assert.Equal(BytesOf(0.5f), (await NextAsync(await NextAsync(source))).Payload.ToArray());
    }

    [Fact]
    public async Task A_flood_of_registrations_is_one_call_and_ids_without_a_port_are_none()
    {
        var source = Listen();
        using var inbound = new RawPeer(InboundPort);
        _asking.Send(source.At.Port, "REGISTER:4294967295");
        for (var i = 0; i < 1_000; i++)
        {
            _asking.Send(source.At.Port, "REGISTER:4");
        }

        var (link, peer) = await CallAsync(source, inbound);
        using (peer)
        {
            peer.Write(FrameOf(BytesOf(0.5f)));
            Assert.Equal(FrameKind.Audio, (await NextAsync(link)).Kind);
            Assert.Equal("4", Assert.Single(source.Look()).Call.ToString());
            Assert.False(source.Came.TryRead(out _));
        }
    }

    [Fact]
    public async Task One_that_never_comes_back_is_forgotten_in_the_end()
    {
        var clock = new FakeTimeProvider();
        var source = Serve(Wires(setup => setup with { Link = setup.Link with { Time = clock } }).Inbound(Here(0)));
        _asking.Send(source.At.Port, "REGISTER:4");
        var link = await NextAsync(source);
        clock.Advance(TimeSpan.FromSeconds(299));
        Assert.False(link.Incoming.Completion.IsCompleted);
        clock.Advance(TimeSpan.FromSeconds(1));
        await EndAsync(link);
        while (source.Look().Count > 0)
        {
            clock.Advance(TimeSpan.FromMilliseconds(100)); // It would say its last words.
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, Token);
        }
    }

    private RegisteredCalls Listen() => Serve(Wires().Inbound(Here(0)));

    /// <summary>Asks until it is connected to, as inbound services do, and says whose the connection is.</summary>
    private async Task<(ICallLink Link, RawPeer Peer)> CallAsync(RegisteredCalls source, RawPeer inbound)
    {
        var connected = inbound.AcceptAsync();
        while (!connected.IsCompleted)
        {
            _asking.Send(source.At.Port, "REGISTER:4");
            await Task.WhenAny(connected, Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System, Token));
        }

        var peer = await connected;
        peer.Write(FrameOf("4"));
        return (await NextAsync(source), peer);
    }
}
