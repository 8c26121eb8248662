using System.Text.Json;
using Pollard.Voice.Audio;
using Pollard.Voice.Links;

namespace Pollard.Voice.Engines.Wyoming;

/// <summary>
/// Says sentences at an engine that speaks the Wyoming protocol, such as wyoming-piper, and hands the sound on as it comes. Who wants no more
/// ends the connection, which such engines heed. For many calls at once.
/// </summary>
internal sealed class WyomingSpeech(WyomingSettings settings, TimeProvider time) : ITextToSpeech
{
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
            await using var talk = await WyomingTalk.OpenAsync(settings, time, wait.Token);
            await talk.SayAsync("synthesize", json => WriteWish(json, sentence), default, wait.Token);
            var sound = new IncomingSound(talk);
            return await sound.BeginAsync(wait.Token) is { } rate
                ? await pump.RunAsync(sound.ReadAsync, rate)
                : pump.Failed(EngineFault.Garbled, "answered without a sound");
        }
        catch (Exception e) when (WyomingTalk.IsFailure(e, ct))
        {
            return pump.Failed(WyomingTalk.FailureOf(e, wait));
        }
    }

    private void WriteWish(Utf8JsonWriter json, string sentence)
    {
        json.WriteString("text", sentence);
        if (settings is { Model: null, Language: null, Speaker: null })
        {
            return;
        }

        json.WriteStartObject("voice");
        if (settings.Model is { } voice)
        {
            json.WriteString("name", voice);
        }

        if (settings.Language is { } language)
        {
            json.WriteString("language", language);
        }

        if (settings.Speaker is { } speaker)
        {
            json.WriteString("speaker", speaker);
        }

        json.WriteEndObject();
    }

    /// <summary>The samples of the pieces that come, until their end.</summary>
    private sealed class IncomingSound(WyomingTalk talk)
    {
        private ReadOnlyMemory<byte> _left;
        private (SampleEncoding Encoding, int Rate) _format;

        /// <summary>Waits for the first piece. Its samples a second; null: there is none.</summary>
        public async Task<int?> BeginAsync(CancellationToken ct) =>
            await NextAsync(isFirst: true, ct) ? _format.Rate : null;

        public async ValueTask<int> ReadAsync(Memory<float> samples, CancellationToken ct)
        {
            var size = Samples.BytesOf(_format.Encoding);
            while (_left.Length < size)
            {
                if (!await NextAsync(isFirst: false, ct))
                {
                    return 0;
                }
            }

            var count = Math.Min(_left.Length / size, samples.Length);
            Samples.Decode(_format.Encoding, _left.Span, samples.Span[..count]);
            _left = _left[(count * size)..];
            return count;
        }

        private async ValueTask<bool> NextAsync(bool isFirst, CancellationToken ct)
        {
            if (await talk.HearAsync(static type => type is "audio-chunk" or "audio-stop", ct) is not { } said)
            {
                throw new IOException("the connection ended before the sound did");
            }

            if (said.Type == "audio-stop")
            {
                return false;
            }

            var format = WyomingTalk.FormatOf(said);
            if (!isFirst && format != _format)
            {
                throw new FrameException("sound that changes its kind in the middle");
            }

            (_format, _left) = (format, said.Payload);
            return true;
        }
    }
}
