using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Http;
using Pollard.Voice.Engines;
using Pollard.Voice.Engines.Http;
using Pollard.Voice.Engines.Programs;

namespace Pollard.Voice.Tests.Engines;

/// <summary>Engines over HTTP: what is asked, what is heard and said, and what servers do instead.</summary>
public sealed class HttpEngineTests : IAsyncLifetime
{
    private const string Sentence = "Cancel my appointment.";
    private readonly SocketsHttpHandler _handler = new();
    private readonly HttpClient _http;
    private SpeechServer _server = null!;

    public HttpEngineTests() => _http = new HttpClient(_handler, disposeHandler: false);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private TranscriptionSettings OpenAi =>
        TranscriptionSettings.OpenAi(_server.Address, "whisper-1") with
        {
            Key = "secret",
            Patience = new EnginePatience(TimeSpan.FromSeconds(60), TimeSpan.FromSeconds(60)),
        };

    private HttpSpeechSettings Speech =>
        new()
        {
            Server = _server.Address,
            Model = "tts-1",
            Voice = "alloy",
            PcmRate = 22_050,
            Patience = new EnginePatience(TimeSpan.FromSeconds(60), TimeSpan.FromSeconds(60)),
        };

    public async ValueTask InitializeAsync() => _server = await SpeechServer.StartAsync();

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        _handler.Dispose();
        await _server.DisposeAsync();
    }

    [Theory]
    [InlineData(TranscriptionFormat.Json, "json")]
    [InlineData(TranscriptionFormat.Text, "text")]
    [InlineData(TranscriptionFormat.VerboseJson, "verbose_json")]
    internal async Task An_utterance_is_heard_by_a_server_with_openais_interface(
        TranscriptionFormat format,
        string word
    )
    {
        var heard = await HearAsync(OpenAi with { Format = format, Language = "en" }, await UtteranceAsync());

        Assert.Equal("cancel my appointment", heard.Text);
        Assert.Null(heard.Failure);
        Assert.Equal(
            ("whisper-1", "en", word),
            (_server.Fields["model"], _server.Fields["language"], _server.Fields["response_format"])
        );
        Assert.Equal(format == TranscriptionFormat.VerboseJson ? "english" : null, heard.Language);
        Assert.Equal(format == TranscriptionFormat.VerboseJson ? Math.Exp(-0.5) : null, heard.Confidence);
    }

    [Fact]
    public async Task An_utterance_is_heard_by_the_server_of_whisper_cpp()
    {
        var heard = await HearAsync(TranscriptionSettings.WhisperServer(_server.Address), await UtteranceAsync());

        Assert.Equal(("cancel my appointment", "english"), (heard.Text, heard.Language));
        Assert.False(_server.Fields.ContainsKey("model"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_sentence_is_said_to_the_sample_as_the_server_says_it(bool isWav)
    {
        var (here, there) = (new SoundLog(), new SoundLog());
        using var espeak = new ProgramSpeech(new EspeakNg().ToProgram(), TimeProvider.System);
        await espeak.SayAsync(Sentence, here.TakeAsync, Token);

        var spoken = await SayAsync(Speech with { IsWav = isWav, Speed = 1.25 }, there);

        Assert.Null(spoken.Failure);
        Assert.Equal((here.Rate, "1.25"), (there.Rate, _server.Fields["speed"]));
        Assert.Equal(here.Samples, there.Samples);
    }

    [Fact]
    public async Task The_first_sound_is_there_while_the_server_still_makes_the_rest()
    {
        var log = new SoundLog();
        _server.Misbehave = async http =>
        {
            http.Response.ContentType = "audio/pcm;rate=8000";
            await http.Response.Body.WriteAsync(new byte[1_600], Token);
            await http.Response.Body.FlushAsync(Token);
            await log.First.WaitAsync(TimeSpan.FromSeconds(60), TimeProvider.System, Token);
            await http.Response.Body.WriteAsync(new byte[1_600], Token);
        };

        var spoken = await SayAsync(Speech, log);

        Assert.Equal(new Spoken(TimeSpan.FromMilliseconds(200)), spoken);
        Assert.Equal(8_000, log.Rate);
    }

    [Fact]
    public async Task Who_is_interrupted_takes_the_request_back()
    {
        var (log, ended) = (
            new SoundLog(),
            new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)
        );
        _server.Misbehave = async http =>
        {
            http.RequestAborted.Register(ended.SetResult);
            http.Response.ContentType = "audio/pcm";
            await http.Response.Body.WriteAsync(new byte[1_600], Token);
            await http.Response.Body.FlushAsync(Token);
            await ended.Task;
        };
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var saying = new HttpSpeech(_http, Speech, TimeProvider.System).SayAsync(Sentence, log.TakeAsync, stop.Token);
        await log.First;

        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => saying);
        await ended.Task.WaitAsync(TimeSpan.FromSeconds(60), TimeProvider.System, Token);
    }

    [Theory]
    [InlineData(400, """{"error":{"message":"bad sound"}}""", "refused", "bad sound")]
    [InlineData(401, "no", "refused", "401")]
    [InlineData(404, "", "refused", "404")]
    [InlineData(429, """{"error":"slow down"}""", "busy", "slow down")]
    [InlineData(503, """{"error":{"message":"Loading model"}}""", "busy", "Loading model")]
    [InlineData(500, "<html>", "broken", "500")]
    [InlineData(502, "<html>", "unreachable", "502")]
    [InlineData(504, "<html>", "late", "504")]
    [InlineData(302, "", "refused", "302")]
    public async Task A_status_is_told_apart_and_what_it_says_is_kept(
        int status,
        string body,
        string word,
        string detail
    )
    {
        _server.Misbehave = http =>
        {
            http.Response.StatusCode = status;
            return http.Response.WriteAsync(body, Token);
        };

        var heard = await HearAsync(OpenAi, new float[16_000]);
        var spoken = await SayAsync(Speech, new SoundLog());

        Assert.Equal((word, word), (heard.Failure?.Word, spoken.Failure?.Word));
        Assert.Contains(detail, heard.Failure!.Detail, StringComparison.Ordinal);
        Assert.Contains(detail, spoken.Failure!.Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("not json", "garbled")]
    [InlineData("", "garbled")]
    [InlineData("[1]", "garbled")]
    [InlineData("""{"text":5}""", "garbled")]
    [InlineData("""{"texts":"a"}""", "garbled")]
    [InlineData("""{"error":"failed to read audio data"}""", "refused")]
    [InlineData("""{"text":" \n"}""", "no_speech")]
    [InlineData("""{"text":" [BLANK_AUDIO]\n (silence)"}""", "no_speech")]
    [InlineData("""{"text":"a [cough] b","segments":[{"avg_logprob":"x"},3],"language":7}""", null)]
    public async Task Answers_that_are_none_are_values(string body, string? word)
    {
        _server.Misbehave = http => http.Response.WriteAsync(body, Token);

        var heard = await HearAsync(OpenAi, new float[16_000]);

        Assert.Equal(word, heard.Failure?.Word);
        Assert.Equal(word is null ? "a [cough] b" : "", heard.Text);
    }

    [Fact]
    public async Task Answers_without_end_are_not_read_to_it()
    {
        _server.Misbehave = async http =>
        {
            http.Response.ContentType = "audio/pcm";
            while (!http.RequestAborted.IsCancellationRequested)
            {
                await http.Response.Body.WriteAsync(new byte[65_536], http.RequestAborted);
            }
        };

        Assert.Equal("too_large", (await HearAsync(OpenAi, new float[16_000])).Failure?.Word);
        Assert.Equal("too_large", (await SayAsync(Speech, new SoundLog())).Failure?.Word);
        _server.Misbehave = http => http.Response.WriteAsync($$"""{"text":"{{new string('a', 9_000)}}"}""", Token);
        Assert.Equal("too_large", (await HearAsync(OpenAi, new float[16_000])).Failure?.Word);
    }

    [Theory]
    [InlineData("text/html", false)]
    [InlineData("application/json", false)]
    [InlineData("audio/mpeg", false)]
    [InlineData("audio/wav", true)]
    public async Task What_is_no_sound_is_not_played(string type, bool isWav)
    {
        _server.Misbehave = http =>
        {
            http.Response.ContentType = type;
            return http.Response.WriteAsync(new string('x', 10_000), Token);
        };
        var log = new SoundLog();

        Assert.Equal("garbled", (await SayAsync(Speech with { IsWav = isWav }, log)).Failure?.Word);
        Assert.Equal(0, log.Parts);
    }

    [Fact]
    public async Task A_server_that_is_cut_off_says_how_far_it_came()
    {
        _server.Misbehave = async http =>
        {
            http.Response.ContentType = "audio/pcm";
            await http.Response.Body.WriteAsync(new byte[44_100], Token);
            await http.Response.Body.FlushAsync(Token);
            http.Abort();
        };

        var spoken = await SayAsync(Speech, new SoundLog());

        Assert.Equal("broken", spoken.Failure?.Word);
        Assert.InRange(spoken.Length.TotalSeconds, 0, 1);
        Assert.Equal("broken", (await HearAsync(OpenAi, new float[16_000])).Failure?.Word);
    }

    [Fact]
    public async Task A_server_that_is_too_slow_is_late_also_in_the_middle()
    {
        var patience = new EnginePatience(TimeSpan.FromMilliseconds(500), TimeSpan.FromSeconds(60));
        _server.Misbehave = async http =>
        {
            http.Response.ContentType = "audio/pcm";
            await http.Response.Body.WriteAsync(new byte[44_100], Token);
            await http.Response.Body.FlushAsync(Token);
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, http.RequestAborted);
        };

        Assert.Equal("late", (await HearAsync(OpenAi with { Patience = patience }, new float[16_000])).Failure?.Word);
        Assert.Equal("late", (await SayAsync(Speech with { Patience = patience }, new SoundLog())).Failure?.Word);
    }

    [Fact]
    public async Task A_slow_listener_does_not_make_the_server_late()
    {
        var patience = new EnginePatience(TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(5));
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider();
        var engine = new HttpSpeech(_http, Speech with { Patience = patience }, time);

        var spoken = await engine.SayAsync(
            Sentence,
            (_, _) =>
            {
                time.Advance(TimeSpan.FromSeconds(7)); // As long as it takes to play what came before.
                return ValueTask.CompletedTask;
            },
            Token
        );

        Assert.Null(spoken.Failure);
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_unreachable()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0)); // Nobody listens there, and nobody else can begin to.
        var nobody = new Uri($"http://127.0.0.1:{((IPEndPoint)socket.LocalEndPoint!).Port}");

        Assert.Equal("unreachable", (await SayAsync(Speech with { Server = nobody }, new SoundLog())).Failure?.Word);
        Assert.Equal(
            "unreachable",
            (await HearAsync(TranscriptionSettings.WhisperServer(nobody), new float[16_000])).Failure?.Word
        );
    }

    private static async Task<float[]> UtteranceAsync()
    {
        var log = new SoundLog();
        using var espeak = new ProgramSpeech(new EspeakNg().ToProgram(), TimeProvider.System);
        await espeak.SayAsync(Sentence, log.TakeAsync, Token);
        return log.ToUtterance();
    }

    private Task<Heard> HearAsync(TranscriptionSettings settings, float[] utterance) =>
        new HttpTranscription(_http, settings, TimeProvider.System).HearAsync(utterance, Token);

    private Task<Spoken> SayAsync(HttpSpeechSettings settings, SoundLog log) =>
        new HttpSpeech(_http, settings, TimeProvider.System).SayAsync(Sentence, log.TakeAsync, Token);
}
