using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Pollard.Voice.Audio;

namespace Pollard.Voice.Engines.Http;

/// <summary>Hears utterances at a server with OpenAI's interface, or whisper.cpp's.</summary>
internal sealed partial class HttpTranscription(HttpClient http, TranscriptionSettings settings, TimeProvider time)
    : ISpeechToText
{
    private const int MostLanguageCharacters = 40;

    /// <inheritdoc/>
    public string Name => settings.Name;

    // What Whisper writes for what nobody said: [BLANK_AUDIO], (silence), [MUSIC].
    [GeneratedRegex(@"^(\s*(\[[^\]]*\]|\([^)]*\)))+\s*$", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    private static partial Regex OnlyRemarks { get; }

    /// <inheritdoc/>
    public async Task<Heard> HearAsync(ReadOnlyMemory<float> utterance, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        if (SpeechLimits.Refuse(utterance) is { } refused)
        {
            return refused;
        }

        using var wait = new EngineWait(settings.Patience, time, ct);
        try
        {
            return await AskAsync(utterance, wait.Token);
        }
        catch (Exception e) when (HttpEngine.IsFailure(e, ct))
        {
            return new Heard("") { Failure = HttpEngine.FailureOf(e, wait) };
        }
    }

    private async Task<Heard> AskAsync(ReadOnlyMemory<float> utterance, CancellationToken ct)
    {
        using var form = await FormAsync(utterance, ct);
        using var request = new HttpRequestMessage(HttpMethod.Post, settings.Endpoint) { Content = form };
        request.Headers.Authorization = HttpEngine.Key(settings.Key);
        using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct);
        if (await HttpEngine.FailureOfAsync(response, ct) is { } failure)
        {
            return new Heard("") { Failure = failure };
        }

        return await HttpEngine.ReadAsync(response, ct) is { } body
            ? Parse(body)
            : Heard.Nothing(EngineFault.TooLarge, "answered with more than is read");
    }

    private async Task<MultipartFormDataContent> FormAsync(ReadOnlyMemory<float> utterance, CancellationToken ct)
    {
        using var wav = new MemoryStream();
        await using (var writer = await WavWriter.CreateAsync(wav, SampleEncoding.Pcm16, SpeechLimits.Rate, ct))
        {
            await writer.WriteAsync(utterance, ct);
        }

        // Quotes where cpp-httplib needs them, around the names, and not where older ones stumble, around the boundary.
        var boundary = $"pollard-{Guid.CreateVersion7():N}";
        var form = new MultipartFormDataContent(boundary);
        form.Headers.ContentType = MediaTypeHeaderValue.Parse($"multipart/form-data; boundary={boundary}");
        var file = new ByteArrayContent(wav.ToArray());
        file.Headers.ContentType = new MediaTypeHeaderValue("audio/wav");
        form.Add(file, "\"file\"", "\"utterance.wav\"");
        Add(form, "model", settings.Model);
        Add(form, "language", settings.Language);
        Add(form, "response_format", WordOf(settings.Format));
        return form;
    }

    private static void Add(MultipartFormDataContent form, string name, string? value)
    {
        if (value is not null)
        {
            form.Add(new ByteArrayContent(Encoding.UTF8.GetBytes(value)), $"\"{name}\"");
        }
    }

    private static string WordOf(TranscriptionFormat format) =>
        format switch
        {
            TranscriptionFormat.Json => "json",
            TranscriptionFormat.Text => "text",
            TranscriptionFormat.VerboseJson => "verbose_json",
            _ => throw new UnreachableException(),
        };

    private Heard Parse(byte[] body)
    {
        if (settings.Format == TranscriptionFormat.Text)
        {
            return Words(Encoding.UTF8.GetString(body));
        }

        if (HttpEngine.ErrorOf(body) is { } error)
        {
            return Heard.Nothing(EngineFault.Refused, $"answered: {error}"); // whisper.cpp says so with the status 200.
        }

        using var answer = HttpEngine.ObjectOf(body);
        if (
            answer is null
            || !answer.RootElement.TryGetProperty("text", out var text)
            || text.ValueKind != JsonValueKind.String
        )
        {
            return Heard.Nothing(EngineFault.Garbled, "answered with something that has no text");
        }

        return Words(text.GetString()!) with
        {
            Confidence = ConfidenceOf(answer.RootElement),
            Language = LanguageOf(answer.RootElement),
        };
    }

    private static Heard Words(string text) => Heard.Words(OnlyRemarks.IsMatch(text) ? "" : text);

    private static string? LanguageOf(JsonElement answer) =>
        answer.TryGetProperty("language", out var language)
        && language.ValueKind == JsonValueKind.String
        && language.GetString() is { Length: > 0 and <= MostLanguageCharacters } name
            ? name
            : null;

    // Each segment says how likely its words are, on average and as a logarithm.
    private static double? ConfidenceOf(JsonElement answer)
    {
        if (!answer.TryGetProperty("segments", out var segments) || segments.ValueKind != JsonValueKind.Array)
        {
            return null;
        }

        var (sum, count) = (0.0, 0);
        foreach (var segment in segments.EnumerateArray())
        {
            if (
                segment.ValueKind == JsonValueKind.Object
                && segment.TryGetProperty("avg_logprob", out var likely)
                && likely.ValueKind == JsonValueKind.Number
            )
            {
                (sum, count) = (sum + likely.GetDouble(), count + 1);
            }
        }

        return count == 0 ? null : Math.Clamp(Math.Exp(sum / count), 0, 1);
    }
}
