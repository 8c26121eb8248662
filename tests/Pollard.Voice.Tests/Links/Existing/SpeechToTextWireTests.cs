using System.Net;
using Pollard.Voice.Links;

namespace Pollard.Voice.Tests.Links.Existing;

/// <summary>Our inbound and an existing speech-to-text service: it is asked by datagram, connects once for each, and hears utterances.</summary>
public sealed class SpeechToTextWireTests : WireTest
{
    private readonly RawDatagrams _service = new();

    [Fact]
    public async Task It_is_asked_connects_hears_an_utterance_as_one_frame_and_is_told_the_end_in_the_order_it_knows()
    {
        var link = Run(Wires().SpeechToText(_service.At)).Open(Call);
        Assert.Equal("REGISTER:4", await _service.HearAsync());
        using var whisper = await RawPeer.ConnectAsync(InboundPort);
        Assert.Equal([0, 0, 0, 1, (byte)'4'], await whisper.ReadAsync(5));

        Assert.Equal(FrameKind.Ready, (await NextAsync(link)).Kind);
        Assert.True(link.TrySend(Sign(FrameKind.Hold)));
        Assert.True(link.TrySend(new LinkFrame(FrameKind.Key, "5"u8.ToArray(), Chunk: 9))); // It has no word for it, and is not asked for one.
        Assert.Equal((FrameKind.KeyDone, 9u), await NextAsync(link) is var done ? (done.Kind, done.Chunk) : default);
        Assert.True(link.TrySend(Audio([0.5f, float.NaN], 16_000, new(7, 0, 1), 1)));
        Assert.True(link.TrySend(Audio([2f], 16_000, new(7, 0, 1), 2)));
        Assert.True(link.TrySend(Audio([-0.25f], 16_000, new(7, 0, 2), 1)));
        Assert.True(link.TrySend(Sign(FrameKind.End, new(7, 0, 0))));

        var utterance = FrameOf(BytesOf(0.5f, 0f, 1f, -0.25f));
        Assert.Equal(utterance, await whisper.ReadAsync(utterance.Length));
        Assert.Equal((FrameKind.Done, 7u), await KindAndTurnAsync(link));
        whisper.Write(FrameOf("hello"));
        var heard = await NextAsync(link);
        Assert.Equal(("hello", 7u, Call), (TextOf(heard), heard.Mark.Turn, heard.Call));

        link.Close();
        await _service.UntilAsync("BYE:4");
        Assert.Equal([0xff, 0xff, 0xff, 0xff], await whisper.ReadAsync(5));
        Assert.False(link.TrySend(Sign(FrameKind.Hold)));
    }

    [Fact]
    public async Task One_that_is_lost_in_the_middle_is_asked_again_and_hears_what_was_said_meanwhile()
    {
        var link = Run(Wires().SpeechToText(_service.At)).Open(Call);
        await _service.UntilAsync("REGISTER:4"); // It has this one try for each, and is not quick enough for it.
        await _service.UntilAsync("REGISTER:4");
        using (var whisper = await RawPeer.ConnectAsync(InboundPort))
        {
            await whisper.HelloAsync();
            whisper.Kill();
        }

        Say(link, turn: 1, 0.5f);
        while (_service.Pending > 0)
        {
            await _service.HearAsync();
        }

        Assert.Equal("REGISTER:4", await _service.HearAsync());
        using var again = await RawPeer.ConnectAsync(InboundPort);
        await again.HelloAsync();
        Assert.Equal(FrameOf(BytesOf(0.5f)), await again.ReadAsync(8));
    }

