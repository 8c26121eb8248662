using Microsoft.Extensions.Time.Testing;
using Pollard.Voice.Links;
using Pollard.Voice.Links.Existing;

namespace Pollard.Voice.Tests.Links.Existing;

/// <summary>Text from and to existing services: they connect, or are connected to, and say texts alone.</summary>
public sealed class TextWireTests : WireTest
{
    [Fact]
    public async Task A_model_knows_the_call_before_anything_is_said_and_its_answers_come_back()
    {
        using var service = new RawPeer(0);
        var link = Run(Wires().Model(Here(service.Port))).Open(Call);
        using var llama = await service.AcceptAsync();
        Assert.Equal([0, 0, 0, 1, (byte)'4'], await llama.ReadAsync(5));

        Assert.True(link.TrySend(Sign(FrameKind.Hold)));
        Assert.True(link.TrySend(new LinkFrame(FrameKind.Key, "5"u8.ToArray(), Chunk: 9)));
        Assert.Equal(FrameKind.KeyDone, (await NextAsync(link)).Kind); // It has no word for it, and nobody is to keep it.
        Assert.True(link.TrySend(Text("", 6)));
        Assert.True(link.TrySend(Text("hello", 7)));
        Assert.Equal((FrameKind.Done, 6u), await KindAndTurnAsync(link));
        Assert.Equal((FrameKind.Done, 7u), await KindAndTurnAsync(link));
        Assert.Equal(FrameOf("hello"), await llama.ReadAsync(9));
        llama.Write(FrameOf("good day"));
        var answer = await NextAsync(link);
        Assert.Equal(("good day", 7u), (TextOf(answer), answer.Mark.Turn));

        link.TrySend(Text("BYE", 8)); // Which is what a caller says, and no end of the call.
        Assert.Equal("Bye", await llama.TextAsync());
        link.Close();
        Assert.Equal([0xff, 0xff, 0xff, 0xff], await llama.ReadAsync(5));
    }

    [Fact]
    public async Task What_a_service_that_broke_did_not_take_is_said_to_the_next()
    {
        using var service = new RawPeer(0);
        var link = Run(Wires().TextToSpeech(Here(service.Port))).Open(Call);
        using (var piper = await service.AcceptAsync())
        {
            await piper.HelloAsync();
            piper.Kill();
        }

        Assert.True(link.TrySend(Text("One.", 1, 1)));
        var played = await NextAsync(link); // It cannot be thrown away any more.
        Assert.Equal((FrameKind.Played, new SpeechMark(1, 0, 1)), (played.Kind, played.Mark));
        Assert.True(link.TrySend(Sign(FrameKind.Flush, new(2, 1, 0))));
        Assert.True(link.TrySend(Text("Two.", 2, 1)));
        using var again = await service.AcceptAsync();
        Assert.Equal(
            ["4", "One.", "Two."],
            [await again.HelloAsync(), await again.TextAsync(), await again.TextAsync()]
        );
    }

    [Fact]
    public async Task One_that_never_reads_is_refused_more_and_holds_up_no_other_call()
    {
        using var service = new RawPeer(0, receiveBufferBytes: 4_096);
        var target = Run(
            Wires(static setup => setup with { Link = setup.Link with { MostKeptBytes = 100_000 } })
                .Model(Here(service.Port))
        );
        var stuck = target.Open(CallId.Parse("stuck"));
        using var never = await service.AcceptAsync();
        var text = Text(new string('x', 10_000));
        var sent = 0;
        while (stuck.TrySend(text))
        {
            Assert.True(++sent < 1_000);
        }

        var link = target.Open(Call);
        link.TrySend(Text("hello"));
        RawPeer llama;
        while (await (llama = await service.AcceptAsync()).HelloAsync() != "4")
        {
            llama.Dispose(); // Another try of the other.
        }

        using (llama)
        {
            Assert.Equal("hello", await llama.TextAsync());
        }
    }

    [Theory]
    [InlineData("4")]
    [InlineData("load_test_001")]
    public async Task Two_connections_of_a_call_are_one_call_and_heard_on_both(string id)
    {
        var source = Serve(Wires().SpeechToTexts(Here(0)));
        using var first = await ConnectAsync(source, id);
        using var second = await ConnectAsync(source, id);
        first.Write(FrameOf("one"));
        var link = await TakeAsync(source);
        Assert.Equal(id, link.Call.ToString());
        var one = await NextAsync(link);
        second.Write(FrameOf("two"));
        var two = await NextAsync(link);

        Assert.Equal(["one", "two"], [TextOf(one), TextOf(two)]);
        Assert.Equal(one.Mark.Turn + 1, two.Mark.Turn);
        Assert.False(source.Came.TryRead(out _));
    }

    [Fact]
    public async Task An_id_that_is_dialled_again_is_a_new_call_and_is_heard()
    {
        var source = Serve(Wires().SpeechToTexts(Here(0)));
        for (var call = 1; call <= 3; call++)
        {
            using var whisper = await ConnectAsync(source, "4");
            whisper.Write(FrameOf("hello"));
            var link = await TakeAsync(source);
            Assert.Equal("hello", TextOf(await NextAsync(link)));
            whisper.Write(call == 2 ? FrameOf("BYE") : NumberOf(uint.MaxValue)); // Both mean it.
            await EndAsync(link);
        }
    }

