using System.Buffers;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;
using Pollard.Voice.Audio;

namespace Pollard.Voice.Engines.Http;

/// <summary>Says sentences at a server with OpenAI's <c>/v1/audio/speech</c>, and hands the sound on while the server makes it.</summary>
internal sealed class HttpSpeech(HttpClient http, HttpSpeechSettings settings, TimeProvider time) : ITextToSpeech
{
    private const int MostRate = 192_000;
    private readonly Uri _endpoint = HttpEngine.At(settings.Server, "v1/audio/speech");

    /// <inheritdoc/>
    public string Name => settings.Name;

    /// <inheritdoc/>
    public async Task<Spoken> SayAsync(string sentence, SoundTaker taker, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        if (SpeechLimits.Refuse(sentence) is { } refused)
        {
            return refused;
        }

        using var wait = new EngineWait(settings.Patience, time, ct);
        var pump = new SoundPump(taker, wait, ct);
        try
        {
            return await AskAsync(sentence, pump, wait.Token);
        }
        catch (WavException e)
        {
            return pump.Failed(EngineFault.Garbled, $"did not answer with a WAV file: {e.Message}");
        }
        catch (Exception e) when (HttpEngine.IsFailure(e, ct))
        {
            return pump.Failed(HttpEngine.FailureOf(e, wait));
        }
    }

    private async Task<Spoken> AskAsync(string sentence, SoundPump pump, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, _endpoint) { Content = Body(sentence) };
        request.Headers.Authorization = HttpEngine.Key(settings.Key);
        using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct);
        if (await HttpEngine.FailureOfAsync(response, ct) is { } failure)
        {
            return pump.Failed(failure);
        }

        await using var stream = await response.Content.ReadAsStreamAsync(ct);
        switch (response.Content.Headers.ContentType)
        {
            case { MediaType: "audio/wav" or "audio/x-wav" or "audio/wave" or "audio/vnd.wave" }:
                return await PlayWavAsync(stream, pump, ct);
            case null or { MediaType: "application/octet-stream" } when settings.IsWav:
                return await PlayWavAsync(stream, pump, ct);
            case null or { MediaType: "audio/pcm" or "audio/x-pcm" or "application/octet-stream" }:
                return await pump.RunAsync(
                    new RawReader(stream, SampleEncoding.Pcm16).ReadAsync,
                    RateOf(response.Content.Headers.ContentType)
                );
            case var other: // An error page, or a kind of sound that was not asked for: played, either is noise.
                return pump.Failed(EngineFault.Garbled, $"answered with {other.MediaType}");
        }
    }

    private static async Task<Spoken> PlayWavAsync(Stream stream, SoundPump pump, CancellationToken ct)
    {
        var wav = await WavReader.OpenAsync(stream, ct);
        return await pump.RunAsync(wav.ReadAsync, wav.Format.Rate);
    }

    private int RateOf(MediaTypeHeaderValue? type) =>
        int.TryParse(
            type?.Parameters.FirstOrDefault(static parameter => parameter.Name is "rate" or "sample_rate")?.Value,
            NumberStyles.None,
            CultureInfo.InvariantCulture,
            out var rate
        ) && rate is > 0 and <= MostRate
            ? rate
            : settings.PcmRate;

    private ByteArrayContent Body(string sentence)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("model", settings.Model);
            json.WriteString("input", sentence);
            json.WriteString("voice", settings.Voice);
            json.WriteString("response_format", settings.IsWav ? "wav" : "pcm");
            if (settings.Speed is { } speed)
            {
                json.WriteNumber("speed", speed);
            }

            json.WriteEndObject();
        }

        var content = new ByteArrayContent(buffer.WrittenSpan.ToArray());
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return content;
    }
}
