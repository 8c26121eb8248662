namespace Pollard.Voice.Engines.Http;

/// <summary>How an answer is written.</summary>
internal enum TranscriptionFormat
{
    /// <summary>An object with the text.</summary>
    Json,

    /// <summary>The text alone.</summary>
    Text,

    /// <summary>An object that also tells the language and how likely the words are, where a server has it.</summary>
    VerboseJson,
}

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

    /// <summary>How the answer is asked for.</summary>
    public TranscriptionFormat Format { get; init; }

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
            Format = TranscriptionFormat.VerboseJson,
        };
}