    [Fact]
    public async Task A_service_that_is_started_anew_in_a_call_goes_on_with_it()
    {
        var source = Serve(Wires().SpeechToTexts(Here(0)));
        ICallLink link;
        using (var whisper = await ConnectAsync(source, "4"))
        {
            link = await TakeAsync(source);
            whisper.Kill();
        }

        using var again = await ConnectAsync(source, "4");
        again.Write(FrameOf("hello"));
        Assert.Equal("hello", TextOf(await NextAsync(link)));
    }

    [Fact]
    public async Task What_a_model_says_are_sentences_and_signs_have_no_word_on_its_wire()
    {
        var source = Serve(Wires().Models(Here(0)));
        using var llama = await ConnectAsync(source, "4");
        llama.Write([.. FrameOf("One."), .. FrameOf("Two.")]);
        var link = await TakeAsync(source);
        var (one, two) = (await NextAsync(link), await NextAsync(link));
        Assert.Equal(one.Mark with { Sentence = 2 }, two.Mark);
        Assert.Equal(("One.", 1u), (TextOf(one), one.Mark.Sentence));

        Assert.True(link.TrySend(Sign(FrameKind.Ready)));
        Assert.True(link.TrySend(Sign(FrameKind.Played, one.Mark)));
        link.Close();
        Assert.Equal([0xff, 0xff, 0xff, 0xff], await llama.ReadAsync(5)); // And nothing before it.
    }

    [Theory]
    [InlineData("00000000")] // A hello without an id.
    [InlineData("00001001")] // One of 4,097 bytes.
    [InlineData("0000000320203a")] // One whose id is none.
    [InlineData("474554202f20")] // A browser.
    public async Task Who_says_no_hello_is_let_go_and_keeps_nobody_waiting(string hex)
    {
        var source = Serve(Wires().SpeechToTexts(Here(0)));
        using var silent = await RawPeer.ConnectAsync(source.At.Port);
        using var odd = await RawPeer.ConnectAsync(source.At.Port);
        odd.Write(Convert.FromHexString(hex));
        Assert.Empty(await odd.ReadAsync(1));

        using var whisper = await ConnectAsync(source, "4");
        whisper.Write(FrameOf("hello"));
        Assert.Equal("hello", TextOf(await NextAsync(await TakeAsync(source))));
    }

    [Theory]
    [InlineData("00a00001")] // More than 10 MiB.
    [InlineData("0000000568")] // And then the end, in the middle.
    public async Task What_is_no_frame_breaks_the_connection_and_not_the_call(string hex)
    {
        var source = Serve(Wires().SpeechToTexts(Here(0)));
        using (var whisper = await ConnectAsync(source, "4"))
        {
            whisper.Write(Convert.FromHexString(hex));
        }

        var link = await TakeAsync(source);
        using var again = await ConnectAsync(source, "4");
        again.Write(FrameOf("hello"));
        Assert.Equal("hello", TextOf(await NextAsync(link)));
    }

    [Theory]
    [InlineData("0000")] // A hello.
    [InlineData("000000013400000005616263")] // A text.
    public async Task What_is_begun_and_does_not_go_on_is_let_go_after_ten_seconds(string hex)
    {
        var clock = new FakeTimeProvider();
        var source = Serve(
            Wires(setup => setup with { Link = setup.Link with { Time = clock } }).SpeechToTexts(Here(0))
        );
        using var slow = await RawPeer.ConnectAsync(source.At.Port);
        slow.Write(Convert.FromHexString(hex));
        var ended = slow.ReadAsync(1);
        while (!ended.IsCompleted)
        {
            clock.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, Token);
        }

        Assert.Empty(await ended);
        if (source.Came.TryRead(out var call))
        {
            call.Close();
        }

        while (source.Look().Count > 0)
        {
            clock.Advance(TimeSpan.FromMilliseconds(100)); // It says its last words.
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, Token);
        }
    }

    [Fact]
    public async Task Who_is_not_allowed_brings_no_call()
    {
        var source = Serve(Wires(static setup => setup with { Allows = static _ => false }).Models(Here(0)));
        using var other = await RawPeer.ConnectAsync(source.At.Port);
        Assert.Empty(await other.ReadAsync(1));
        Assert.Empty(source.Look());
    }

    /// <summary>A call that a service has brought, which is ready before it says anything.</summary>
    private static async Task<ICallLink> TakeAsync(GreetedCalls source)
    {
        var link = await NextAsync(source);
        Assert.Equal(FrameKind.Ready, (await NextAsync(link)).Kind);
        return link;
    }

    private static async Task<RawPeer> ConnectAsync(GreetedCalls source, string id)
    {
        var peer = await RawPeer.ConnectAsync(source.At.Port);
        peer.Write(FrameOf(id));
        return peer;
    }

    private static async Task<(FrameKind, uint)> KindAndTurnAsync(ICallLink link) =>
        await NextAsync(link) is var frame ? (frame.Kind, frame.Mark.Turn) : default;
}
