using Pollard.Voice.Audio;

namespace Pollard.Voice.Tests.Legs;

/// <summary>How much of a sound is one tone.</summary>
internal static class Tones
{
    /// <summary>The share of a tone in the power of a sound, 0 to 1.</summary>
    public static double Share(ReadOnlySpan<float> samples, double frequency, int rate = G711.Rate)
    {
        var turn = 2 * Math.PI * frequency / rate;
        double sine = 0;
        double cosine = 0;
        double all = 0;
        for (var i = 0; i < samples.Length; i++)
        {
            sine += samples[i] * Math.Sin(turn * i);
            cosine += samples[i] * Math.Cos(turn * i);
            all += samples[i] * samples[i];
        }

        return all == 0 ? 0 : 2 * (sine * sine + cosine * cosine) / (all * samples.Length);
    }

    /// <summary>The share of a tone in the loudest fifth of a second of a sound.</summary>
    public static double Best(ReadOnlySpan<float> samples, double frequency)
    {
        var window = G711.Rate / 5;
        var (best, loudest) = (0.0, 0f);
        for (var at = 0; at + window <= samples.Length; at += window / 2)
        {
            var part = samples.Slice(at, window);
            if (Samples.RootMeanSquare(part) is var level && level > loudest)
            {
                (best, loudest) = (Share(part, frequency), level);
            }
        }

        return best;
    }
}
