using System.Buffers.Binary;
using Microsoft.Extensions.Time.Testing;
using Pollard.Voice.Links;
using Pollard.Voice.Links.Existing;

namespace Pollard.Voice.Tests.Links.Existing;

/// <summary>
/// Our text-to-speech and existing outbound services of both generations, which drop the oldest of more than twelve seconds, and what has a
/// number that is not higher than the last of the call.
/// </summary>
public sealed class SpeechOutWireTests : WireTest
{
    private const int Rate = 8_000;
    private const int PieceBytes = Rate / 5 * sizeof(float); // 200 ms.
    private static readonly byte[] PieceHead = [.. NumberOf(PieceBytes), .. NumberOf(Rate)];
    private readonly FakeTimeProvider _clock = new(DateTimeOffset.FromUnixTimeSeconds(1_800_000_000));
    private ICallTarget? _target;
    private uint _last; // The number of the last piece that the service took.

    [Fact]
    public async Task It_gets_no_more_than_it_will_play_soon_and_what_was_heard_is_reckoned_by_the_clock()
    {
        using var service = new RawPeer(OutboundPort);
        var link = Open();
        using var outbound = await AcceptAsync(service);
        Say(link, sentence: 1, seconds: 20); // Which would be too much for it.
        Say(link, sentence: 2, seconds: 1);
        link.TrySend(Sign(FrameKind.End, new(1, 0, 0))); // Of the answer.
        await TakeAsync(outbound, pieces: 11); // Two seconds ahead, and the piece that goes over.
        Assert.Equal(0, outbound.Pending);
        for (var piece = 12; piece <= 105; piece++)
        {
            _clock.Advance(TimeSpan.FromMilliseconds(200));
            await TakeAsync(outbound, pieces: 1);
        }

        Assert.False(link.Incoming.TryRead(out _)); // The last is sent and not heard: there are 2.2 s to come.
        _clock.Advance(TimeSpan.FromMilliseconds(1_200));
        Assert.Equal((FrameKind.Played, 1u), await KindAndSentenceAsync(link));
        Assert.False(link.Incoming.TryRead(out _));
        _clock.Advance(TimeSpan.FromMilliseconds(1_000));
        Assert.Equal((FrameKind.Played, 2u), await KindAndSentenceAsync(link));
        await CloseAsync(link);
    }

    [Fact]
    public async Task What_waits_is_dropped_when_the_caller_interrupts_and_it_is_said_how_much_of_it_was_heard()
    {
        using var service = new RawPeer(OutboundPort);
        var link = Open();
        using var outbound = await AcceptAsync(service);
        Say(link, sentence: 1, seconds: 1);
        Say(link, sentence: 2, seconds: 5);
        Say(link, sentence: 3, seconds: 1);
        await TakeAsync(outbound, pieces: 11);
        link.TrySend(Sign(FrameKind.Flush, new(2, 1, 0)));

        Assert.Equal((FrameKind.Played, 1u), await KindAndSentenceAsync(link));
        var cut = await NextAsync(link);
        Assert.Equal((FrameKind.Cut, 2u, 1_200u), (cut.Kind, cut.Mark.Sentence, cut.Chunk));
        cut = await NextAsync(link);
        Assert.Equal((FrameKind.Cut, 3u, 0u), (cut.Kind, cut.Mark.Sentence, cut.Chunk));
        Assert.True(link.TrySend(Sound(1, new(1, 0, 3)))); // It is late, and is not said.
        link.TrySend(Sound(1, new(2, 1, 1)));
        _clock.Advance(TimeSpan.FromMilliseconds(200));
        Assert.Equal(BytesOf(0.5f), (await TakeAsync(outbound, pieces: 1))[..4]);
        await CloseAsync(link);

        static LinkFrame Sound(int seconds, SpeechMark mark) =>
            Audio(Enumerable.Repeat(mark.Generation / 2f, seconds * Rate).ToArray(), Rate, mark, 1);
    }

