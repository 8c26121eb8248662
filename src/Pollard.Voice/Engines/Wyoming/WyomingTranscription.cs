using System.Buffers.Binary;
using System.Text.Json;
using Pollard.Voice.Audio;

namespace Pollard.Voice.Engines.Wyoming;

/// <summary>Hears utterances at an engine that speaks the Wyoming protocol, such as wyoming-faster-whisper. For many calls at once.</summary>
internal sealed class WyomingTranscription(WyomingSettings settings, TimeProvider time) : ISpeechToText
{
    private const int PieceSamples = 8_000; // Half a second: far below what an event may have.
    private const int MostLanguageCharacters = 40;

    /// <inheritdoc/>
    public string Name => settings.Name;

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
            await using var talk = await WyomingTalk.OpenAsync(settings, time, wait.Token);
            await AskAsync(talk, utterance, wait.Token);
            return await talk.HearAsync(static type => type == "transcript", wait.Token) is { } said
                ? Heard.Words(said.Text("text"u8) ?? "") with
                {
                    Language = said.Text("language"u8) is { Length: > 0 and <= MostLanguageCharacters } name
                        ? name
                        : null,
                }
                : Heard.Nothing(EngineFault.Broken, "ended the connection before it said what it heard");
        }
        catch (Exception e) when (WyomingTalk.IsFailure(e, ct))
        {
            return new Heard("") { Failure = WyomingTalk.FailureOf(e, wait) };
        }
    }

    private async Task AskAsync(WyomingTalk talk, ReadOnlyMemory<float> utterance, CancellationToken ct)
    {
        await talk.SayAsync("transcribe", WriteWish, default, ct);
        await talk.SayAsync("audio-start", WriteFormat, default, ct);
        for (var left = utterance; !left.IsEmpty; )
        {
            var piece = left[..Math.Min(left.Length, PieceSamples)];
            left = left[piece.Length..];
            await talk.SayAsync("audio-chunk", WriteFormat, BytesOf(piece.Span), ct);
        }

        await talk.SayAsync("audio-stop", null, default, ct);
    }

    private void WriteWish(Utf8JsonWriter json)
    {
        if (settings.Model is { } model)
        {
            json.WriteString("name", model);
        }

        if (settings.Language is { } language)
        {
            json.WriteString("language", language);
        }
    }

    private static void WriteFormat(Utf8JsonWriter json)
    {
        json.WriteNumber("rate", SpeechLimits.Rate);
        json.WriteNumber("width", sizeof(short));
        json.WriteNumber("channels", 1);
    }

    private static byte[] BytesOf(ReadOnlySpan<float> samples)
    {
        var bytes = new byte[samples.Length * sizeof(short)];
        for (var i = 0; i < samples.Length; i++)
        {
            BinaryPrimitives.WriteInt16LittleEndian(bytes.AsSpan(i * sizeof(short)), Samples.ToInt16(samples[i]));
        }

        return bytes;
    }
}
