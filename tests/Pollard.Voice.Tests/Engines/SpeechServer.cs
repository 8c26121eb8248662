using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Pollard.Voice.Audio;
using Pollard.Voice.Engines;
using Pollard.Voice.Engines.Pocketsphinx;
using Pollard.Voice.Engines.Programs;

namespace Pollard.Voice.Tests.Engines;

/// <summary>
/// A server with OpenAI's audio interface and whisper.cpp's, as those are documented, that refuses what they would. It hears and speaks
/// with real engines, until a test lets it misbehave.
/// </summary>
internal sealed class SpeechServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly PocketsphinxEngine _ears;
    private readonly ProgramSpeech _mouth = new(new EspeakNg().ToProgram(), TimeProvider.System);

    private SpeechServer(WebApplication app, PocketsphinxEngine ears)
    {
        (_app, _ears) = (app, ears);
        app.Run(http => Misbehave is { } misbehave ? misbehave(http) : AnswerAsync(http));
    }

    public Uri Address => new(_app.Urls.First());

    /// <summary>Answers in the server's place.</summary>
    public RequestDelegate? Misbehave { get; set; }

    /// <summary>The fields of the last form that was posted.</summary>
    public ConcurrentDictionary<string, string> Fields { get; } = new();

    /// <summary>How many requests came.</summary>
    public int Asked { get; private set; }

    public static async Task<SpeechServer> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(static kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var ears = PocketsphinxEngine.Open(new() { Sentences = SpokenSentences.All }, TimeProvider.System);
        var server = new SpeechServer(builder.Build(), ears);
        await server._app.StartAsync(TestContext.Current.CancellationToken);
        return server;
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        await _ears.DisposeAsync();
        _mouth.Dispose();
    }

    private Task AnswerAsync(HttpContext http)
    {
        Asked++;
        return (http.Request.Method, http.Request.Path.Value) switch
        {
            ("POST", "/v1/audio/transcriptions") => TranscribeAsync(http, isOpenAi: true),
            ("POST", "/inference") => TranscribeAsync(http, isOpenAi: false),
            ("POST", "/v1/audio/speech") => SpeakAsync(http),
            _ => RefuseAsync(http, 404, """{"error":{"message":"no such path"}}"""),
        };
    }

    private async Task TranscribeAsync(HttpContext http, bool isOpenAi)
    {
        if (isOpenAi && http.Request.Headers.Authorization != "Bearer secret")
        {
            await RefuseAsync(
                http,
                401,
                """{"error":{"message":"Incorrect API key provided","code":"invalid_api_key"}}"""
            );
            return;
        }

        var body = new MemoryStream();
        await http.Request.Body.CopyToAsync(body, http.RequestAborted);
        var head = Encoding.Latin1.GetString(body.GetBuffer(), 0, (int)Math.Min(body.Length, 300));
        if (
            !head.Contains("name=\"file\"; filename=\"", StringComparison.Ordinal)
            || http.Request.ContentType!.Contains('"')
        )
        {
            await RefuseAsync(http, 200, """{"error":"no 'file' field in the request"}"""); // As cpp-httplib reads forms.
            return;
        }

        body.Position = 0;
        http.Request.Body = body;
        var form = await http.Request.ReadFormAsync(http.RequestAborted);
        foreach (var (name, value) in form)
        {
            Fields[name] = value!;
        }

        if (isOpenAi && form["model"] != "whisper-1")
        {
            await RefuseAsync(http, 404, """{"error":{"message":"The model does not exist"}}""");
            return;
        }

        var wav = await WavReader.OpenAsync(form.Files["file"]!.OpenReadStream(), http.RequestAborted);
        Assert.Equal(new WavFormat(SampleEncoding.Pcm16, SpeechLimits.Rate), wav.Format);
        var heard = await _ears.HearAsync(
            await wav.ReadAllAsync(TimeSpan.FromMinutes(1), http.RequestAborted),
            http.RequestAborted
        );
        await http.Response.WriteAsync(Written(heard.Text, form["response_format"]!), http.RequestAborted);
    }

    private static string Written(string text, string format) =>
        format switch
        {
            "text" => text + "\n",
            "verbose_json" => $$$"""
                {"task":"transcribe","language":"english","duration":1.5,"text":" {{{text}}}\n","segments":[
                {"id":0,"text":" {{{text}}}","start":0.0,"end":1.5,"temperature":0.0,"avg_logprob":-0.5,"no_speech_prob":0.01}]}
                """,
            _ => $$$"""{"text":"{{{text}}}","usage":{"type":"duration","seconds":2}}""",
        };

    private async Task SpeakAsync(HttpContext http)
    {
        using var asked = await JsonDocument.ParseAsync(http.Request.Body, default, http.RequestAborted);
        string? Field(string name) => asked.RootElement.TryGetProperty(name, out var value) ? value.ToString() : null;
        if (http.Request.ContentType != "application/json" || Field("model") != "tts-1" || Field("voice") != "alloy")
        {
            await RefuseAsync(
                http,
                400,
                """{"error":{"message":"no such model or voice","type":"invalid_request_error"}}"""
            );
            return;
        }

        Fields["speed"] = Field("speed") ?? "";
        var isWav = Field("response_format") == "wav";
        http.Response.ContentType = isWav ? "audio/wav" : "audio/pcm";
        await using var wav = isWav
            ? await WavWriter.CreateAsync(http.Response.Body, SampleEncoding.Pcm16, 22_050, http.RequestAborted)
            : null;
        await _mouth.SayAsync(
            Field("input")!,
            async (part, ct) =>
            {
                if (wav is not null)
                {
                    await wav.WriteAsync(part.Samples, ct);
                    return;
                }

                var bytes = new byte[part.Samples.Length * sizeof(short)];
                Samples.Encode(SampleEncoding.Pcm16, part.Samples.Span, bytes);
                await http.Response.Body.WriteAsync(bytes.AsMemory(0, 3), ct); // Samples do not come in whole ones.
                await http.Response.Body.FlushAsync(ct);
                await http.Response.Body.WriteAsync(bytes.AsMemory(3), ct);
            },
            http.RequestAborted
        );
    }

    private static Task RefuseAsync(HttpContext http, int status, string body)
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = "application/json";
        return http.Response.WriteAsync(body, http.RequestAborted);
    }
}