    [Fact]
    public async Task Nothing_more_is_said_while_the_caller_seems_to_speak()
    {
        using var service = new RawPeer(OutboundPort);
        var link = Open();
        using var outbound = await AcceptAsync(service);
        link.TrySend(Sign(FrameKind.Hold));
        Say(link, sentence: 1, seconds: 1);
        await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, Token);
        Assert.Equal(0, outbound.Pending);
        link.TrySend(Sign(FrameKind.Resume));
        await TakeAsync(outbound, pieces: 5);
        link.TrySend(Sign(FrameKind.Hold)); // And whoever held is gone.
        Say(link, sentence: 2, seconds: 1);
        _clock.Advance(TimeSpan.FromSeconds(14));
        await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, Token);
        Assert.Equal(0, outbound.Pending);
        _clock.Advance(TimeSpan.FromSeconds(1));
        await TakeAsync(outbound, pieces: 5);
        await CloseAsync(link);
    }

    [Fact]
    public async Task A_sentence_that_another_engine_says_anew_goes_on_where_it_broke_off()
    {
        using var service = new RawPeer(OutboundPort);
        var link = Open();
        using var outbound = await AcceptAsync(service);
        var (mark, sound) = (new SpeechMark(1, 0, 1), new float[Rate * 2]);
        sound.AsSpan(Rate).Fill(0.5f);
        link.TrySend(Audio(sound.AsSpan(0, Rate), Rate, mark, 1));
        await TakeAsync(outbound, pieces: 5);
        link.TrySend(Audio(sound.AsSpan(0, Rate / 2), Rate, mark, 1));
        link.TrySend(Audio(sound.AsSpan(Rate / 2), Rate, mark, 2));
        Assert.Equal(BytesOf(0.5f), (await TakeAsync(outbound, pieces: 1))[..4]);
        await TakeAsync(outbound, pieces: 4);
        Assert.Equal(0, outbound.Pending);
        await CloseAsync(link);
    }

    [Fact]
    public async Task The_numbers_of_pieces_rise_as_long_as_the_call_lasts_whoever_is_started_anew()
    {
        using var service = new RawPeer(OutboundPort);
        var link = Open();
        using (var outbound = await AcceptAsync(service))
        {
            Say(link, sentence: 1, seconds: 1);
            await TakeAsync(outbound, pieces: 5);
            outbound.Kill();
        }

        Say(link, sentence: 2, seconds: 1);
        using (var again = await GoOnAsync(service.AcceptAsync()))
        {
            Assert.Equal("4", await again.HelloAsync());
            await TakeAsync(again, pieces: 5);
        }

        await CloseAsync(link);
        _clock.Advance(TimeSpan.FromSeconds(1)); // As if this process were another one.
        var next = Open();
        using var last = await service.AcceptAsync();
        Assert.Equal("4", await last.HelloAsync());
        Say(next, sentence: 1, seconds: 1);
        await TakeAsync(last, pieces: 5);
        await CloseAsync(next);
    }

    [Fact]
    public async Task One_of_the_second_generation_is_asked_connects_and_is_heard_when_it_is_of_this_call()
    {
        using var registrations = new RawDatagrams(RegisterPort);
        var link = Open(OutboundGeneration.Second);
        Assert.Equal("REGISTER:4", await registrations.HearAsync());
        using (var other = await RawPeer.ConnectAsync(OutboundPort))
        {
            other.Write(FrameOf("6"));
            Assert.Empty(await other.ReadAsync(1));
        }

        using var outbound = await RawPeer.ConnectAsync(OutboundPort);
        outbound.Write(FrameOf("4"));
        Say(link, sentence: 1, seconds: 1);
        await TakeAsync(outbound, pieces: 5);
        await CloseAsync(link);
        await registrations.UntilAsync("BYE:4");
        Assert.Equal([0xff, 0xff, 0xff, 0xff], await outbound.ReadAsync(5));
    }

    [Fact]
    public async Task Sound_that_the_wire_does_not_have_is_said_so_and_a_call_without_a_port_too()
    {
        using var service = new RawPeer(OutboundPort);
        var link = Open();
        Assert.Throws<FrameException>(() => link.TrySend(Audio([0.5f], 4_000, default, 1)));
        Assert.Throws<FrameException>(() => link.TrySend(new LinkFrame(FrameKind.Audio, new byte[3], Rate)));
        Assert.True(link.TrySend(Text("a caption")));
        await CloseAsync(link);

        var target = Run(Wires().Outbound("127.0.0.1", OutboundGeneration.Second));
        Assert.Throws<InvalidOperationException>(() => target.Open(CallId.Parse("65000")));
    }

    private ICallLink Open(OutboundGeneration generation = OutboundGeneration.First)
    {
        var wires = Wires(setup => setup with { Link = setup.Link with { Time = _clock } });
        _target = Run(wires.Outbound("127.0.0.1", generation));
        return _target.Open(Call);
    }

    private static async Task<RawPeer> AcceptAsync(RawPeer service)
    {
        var outbound = await service.AcceptAsync();
        Assert.Equal("4", await outbound.HelloAsync());
        return outbound;
    }

    private static void Say(ICallLink link, uint sentence, int seconds)
    {
        var mark = new SpeechMark(1, 0, sentence);
        Assert.True(link.TrySend(Audio(new float[seconds * Rate], Rate, mark, 1)));
        Assert.True(link.TrySend(Sign(FrameKind.End, mark)));
    }

    /// <summary>Takes pieces as the service does, of which none may be one that it would drop; gives the sound of the last.</summary>
    private async Task<byte[]> TakeAsync(RawPeer outbound, int pieces)
    {
        byte[] sound = [];
        for (; pieces > 0; pieces--)
        {
            Assert.Equal(PieceHead, await outbound.ReadAsync(8));
            var chunk = BinaryPrimitives.ReadUInt32BigEndian(await outbound.ReadAsync(4));
            Assert.True(chunk > _last);
            _last = chunk;
            sound = await outbound.ReadAsync(PieceBytes);
        }

        return sound;
    }

    private async Task CloseAsync(ICallLink link)
    {
        link.Close();
        while (_target!.Look().Count > 0)
        {
            await GoOnAsync(Task.FromResult(true)); // Its last words are bounded by the clock.
        }
    }

    /// <summary>Lets the clock go until something has happened.</summary>
    private async Task<T> GoOnAsync<T>(Task<T> happened)
    {
        do
        {
            _clock.Advance(TimeSpan.FromMilliseconds(10));
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, Token);
        } while (!happened.IsCompleted);

        return await happened;
    }

    private static async Task<(FrameKind, uint)> KindAndSentenceAsync(ICallLink link) =>
        await NextAsync(link) is var frame ? (frame.Kind, frame.Mark.Sentence) : default;
}
