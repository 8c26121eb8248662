using System.Globalization;
using Pollard.Voice.Audio;
using Pollard.Voice.Links;
using Pollard.Voice.Links.Existing;

namespace Pollard.Voice.Tests.Links.Existing;

/// <summary>Our outbound and existing services that speak, of both generations.</summary>
public sealed class SpeechInWireTests : WireTest
{
    private readonly RawDatagrams _service = new();
    private readonly HashSet<(RawDatagrams, string)> _asked = [];

    [Fact]
    public async Task One_that_is_asked_connects_says_a_sentence_a_connection_and_is_told_the_end()
    {
        var link = Open(OutboundGeneration.First);
        Assert.Equal("REGISTER:4", await _service.HearAsync());
        for (var sentence = 1u; sentence <= 2; sentence++)
        {
            using var kokoro = await ConnectAsync("4");
            kokoro.Write([.. SpokenOf(24_000, 1, BytesOf(0.5f, float.NaN)), .. SpokenOf(24_000, 2, BytesOf(2f))]);
            var first = await HearAsync(link);
            Assert.Equal(
                (FrameKind.Audio, 24_000, 1u, sentence),
                (first.Kind, first.Rate, first.Chunk, first.Mark.Sentence)
            );
            Assert.Equal(BytesOf(0.5f, 0f), first.Payload.ToArray());
            Assert.Equal(BytesOf(1f), (await HearAsync(link)).Payload.ToArray());
            kokoro.Write(NumberOf(0)); // These four bytes alone, and it closes.
            kokoro.Dispose();
            Assert.Equal((FrameKind.End, first.Mark), await KindAndMarkAsync(link));
        }

        using var last = await ConnectAsync("4");
        last.Write(SpokenOf(24_000, 1, BytesOf(0.5f)));
        await HearAsync(link);
        Assert.True(link.TrySend(Sign(FrameKind.Played)));
        link.Close();
        await _service.UntilAsync("BYE:4");
        Assert.Equal([0xff, 0xff, 0xff, 0xff], await last.ReadAsync(5));
    }

    [Fact]
    public async Task One_that_connects_when_it_first_has_something_to_say_is_heard()
    {
        var link = Open(OutboundGeneration.First);
        using var piper = await ConnectAsync("4"); // It does nothing with what asks it.
        piper.Write(SpokenOf(22_050, 41, BytesOf(0.5f)));
        var frame = await HearAsync(link);
        Assert.Equal((22_050, 41u), (frame.Rate, frame.Chunk));
    }

    [Fact]
    public async Task One_that_was_started_anew_in_a_sentence_begins_another_and_none_of_it_is_dropped()
    {
        var link = Open(OutboundGeneration.First);
        using (var piper = await ConnectAsync("4"))
        {
            piper.Write([.. SpokenOf(22_050, 1, BytesOf(0.1f)), .. SpokenOf(22_050, 2, BytesOf(0.2f))]);
            await HearAsync(link);
            await HearAsync(link);
            piper.Kill();
        }

        await _service.UntilAsync("REGISTER:4"); // Also now.
        using var again = await ConnectAsync("4");
        again.Write(SpokenOf(22_050, 1, BytesOf(0.3f)));
        Assert.Equal((FrameKind.End, new SpeechMark(1, 0, 1)), await KindAndMarkAsync(link));
        var frame = await HearAsync(link);
        Assert.Equal((1u, new SpeechMark(1, 0, 2)), (frame.Chunk, frame.Mark));
        Assert.Equal(BytesOf(0.3f), frame.Payload.ToArray());
    }

    [Fact]
    public async Task Sound_that_is_packed_for_telephony_already_is_unpacked()
    {
        var link = Open(OutboundGeneration.First);
        using var peer = await ConnectAsync("4");
        peer.Write(SpokenOf(24_000, 1, [0x80, 0xff, 0x00]));
        var frame = await HearAsync(link);
        Assert.Equal(8_000, frame.Rate);
        Assert.Equal([G711.DecodeMu(0x80) / 32_768f, 0f, G711.DecodeMu(0x00) / 32_768f], SoundOf(frame));
    }

    [Theory]
    [InlineData("00a00001")] // More than 10 MiB.
    [InlineData("0000000400001000")] // 4,096 samples a second.
    [InlineData("0000000400005dc00000000141")] // And then the end, in the middle.
    public async Task What_is_no_frame_breaks_the_connection_and_not_the_call(string hex)
    {
        var link = Open(OutboundGeneration.First);
        using (var peer = await ConnectAsync("4"))
        {
            peer.Write(Convert.FromHexString(hex));
        }

        using var again = await ConnectAsync("4");
        again.Write(SpokenOf(24_000, 1, BytesOf(0.5f)));
        Assert.Equal(BytesOf(0.5f), (await HearAsync(link)).Payload.ToArray());
    }

