namespace Pollard.Voice.Engines;

/// <summary>How a sentence was said.</summary>
/// <param name="Length">How long the sound is that was handed on.</param>
/// <param name="Failure">Why it is not whole; null when it is.</param>
internal sealed record Spoken(TimeSpan Length, EngineFailure? Failure = null) : IEngineAnswer
{
    /// <summary>Nothing was said, for this reason.</summary>
    public static Spoken Nothing(EngineFault fault, string detail) =>
        new(TimeSpan.Zero, new EngineFailure(fault, detail));
}