    [Fact]
    public async Task An_utterance_that_is_too_long_for_a_frame_is_several()
    {
        var link = Run(Wires().SpeechToText(_service.At)).Open(Call);
        await _service.UntilAsync("REGISTER:4");
        using var whisper = await RawPeer.ConnectAsync(InboundPort);
        await whisper.HelloAsync();
        var second = new float[16_000];
        for (var part = 1u; part <= 33; part++)
        {
            second.AsSpan().Fill(part / 100f);
            Assert.True(link.TrySend(Audio(second, 16_000, new(1, 0, part), 1)));
        }

        Assert.True(link.TrySend(Sign(FrameKind.End, new(1, 0, 0))));
        Assert.Equal(NumberOf(2_000_000), await whisper.ReadAsync(4));
        Assert.Equal(BytesOf(0.01f), (await whisper.ReadAsync(2_000_000))[..4]);
        Assert.Equal(NumberOf(112_000), await whisper.ReadAsync(4));
        Assert.Equal(BytesOf(0.33f), (await whisper.ReadAsync(112_000))[^4..]);
    }

    [Fact]
    public async Task One_that_is_said_again_from_its_beginning_is_heard_once()
    {
        var link = Run(Wires().SpeechToText(_service.At)).Open(Call);
        await _service.UntilAsync("REGISTER:4");
        using var whisper = await RawPeer.ConnectAsync(InboundPort);
        await whisper.HelloAsync();
        link.TrySend(Audio([0.1f], 16_000, new(1, 0, 1), 1));
        link.TrySend(Audio([0.2f], 16_000, new(1, 0, 2), 1));
        Say(link, turn: 1, 0.3f);
        Say(link, turn: 1, 0.3f); // As a stage does that has no sign of it yet when the service is ready.
        Say(link, turn: 2, 0.4f);
        Assert.Equal(FrameOf(BytesOf(0.3f)), await whisper.ReadAsync(8));
        Assert.Equal(FrameOf(BytesOf(0.4f)), await whisper.ReadAsync(8));

        Assert.Throws<FrameException>(() => link.TrySend(Audio([0.1f], 8_000, new(3, 0, 1), 1)));
    }

    [Fact]
    public async Task A_call_whose_ports_another_program_has_gets_the_next_number()
    {
        using var other = new RawPeer(InboundPort); // Outbound of an adjacent call, as existing services reckon.
        var target = Run(Wires().SpeechToText(_service.At));
        target.Open(Call);
        var asked = await _service.HearAsync();
        Assert.StartsWith("REGISTER:", asked, StringComparison.Ordinal);
        var number = int.Parse(asked["REGISTER:".Length..], System.Globalization.CultureInfo.InvariantCulture);
        Assert.True(number is > 4 and < 40 && number % 2 == 0);

        using var whisper = await RawPeer.ConnectAsync(InboundPort - 4 + number);
        Assert.Equal($"{number}", await whisper.HelloAsync());
        Assert.Throws<InvalidOperationException>(() => target.Open(Call)); // It has the call already.
    }

    [Fact]
    public async Task Who_is_not_allowed_hears_nothing_of_a_caller()
    {
        Run(
                Wires(static setup => setup with { Allows = static from => from.Equals(IPAddress.Parse("192.0.2.1")) })
                    .SpeechToText(_service.At)
            )
            .Open(Call);
        using var other = await RawPeer.ConnectAsync(InboundPort);
        Assert.Empty(await other.ReadAsync(1));
    }

    [Fact]
    public async Task An_id_can_be_dialled_again_at_once()
    {
        var target = Run(Wires().SpeechToText(_service.At));
        for (var call = 1; call <= 3; call++)
        {
            var link = target.Open(Call);
            await _service.UntilAsync("REGISTER:4");
            using var whisper = await RawPeer.ConnectAsync(InboundPort);
            Assert.Equal("4", await whisper.HelloAsync());
            Say(link, turn: 1, 0.5f);
            Assert.Equal(FrameOf(BytesOf(0.5f)), await whisper.ReadAsync(8));
            link.Close();
            await _service.UntilAsync("BYE:4");
        }
    }

    private static void Say(ICallLink link, uint turn, float sample)
    {
        Assert.True(link.TrySend(Audio([sample], 16_000, new(turn, 0, 1), 1)));
        Assert.True(link.TrySend(Sign(FrameKind.End, new(turn, 0, 0))));
    }

    private static async Task<(FrameKind, uint)> KindAndTurnAsync(ICallLink link) =>
        await NextAsync(link) is var frame ? (frame.Kind, frame.Mark.Turn) : default;
}