    [Theory]
    [InlineData("66", "67")] // Whose ports would meet, as existing services reckon.
    [InlineData("0", "1")] // Which would ask at the ports of the services themselves.
    [InlineData("alice", "65000")] // Of which none has a port.
    public async Task Calls_have_ports_of_their_own_whatever_their_ids_and_the_same_number_for_all_their_services(
        string first,
        string second
    )
    {
        using var whispers = new RawDatagrams();
        var wires = Wires();
        var (inbound, outbound) = (
            Run(wires.SpeechToText(whispers.At)),
            Run(wires.Speaker(_service.At, OutboundGeneration.First))
        );
        foreach (var id in (string[])[first, second])
        {
            var call = CallId.Parse(id);
            var (heard, spoken) = (inbound.Open(call), outbound.Open(call));
            var number = await NewNumberAsync(whispers);
            Assert.Equal(number, await NewNumberAsync(_service));
            using var whisper = await RawPeer.ConnectAsync(InboundPort - 4 + number);
            Assert.Equal($"{number}", await whisper.HelloAsync());
            whisper.Write(FrameOf(id));
            await NextAsync(heard); // It is ready.
            Assert.Equal(id, TextOf(await NextAsync(heard)));
            using var kokoro = await RawPeer.ConnectAsync(OutboundPort - 4 + number);
            kokoro.Write([.. FrameOf($"{number}"), .. SpokenOf(24_000, 1, BytesOf(0.5f))]);
            Assert.Equal(call, (await HearAsync(spoken)).Call);
        }
    }

    [Fact]
    public async Task One_of_another_call_is_let_go()
    {
        Open(OutboundGeneration.First);
        using var other = await ConnectAsync("5");
        Assert.Empty(await other.ReadAsync(1));
    }

    [Fact]
    public async Task One_of_the_second_generation_asks_is_called_where_it_asked_from_and_hears_whose_it_is()
    {
        var link = Open(OutboundGeneration.Second);
        for (var sentence = 1u; sentence <= 2; sentence++)
        {
            using var kokoro = new RawPeer(OutboundPort);
            _service.Send(RegisterPort, "REGISTER:6"); // Of another call, here by mistake.
            using var peer = await AskAsync(kokoro);
            Assert.Equal("4", await peer.HelloAsync());
            peer.Write(SpokenOf(24_000, 1, BytesOf(0.5f)));
            Assert.Equal(sentence, (await HearAsync(link)).Mark.Sentence);
            peer.Write(NumberOf(0));
            Assert.Equal(FrameKind.End, (await HearAsync(link)).Kind);
            _service.Send(RegisterPort, "BYE:4");
        }

        link.Close();
        using var free = new RawDatagrams(RegisterPort); // Its port is free at once.
    }

    [Fact]
    public async Task One_that_takes_back_what_it_asked_while_it_is_called_can_ask_again()
    {
        var link = Open(OutboundGeneration.Second);
        for (var i = 0; i < 20; i++)
        {
            _service.Send(RegisterPort, "REGISTER:4"); // Nobody listens there yet.
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, Token);
            _service.Send(RegisterPort, "BYE:4");
        }

        using var kokoro = new RawPeer(OutboundPort);
        using var peer = await AskAsync(kokoro);
        await peer.HelloAsync();
        peer.Write(SpokenOf(24_000, 1, BytesOf(0.5f)));
        Assert.Equal(FrameKind.Audio, (await HearAsync(link)).Kind);
    }

    private ICallLink Open(OutboundGeneration generation) => Run(Wires().Speaker(_service.At, generation)).Open(Call);

    private async Task<RawPeer> ConnectAsync(string id)
    {
        var peer = await RawPeer.ConnectAsync(OutboundPort);
        peer.Write(FrameOf(id));
        return peer;
    }

    /// <summary>The next of what is said; that it is ready is said with each connection.</summary>
    private static async Task<LinkFrame> HearAsync(ICallLink link)
    {
        var frame = await NextAsync(link);
        return frame.Kind == FrameKind.Ready ? await HearAsync(link) : frame;
    }

    /// <summary>The number of a call that was not asked for before.</summary>
    private async Task<int> NewNumberAsync(RawDatagrams service)
    {
        while (true)
        {
            var asked = await service.HearAsync();
            if (_asked.Add((service, asked)))
            {
                return int.Parse(asked["REGISTER:".Length..], CultureInfo.InvariantCulture);
            }
        }
    }

    /// <summary>Asks until it is connected to, as it does.</summary>
    private async Task<RawPeer> AskAsync(RawPeer kokoro)
    {
        var connected = kokoro.AcceptAsync();
        while (!connected.IsCompleted)
        {
            _service.Send(RegisterPort, "REGISTER:4");
            await Task.WhenAny(connected, Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System, Token));
        }

        return await connected;
    }

    private static async Task<(FrameKind, SpeechMark)> KindAndMarkAsync(ICallLink link) =>
        await HearAsync(link) is var frame ? (frame.Kind, frame.Mark) : default;
}
