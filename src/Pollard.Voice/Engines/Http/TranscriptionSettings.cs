namespace Pollard.Voice.Engines.Http;

/// <summary>Where and how utterances are heard over HTTP.</summary>
internal sealed record TranscriptionSettings
{
    /// <summary>What the engine is called in logs and metrics.</summary>
    public required string Name { get; init; }

    /// <summary>Where utterances are posted.</summary>
    public required Uri Endpoint { get; init; }

    /// <summary>The model; null: the server's only one.</summary>
    public string? Model { get; init; }

    /// <summary>The language (<c>en</c>); null: the server finds out.</summary>
    public string? Language { get; init; }

    /// <summary><c>json</c>, <c>text</c>, or <c>verbose_json</c>, which also tells the language and how sure it is, where a server has it.</summary>
    public string Format { get; init; } = "json";

    /// <summary>The key that is sent along.</summary>
    public string? Key { get; init; }

    /// <summary>How long an answer is waited for.</summary>
    public EnginePatience Patience { get; init; } = EnginePatience.Utterance;

    /// <summary>A server with OpenAI's <c>/v1/audio/transcriptions</c>.</summary>
    public static TranscriptionSettings OpenAi(Uri server, string model) =>
        new()
        {
            Name = "openai",
            Endpoint = HttpEngine.At(server, "v1/audio/transcriptions"),
            Model = model,
        };

    /// <summary>The server that comes with whisper.cpp.</summary>
    public static TranscriptionSettings WhisperServer(Uri server) =>
        new()
        {
            Name = "whisper",
            Endpoint = HttpEngine.At(server, "inference"),
            Format = "verbose_json",
        };
}
