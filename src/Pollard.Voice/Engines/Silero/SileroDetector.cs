using Pollard.Voice.Audio;

namespace Pollard.Voice.Engines.Silero;

/// <summary>Tells speech from other sounds by the Silero network: also music, traffic and machines that are as loud as who speaks.</summary>
internal sealed class SileroDetector : ISpeechDetector
{
    /// <summary>How likely it is that speech begins.</summary>
    public const float Begins = 0.5f;

    /// <summary>How likely it goes on: within words the network doubts more.</summary>
    public const float GoesOn = 0.35f;

    private readonly SileroModel _model;
    private readonly float[] _sound = new float[SileroModel.ContextSamples + SileroModel.PieceSamples];
    private readonly float[] _state = new float[SileroModel.StateSize];
    private int _heard; // Samples of the next piece.
    private SpeechSign _sign; // Of the piece before it.

    /// <param name="model">The network.</param>
    /// <param name="rate">Samples a second of what is heard.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is not <see cref="SileroModel.Rate"/>.</exception>
    public SileroDetector(SileroModel model, int rate)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(rate, SileroModel.Rate);
        _model = model;
    }

    /// <inheritdoc/>
    public SpeechSign Hear(ReadOnlySpan<float> window, float level)
    {
        while (!window.IsEmpty)
        {
            var part = window[..Math.Min(window.Length, SileroModel.PieceSamples - _heard)];
            part.CopyTo(_sound.AsSpan(SileroModel.ContextSamples + _heard));
            window = window[part.Length..];
            _heard += part.Length;
            if (_heard == SileroModel.PieceSamples)
            {
                HearPiece();
            }
        }

        return _sign;
    }

    private void HearPiece()
    {
        _sign = _model.Hear(_sound, _state) switch
        {
            >= Begins => SpeechSign.Strong,
            >= GoesOn => SpeechSign.Weak,
            _ => SpeechSign.None,
        };
        _sound.AsSpan(SileroModel.PieceSamples).CopyTo(_sound); // Its end is shown with the next one.
        _heard = 0;
    }
}
