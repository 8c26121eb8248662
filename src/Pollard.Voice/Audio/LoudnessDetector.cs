namespace Pollard.Voice.Audio;

/// <summary>Takes for speech what is louder than the noise around it, or than fixed levels.</summary>
/// <param name="profile">How much louder.</param>
internal sealed class LoudnessDetector(EndpointProfile profile) : ISpeechDetector
{
    private readonly NoiseFloor _noise = new();

    /// <inheritdoc/>
    public SpeechSign Hear(ReadOnlySpan<float> window, float level)
    {
        var sign =
            level >= Math.Max(profile.StartLevel, _noise.Level * profile.StartOverNoise) ? SpeechSign.Strong
            : level >= Math.Max(profile.StopLevel, _noise.Level * profile.StopOverNoise) ? SpeechSign.Weak
            : SpeechSign.None;
        _noise.Hear(level);
        return sign;
    }
}
