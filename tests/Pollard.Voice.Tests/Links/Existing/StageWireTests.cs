using System.Buffers.Binary;
using Microsoft.Extensions.Logging.Abstractions;
using Pollard.Voice.Audio;
using Pollard.Voice.Links.Existing;
using Pollard.Voice.Stages;
using Pollard.Voice.Tests.Stages;

namespace Pollard.Voice.Tests.Links.Existing;

/// <summary>Each of our stages alone among existing services: it knows no difference.</summary>
public sealed class StageWireTests : WireTest
{
    [Fact]
    public async Task Our_speech_to_text_between_an_existing_inbound_and_an_existing_model()
    {
        var ears = new ScriptedEars();
        using var model = new RawPeer(0);
        var stage = new SttStage(ears, Run(Wires().Model(Here(model.Port))), TimeProvider.System, NullLogger.Instance);
        var source = Serve(Wires().Inbound(Here(0)), stage.ServeAsync);
        using var inbound = new RawPeer(InboundPort);
        using var asking = new RawDatagrams();
        asking.Send(source.At.Port, "REGISTER:4");
        using var caller = await inbound.AcceptAsync();
        caller.Write(FrameOf("4"));
        using var llama = await model.AcceptAsync();
        Assert.Equal("4", await llama.HelloAsync()); // Before anything is said.

        foreach (var words in (string[])["hello", "are you there"])
        {
            ears.Will(words);
            caller.Write(FrameOf(BytesOf(new float[8_000])));
            Assert.Equal(words, await llama.TextAsync());
            Assert.Equal(words, await caller.TextAsync());
        }

        caller.Write(NumberOf(uint.MaxValue));
        Assert.Equal([0xff, 0xff, 0xff, 0xff], await llama.ReadAsync(5)); // The end goes on.
    }

    [Fact]
    public async Task Our_model_between_an_existing_speech_to_text_and_an_existing_text_to_speech()
    {
        var model = new ScriptedModel();
        using var service = new RawPeer(0);
        var stage = new LlmStage(
            model,
            Run(Wires().TextToSpeech(Here(service.Port))),
            new LlmSettings { System = null },
            TimeProvider.System,
            NullLogger.Instance
        );
        var source = Serve(Wires().SpeechToTexts(Here(0)), stage.ServeAsync);
        using var whisper = await RawPeer.ConnectAsync(source.At.Port);
        using var another = await RawPeer.ConnectAsync(source.At.Port); // As it does at times.
        whisper.Write(FrameOf("4"));
        another.Write([.. FrameOf("4"), .. FrameOf("hello")]);
        using var piper = await service.AcceptAsync();
        Assert.Equal("4", await piper.HelloAsync());

        (await model.AskedAsync()).Answer("Good day to you. How can I help you today?");
        Assert.Equal("Good day to you.", await piper.TextAsync());
        Assert.Equal("How can I help you today?", await piper.TextAsync());
        whisper.Write(FrameOf("what time is it"));
        var asked = await model.AskedAsync();
        Assert.Equal(["u: hello", "a: Good day to you. How can I help you today?", "u: what time is it"], asked.Talk);
        asked.Answer(string.Concat(Enumerable.Range(1, 12).Select(static i => $"This is sentence number {i} of it. ")));
        for (var i = 1; i <= 12; i++)
        {
            Assert.Equal($"This is sentence number {i} of it.", await piper.TextAsync()); // It waits for no sign.
        }
    }

    [Fact]
    public async Task Our_text_to_speech_between_an_existing_model_and_an_existing_outbound()
    {
        var voice = new ScriptedVoice();
        using var service = new RawPeer(OutboundPort);
        var stage = new TtsStage(
            voice,
            Run(Wires().Outbound("127.0.0.1", OutboundGeneration.First)),
            TimeProvider.System,
            NullLogger.Instance
        );
        var source = Serve(Wires().Models(Here(0)), stage.ServeAsync);
        using var llama = await RawPeer.ConnectAsync(source.At.Port);
        llama.Write(FrameOf("4"));
        using var outbound = await service.AcceptAsync();
        Assert.Equal("4", await outbound.HelloAsync());

        string[] sentences = ["One.", "Two.", "Three.", "Four."]; // More than it speaks ahead of what is heard.
        llama.Write([.. sentences.SelectMany(static sentence => FrameOf(sentence))]);
        var (last, seconds) = (0u, 0.0);
        while (seconds < sentences.Sum(static sentence => sentence.Length) * ScriptedVoice.SecondsPerCharacter - 0.001)
        {
            var bytes = BinaryPrimitives.ReadInt32BigEndian(await outbound.ReadAsync(4));
            var rate = BinaryPrimitives.ReadInt32BigEndian(await outbound.ReadAsync(4));
            var chunk = BinaryPrimitives.ReadUInt32BigEndian(await outbound.ReadAsync(4));
            Assert.True(chunk > last);
            Assert.Equal(BytesOf(0.2f), (await outbound.ReadAsync(bytes))[..4]);
            (last, seconds) = (chunk, seconds + (bytes / 4.0 / rate));
        }

        Assert.Equal(sentences, voice.Said);
    }

    [Fact]
    public async Task Our_edge_between_an_existing_speech_to_text_and_an_existing_text_to_speech()
    {
        using var whispers = new RawDatagrams();
        using var kokoros = new RawDatagrams();
        var wires = Wires();
        var stage = new EdgeStage(
            Run(wires.SpeechToText(whispers.At)),
            Run(wires.Speaker(kokoros.At, OutboundGeneration.First)),
            EndpointProfile.Default,
            TimeProvider.System,
            NullLogger.Instance
        );
        await using var caller = new Caller(Call);
        var serving = stage.ServeAsync(caller, caller.Tell, Token);
        Assert.Equal("REGISTER:4", await whispers.HearAsync());
        Assert.Equal("REGISTER:4", await kokoros.HearAsync());
        using var whisper = await RawPeer.ConnectAsync(InboundPort);
        Assert.Equal("4", await whisper.HelloAsync());

        await caller.SayAsync(seconds: 1);
        var bytes = BinaryPrimitives.ReadInt32BigEndian(await whisper.ReadAsync(4));
        Assert.InRange(bytes / 4.0 / 16_000, 1, 2); // With the silence by which its end was known.
        Assert.Equal(bytes, (await whisper.ReadAsync(bytes)).Length);
        whisper.Write(FrameOf("hello"));
        Assert.Equal("hello", (await caller.UntilAsync<CallEvent.Heard>()).Text);

        for (var sentence = 1u; sentence <= 2; sentence++)
        {
            using var kokoro = await RawPeer.ConnectAsync(OutboundPort);
            kokoro.Write(FrameOf("4"));
            for (var chunk = 1u; chunk <= 12; chunk++)
            {
                kokoro.Write(SpokenOf(24_000, chunk, BytesOf([.. Enumerable.Repeat(0.3f, 960)])));
            }

            kokoro.Write(NumberOf(0));
            await HearAsync(caller, frames: 24);
            Assert.Equal(sentence, (await caller.UntilAsync<CallEvent.Played>()).Mark.Sentence);
        }

        caller.HangUp();
        await serving;
        await whispers.UntilAsync("BYE:4");
        await kokoros.UntilAsync("BYE:4");
        Assert.Equal([0xff, 0xff, 0xff, 0xff], await whisper.ReadAsync(5));
    }

    /// <summary>Hears until so many frames had sound.</summary>
    private static async Task HearAsync(Caller caller, int frames)
    {
        while (frames > 0)
        {
            frames -= caller.Hear(1);
            await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System, Token);
        }
    }
}
