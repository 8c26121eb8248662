using System.Net;
using System.Net.Sockets;
using Pollard.Voice.Engines;
using Pollard.Voice.Engines.Pocketsphinx;
using Pollard.Voice.Engines.Programs;
using Pollard.Voice.Engines.Wyoming;
using Pollard.Voice.Links;

namespace Pollard.Voice.Tests.Engines;

/// <summary>Engines that speak the Wyoming protocol: what is asked, what is heard and said, and what they do instead.</summary>
public sealed class WyomingEngineTests : IAsyncDisposable
{
    private const string Sentence = "Cancel my appointment.";
    private readonly WyomingServer _server = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private WyomingSettings Settings =>
        new()
        {
            Host = "localhost",
            Port = _server.Port,
            Patience = new EnginePatience(TimeSpan.FromSeconds(60), TimeSpan.FromSeconds(60)),
        };

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task A_sentence_is_said_and_heard_again()
    {
        using var espeak = new ProgramSpeech(new EspeakNg().ToProgram(), TimeProvider.System);
        await using var sphinx = PocketsphinxEngine.Open(
            new() { Sentences = SpokenSentences.All },
            TimeProvider.System
        );
        string? voice = null;
        _server.Answer = async (_, connection) =>
        {
            var wish = await WyomingServer.ReadAsync(connection);
            voice = wish.Data.GetProperty("voice").GetProperty("name").GetString();
            await WyomingServer.SayAsync(connection, espeak, wish.Text("text"u8)!);
        };
        var sound = new SoundLog();
        var spoken = await new WyomingSpeech(Settings with { Model = "en" }, TimeProvider.System).SayAsync(
            Sentence,
            sound.TakeAsync,
            Token
        );
        Assert.Equal((null, "en"), (spoken.Failure, voice));
        Assert.True(sound.Parts > 1);

        string? language = null;
        _server.Answer = async (_, connection) =>
        {
            var (wish, utterance) = await WyomingServer.UtteranceAsync(connection);
            language = wish.Text("language"u8);
            var said = await sphinx.HearAsync(utterance, Token);
            await WyomingServer.WriteAsync(connection, "transcript", json => json.WriteString("text", said.Text));
        };
        var heard = await new WyomingTranscription(Settings with { Language = "en" }, TimeProvider.System).HearAsync(
            sound.ToUtterance(),
            Token
        );

        Assert.Equal(("cancel my appointment", "en"), (heard.Text, language));
    }

    [Fact]
    public async Task Who_wants_no_more_sound_ends_the_connection()
    {
        _server.Answer = async (_, connection) =>
        {
            await WyomingServer.ReadAsync(connection);
            while (true)
            {
                await WyomingServer.WriteSoundAsync(connection, 22_050, new float[1_000]);
            }
        };
        using var interrupted = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var sound = new SoundLog();
        var saying = new WyomingSpeech(Settings, TimeProvider.System).SayAsync(
            Sentence,
            async (part, ct) =>
            {
                await interrupted.CancelAsync();
                await sound.TakeAsync(part, Token);
            },
            interrupted.Token
        );

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => saying);
        await _server.Left.Task.WaitAsync(TimeSpan.FromSeconds(60), TimeProvider.System, Token);
    }

    [Theory]
    [InlineData("nothing", "broken")]
    [InlineData("error", "refused")]
    [InlineData("garbage", "garbled")]
    [InlineData("silence", "late")]
    [InlineData("no sound", "garbled")]
    [InlineData("stereo", "garbled")]
    [InlineData("cut", "broken")]
    [InlineData("other rate", "garbled")]
    public async Task A_voice_that_fails_is_said_so(string way, string word)
    {
        _server.Answer = (_, connection) => FailAsync(connection, way);
        var speech = new WyomingSpeech(Impatient(way), TimeProvider.System);

        var spoken = await speech.SayAsync(Sentence, new SoundLog().TakeAsync, Token);

        Assert.Equal(word, spoken.Failure?.Word);
    }

    [Theory]
    [InlineData("nothing", "broken")]
    [InlineData("error", "refused")]
    [InlineData("garbage", "garbled")]
    [InlineData("silence", "late")]
    [InlineData("no words", "no_speech")]
    public async Task An_ear_that_fails_is_said_so(string way, string word)
    {
        _server.Answer = (_, connection) => FailAsync(connection, way);
        var ear = new WyomingTranscription(Impatient(way), TimeProvider.System);

        var heard = await ear.HearAsync(new float[16_000], Token);

        Assert.Equal(word, heard.Failure?.Word);
    }

    [Fact]
    public async Task An_engine_that_is_not_there_is_said_so()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0)); // Taken, and listened at by nobody.
        var settings = Settings with { Host = "127.0.0.1", Port = ((IPEndPoint)socket.LocalEndPoint!).Port };

        var heard = await new WyomingTranscription(settings, TimeProvider.System).HearAsync(new float[16_000], Token);

        Assert.Equal("unreachable", heard.Failure?.Word);
    }

    private WyomingSettings Impatient(string way) =>
        way == "silence"
            ? Settings with
            {
                Patience = new EnginePatience(TimeSpan.FromMilliseconds(300), TimeSpan.FromSeconds(60)),
            }
            : Settings;

    private static async Task FailAsync(LinkConnection connection, string way)
    {
        if ((await WyomingServer.ReadAsync(connection)).Type == "transcribe")
        {
            await WyomingServer.UtteranceAsync(connection); // What is not read would turn the end into a break.
        }

        switch (way)
        {
            case "error":
                await WyomingServer.WriteAsync(
                    connection,
                    "error",
                    static json => json.WriteString("text", "no such voice")
                );
                break;
            case "garbage":
                await connection.WriteAsync("HTTP/1.1 400 Bad Request\n"u8.ToArray(), Token);
                break;
            case "silence":
                await Task.Delay(TimeSpan.FromSeconds(5), TimeProvider.System, Token);
                break;
            case "no sound":
                await WyomingServer.WriteAsync(connection, "audio-stop");
                break;
            case "no words":
                await WyomingServer.WriteAsync(connection, "transcript", static json => json.WriteString("text", " "));
                break;
            case "stereo":
                await WyomingServer.WriteAsync(
                    connection,
                    "audio-chunk",
                    static json =>
                    {
                        json.WriteNumber("rate", 16_000);
                        json.WriteNumber("width", 2);
                        json.WriteNumber("channels", 2);
                    },
                    new byte[8]
                );
                break;
            case "cut":
                await WyomingServer.WriteSoundAsync(connection, 16_000, new float[100]);
                break;
            case "other rate":
                await WyomingServer.WriteSoundAsync(connection, 16_000, new float[100]);
                await WyomingServer.WriteSoundAsync(connection, 22_050, new float[100]);
                break;
        }
    }
}
