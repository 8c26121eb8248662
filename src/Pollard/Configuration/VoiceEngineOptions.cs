using System.CommandLine;
using System.Globalization;
using Pollard.Voice.Engines;
using Pollard.Voice.Engines.Http;
using Pollard.Voice.Engines.Pocketsphinx;
using Pollard.Voice.Engines.Programs;
using Pollard.Voice.Engines.Silero;
using Pollard.Voice.Engines.Wyoming;

namespace Pollard.Configuration;

/// <summary>Who recognises and who speaks in calls, as the command line names them.</summary>
internal static class VoiceEngineOptions
{
    public static readonly Option<string[]> SttEngine = CommonOptions.Texts(
        "--stt-engine",
        "ENGINE",
        "Who recognises: pocketsphinx, pocketsphinx:GRAMMAR.jsgf, whisper:URL (whisper.cpp's server), openai:URL, wyoming:HOST:PORT; may be given several times, in the order in which they are asked. Default: pocketsphinx"
    );

    public static readonly Option<string[]> TtsEngine = CommonOptions.Texts(
        "--tts-engine",
        "ENGINE",
        "Who speaks: espeak, openai:URL, wyoming:HOST:PORT; may be given several times. Default: espeak"
    );

    public static readonly Option<string?> SttModel = CommonOptions.Text(
        "--stt-model",
        "MODEL",
        "The engine's model for recognition. Default: whisper-1 of openai, else the engine's own"
    );

    public static readonly Option<string?> TtsModel = CommonOptions.Text(
        "--tts-model",
        "MODEL",
        "The engine's model for speech. Default: tts-1 of openai"
    );

    public static readonly Option<string?> VoiceName = CommonOptions.Text(
        "--voice",
        "NAME",
        "The voice. Default: en-us of espeak, alloy of openai, else the engine's own"
    );

    public static readonly Option<string?> Language = CommonOptions.Text(
        "--language",
        "LANGUAGE",
        "What callers speak, such as en. Default: the engine finds out"
    );

    public static readonly Option<string?> SttKeyFile = CommonOptions.Text(
        "--stt-key-file",
        "FILE",
        "A file with the key for recognition; or the key itself in POLLARD_STT_KEY"
    );

    public static readonly Option<string?> TtsKeyFile = CommonOptions.Text(
        "--tts-key-file",
        "FILE",
        "A file with the key for speech; or the key itself in POLLARD_TTS_KEY"
    );

    public static readonly Option<string?> Vad = CommonOptions.Text(
        "--vad",
        "DETECTOR",
        "What tells speech from other sounds: loudness, silero:MODEL.onnx (needs the ONNX Runtime). Default: loudness"
    );

    /// <summary>What tells speech from other sounds; null: its loudness.</summary>
    /// <exception cref="UsageException">There is no such thing.</exception>
    /// <exception cref="EngineSetupException">It cannot work here.</exception>
    public static SileroModel? Detector(Settings settings)
    {
        var text = settings.Text(Vad) ?? "loudness";
        return Parts(text) switch
        {
            ("loudness", "") => null,
            ("silero", { Length: > 0 } file) => SileroModel.Open(file),
            _ => throw new UsageException($"{Vad.Name} is \"{text}\"; write loudness or silero:MODEL.onnx."),
        };
    }

    /// <summary>Who recognises.</summary>
    /// <exception cref="UsageException">There is no such engine.</exception>
    /// <exception cref="EngineSetupException">It cannot work as it is set up.</exception>
    public static ISpeechToText Ears(Settings settings, HttpClient http, TimeProvider time, string text)
    {
        var (kind, rest) = Parts(text);
        return kind switch
        {
            "pocketsphinx" => PocketsphinxEngine.Open(
                new PocketsphinxSettings { GrammarFile = rest.Length > 0 ? rest : null },
                time
            ),
            "whisper" => Http(TranscriptionSettings.WhisperServer(Address(rest, text))),
            "openai" => Http(TranscriptionSettings.OpenAi(Address(rest, text), settings.Text(SttModel) ?? "whisper-1")),
            "wyoming" => new WyomingTranscription(
                Wyoming(settings, rest, text, EnginePatience.Utterance) with
                {
                    Model = settings.Text(SttModel),
                },
                time
            ),
            _ => throw new UsageException(
                $"--stt-engine is \"{text}\"; write pocketsphinx, pocketsphinx:GRAMMAR.jsgf, whisper:URL, openai:URL or wyoming:HOST:PORT."
            ),
        };

        HttpTranscription Http(TranscriptionSettings server) =>
            new(http, server with { Language = settings.Text(Language), Key = settings.Secret(SttKeyFile) }, time);
    }

    /// <summary>Who speaks.</summary>
    /// <exception cref="UsageException">There is no such engine.</exception>
    /// <exception cref="EngineSetupException">It cannot speak so.</exception>
    public static ITextToSpeech Voice(Settings settings, HttpClient http, TimeProvider time, string text)
    {
        var (kind, rest) = Parts(text);
        return kind switch
        {
            "espeak" when rest.Length == 0 => new ProgramSpeech(
                new EspeakNg { Voice = settings.Text(VoiceName) ?? new EspeakNg().Voice }.ToProgram(),
                time
            ),
            "openai" => new HttpSpeech(
                http,
                new HttpSpeechSettings
                {
                    Server = Address(rest, text),
                    Model = settings.Text(TtsModel) ?? "tts-1",
                    Voice = settings.Text(VoiceName) ?? "alloy",
                    Key = settings.Secret(TtsKeyFile),
                },
                time
            ),
            "wyoming" => new WyomingSpeech(
                Wyoming(settings, rest, text, EnginePatience.Sentence) with
                {
                    Model = settings.Text(VoiceName),
                },
                time
            ),
            _ => throw new UsageException(
                $"--tts-engine is \"{text}\"; write espeak, openai:URL or wyoming:HOST:PORT."
            ),
        };
    }

    private static WyomingSettings Wyoming(Settings settings, string rest, string text, EnginePatience patience)
    {
        var colon = rest.LastIndexOf(':');
        return colon > 0 && ushort.TryParse(rest[(colon + 1)..], CultureInfo.InvariantCulture, out var port) && port > 0
            ? new WyomingSettings
            {
                Host = rest[..colon].Trim('[', ']'),
                Port = port,
                Language = settings.Text(Language),
                Patience = patience,
            }
            : throw new UsageException($"\"{text}\" names no machine and port; write wyoming:127.0.0.1:10300.");
    }

    private static Uri Address(string rest, string text) =>
        Uri.TryCreate(rest, UriKind.Absolute, out var address) && address.Scheme is "http" or "https"
            ? address
            : throw new UsageException($"\"{text}\" names no server; write openai:http://127.0.0.1:8000.");

    private static (string Kind, string Details) Parts(string text) =>
        text.Split(':', 2) is [var kind, var rest] ? (kind, rest) : (text, "");
}
