namespace Pollard.Voice.Engines.Wyoming;

/// <summary>Where an engine is that speaks the Wyoming protocol, and what it is asked for.</summary>
internal sealed record WyomingSettings
{
    /// <summary>What the engine is called in logs and metrics.</summary>
    public string Name { get; init; } = "wyoming";

    /// <summary>Its machine.</summary>
    public required string Host { get; init; }

    /// <summary>Its port: 10300 is usual for recognition, 10200 for speech.</summary>
    public required int Port { get; init; }

    /// <summary>The model for recognition, or the voice; null: the engine's usual one.</summary>
    public string? Model { get; init; }

    /// <summary>The language, such as <c>en</c>; null: the engine's usual one.</summary>
    public string? Language { get; init; }

    /// <summary>Which speaker of a voice that has several; null: its usual one.</summary>
    public string? Speaker { get; init; }

    /// <summary>How long it is waited for.</summary>
    public required EnginePatience Patience { get; init; }
}
