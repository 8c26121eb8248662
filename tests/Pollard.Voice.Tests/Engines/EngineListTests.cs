using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Pollard.Voice.Engines;
using Pollard.Voice.Engines.Http;
using Pollard.Voice.Engines.Pocketsphinx;
using Pollard.Voice.Engines.Programs;

namespace Pollard.Voice.Tests.Engines;

/// <summary>Several engines: who is asked, and what a caller hears when one fails.</summary>
public sealed class EngineListTests
{
    private static readonly float[] Second = new float[16_000];
    private readonly FakeTimeProvider _time = new();
    private readonly Scripted _first = new($"first-{Guid.CreateVersion7()}");
    private readonly Scripted _second = new("second");
    private readonly Scripted _third = new("third");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_first_is_asked_while_it_works()
    {
        var heard = await Ears().HearAsync(Second, Token);

        Assert.Equal(_first.Name, heard.Text);
        Assert.Equal(0, _second.Asked + _third.Asked);
    }

    [Fact]
    public async Task When_it_fails_one_other_is_asked_the_same_and_no_more()
    {
        (_first.Fault, _second.Fault) = (EngineFault.Late, null);
        Assert.Equal("second", (await Ears().HearAsync(Second, Token)).Text);

        _second.Fault = EngineFault.Busy;
        Assert.Equal("busy", (await Ears().HearAsync(Second, Token)).Failure?.Word);
        Assert.Equal(0, _third.Asked);
    }

    [Fact]
    public async Task That_nobody_spoke_and_what_no_engine_takes_are_no_failures_of_an_engine()
    {
        var ears = Ears();
        _first.Fault = EngineFault.NoSpeech;
        for (var i = 0; i < 10; i++)
        {
            Assert.Equal("no_speech", (await ears.HearAsync(Second, Token)).Failure?.Word);
            Assert.Equal("too_large", (await ears.HearAsync(new float[16_000 * 61], Token)).Failure?.Word);
        }

        Assert.Equal((10, 0), (_first.Asked, _second.Asked));
    }

    [Fact]
    public async Task One_that_fails_always_is_left_alone_and_tried_again_by_one_call()
    {
        var ears = Ears();
        _first.Fault = EngineFault.Unreachable;
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal("second", (await ears.HearAsync(Second, Token)).Text);
        }

        Assert.Equal(5, _first.Asked);
        var may = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        (_first.Fault, _first.May) = (null, may.Task);
        _time.Advance(TimeSpan.FromSeconds(5));
        var trial = ears.HearAsync(Second, Token);
        Assert.Equal("second", (await ears.HearAsync(Second, Token)).Text);
        may.SetResult();
        Assert.Equal(_first.Name, (await trial).Text);
        Assert.Equal(_first.Name, (await ears.HearAsync(Second, Token)).Text);
    }

    [Fact]
    public async Task When_all_are_left_alone_nobody_waits()
    {
        var ears = new SpeechToTextList([_first], _time, NullLogger.Instance);
        _first.Fault = EngineFault.Late;
        for (var i = 0; i < 5; i++)
        {
            Assert.Equal("late", (await ears.HearAsync(Second, Token)).Failure?.Word);
        }

        Assert.Equal("unreachable", (await ears.HearAsync(Second, Token)).Failure?.Word);
        Assert.Equal(5, _first.Asked);
        Assert.Throws<EngineSetupException>(() => new SpeechToTextList([], _time, NullLogger.Instance));
    }

    [Fact]
    public async Task Interruptions_are_nobodys_failure()
    {
        var mouth = new TextToSpeechList([_first, _second], _time, NullLogger.Instance);
        _first.May = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously).Task;
        for (var i = 0; i < 10; i++)
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
            var saying = mouth.SayAsync("Hello", new SoundLog().TakeAsync, stop.Token);
            await stop.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => saying);
        }

        Assert.Equal((10, 0), (_first.Asked, _second.Asked));
    }

    [Theory]
    [InlineData(0, 0, 240)]
    [InlineData(2, 1, 240)]
    public async Task A_sentence_that_breaks_off_is_said_anew_and_says_so(int partsBefore, int anew, int samples)
    {
        var mouth = new TextToSpeechList([_first, _second], _time, NullLogger.Instance);
        (_first.Fault, _first.PartsBefore) = (EngineFault.Broken, partsBefore);
        var log = new SoundLog();

        var spoken = await mouth.SayAsync("Hello", log.TakeAsync, Token);

        Assert.Equal(new Spoken(TimeSpan.FromMilliseconds(30)), spoken);
        Assert.Equal((anew, samples), (log.Anew, log.Samples.Count));
    }

    [Fact]
    public async Task How_it_went_is_measured_by_engine()
    {
        var seen = new ConcurrentQueue<string>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = static (instrument, listening) =>
        {
            if (instrument.Name.StartsWith("pollard.voice.engine", StringComparison.Ordinal))
            {
                listening.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<double>((instrument, _, tags, _) => Note(instrument, tags));
        listener.SetMeasurementEventCallback<long>((instrument, _, tags, _) => Note(instrument, tags));
        listener.Start();
        var mouth = new TextToSpeechList([_first, _second], _time, NullLogger.Instance);

        await mouth.SayAsync("Hello", new SoundLog().TakeAsync, Token);
        _first.Fault = EngineFault.Garbled;
        for (var i = 0; i < 5; i++)
        {
            await mouth.SayAsync("Hello", new SoundLog().TakeAsync, Token);
        }

        string[] once = ["first_sound", "duration ok"];
        Assert.Equal([.. once, .. Enumerable.Repeat("duration garbled", 5), "opened"], seen);

        void Note(Instrument instrument, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            if (tags[0].Value as string == _first.Name)
            {
                seen.Enqueue(
                    $"{instrument.Name["pollard.voice.engine.".Length..]}{(tags.Length > 1 ? $" {tags[1].Value}" : "")}"
                );
            }
        }
    }

    [Fact]
    public async Task Behind_servers_that_fail_real_engines_speak_and_hear_every_sentence()
    {
        await using var server = await SpeechServer.StartAsync();
        server.Misbehave = static http =>
        {
            http.Abort();
            return Task.CompletedTask;
        };
        using var handler = new SocketsHttpHandler();
        using var http = new HttpClient(handler);
        var speech = new HttpSpeechSettings
        {
            Server = server.Address,
            Model = "tts-1",
            Voice = "alloy",
        };
        using var espeak = new ProgramSpeech(new EspeakNg().ToProgram(), TimeProvider.System);
        await using var sphinx = PocketsphinxEngine.Open(
            new() { Sentences = SpokenSentences.All },
            TimeProvider.System
        );
        var mouth = new TextToSpeechList(
            [new HttpSpeech(http, speech, TimeProvider.System), espeak],
            TimeProvider.System,
            NullLogger.Instance
        );
        var remote = new HttpTranscription(
            http,
            TranscriptionSettings.WhisperServer(server.Address),
            TimeProvider.System
        );
        var ears = new SpeechToTextList([remote, sphinx], TimeProvider.System, NullLogger.Instance);

        var errors = 0;
        foreach (var sentence in SpokenSentences.All)
        {
            var log = new SoundLog();
            Assert.Null((await mouth.SayAsync(sentence, log.TakeAsync, Token)).Failure);
            errors +=
                SpokenSentences.Errors(sentence, (await ears.HearAsync(log.ToUtterance(), Token)).Text) == 0 ? 0 : 1;
        }

        Assert.InRange(errors, 0, 1);
    }

    private SpeechToTextList Ears() => new([_first, _second, _third], _time, NullLogger.Instance);
}
