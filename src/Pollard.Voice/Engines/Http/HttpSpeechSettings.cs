namespace Pollard.Voice.Engines.Http;

/// <summary>Where and how sentences are said over HTTP.</summary>
internal sealed record HttpSpeechSettings
{
    /// <summary>What the engine is called in logs and metrics.</summary>
    public string Name { get; init; } = "openai";

    /// <summary>A server with OpenAI's <c>/v1/audio/speech</c>.</summary>
    public required Uri Server { get; init; }

    /// <summary>The model.</summary>
    public required string Model { get; init; }

    /// <summary>The voice.</summary>
    public required string Voice { get; init; }

    /// <summary>1 is the voice's own; null: nothing is said about it.</summary>
    public double? Speed { get; init; }

    /// <summary>Whether the sound is asked for as a WAV file, which says its rate; otherwise as bare samples of 16 bits.</summary>
    public bool IsWav { get; init; }

    /// <summary>Samples a second of bare samples, where the answer does not say it.</summary>
    public int PcmRate { get; init; } = 24_000;

    /// <summary>The key that is sent along.</summary>
    public string? Key { get; init; }

    /// <summary>How long it is waited for.</summary>
    public EnginePatience Patience { get; init; } = EnginePatience.Sentence;
}
