using Pollard.Voice.Audio;

namespace Pollard.Voice.Tests.Audio;

/// <summary>Sounds to test with. Levels are roots of the mean square.</summary>
internal static class Sound
{
    /// <summary>White noise, the same each time.</summary>
    public static float[] Noise(float level, double seconds, int rate)
    {
        var random = new Random(7);
        return Level(
            [.. Enumerable.Range(0, (int)Math.Round(seconds * rate)).Select(_ => random.NextSingle() - 0.5f)],
            level
        );
    }

    /// <summary>Noise with most of it at low tones, as of an engine.</summary>
    public static float[] Brown(float level, double seconds, int rate)
    {
        var last = 0f;
        return Level([.. Noise(1, seconds, rate).Select(sample => last = 0.9f * last + sample)], level);
    }

    /// <summary>A tone; the usual one goes through a whole number of turns in a window of 20 ms.</summary>
    public static float[] Tone(float level, double seconds, int rate, double frequency = 400) =>
        [
            .. Enumerable
                .Range(0, (int)Math.Round(seconds * rate))
                .Select(i => (float)(level * Math.Sqrt(2) * Math.Sin(2 * Math.PI * frequency * i / rate))),
        ];

    /// <summary>Lays one sound over another.</summary>
    public static void Add(float[] sound, float[] other, int at)
    {
        for (var i = 0; i < other.Length; i++)
        {
            sound[at + i] += other[i];
        }
    }

    /// <summary>Has espeak-ng say something.</summary>
    public static async Task<float[]> SayAsync(string voice, string words, int rate)
    {
        var file = await Tool.RunAsync("espeak-ng", ["--stdout", "-v", voice, words]);
        return await ReadAsync(file, rate);
    }

    /// <summary>The sound of a WAV file.</summary>
    public static async Task<float[]> ReadAsync(byte[] file, int rate)
    {
        var ct = TestContext.Current.CancellationToken;
        var reader = await WavReader.OpenAsync(new MemoryStream(file), ct);
        var spoken = await reader.ReadAllAsync(TimeSpan.FromMinutes(1), ct);
        var resampler = new Resampler(reader.Format.Rate, rate);
        var output = new float[resampler.MostOf(spoken.Length) + resampler.MostOf(0)];
        var made = resampler.Process(spoken, output);
        return output[..(made + resampler.Flush(output.AsSpan(made)))];
    }

    private static float[] Level(float[] sound, float level)
    {
        var scale = sound.Length == 0 ? 0 : level / Samples.RootMeanSquare(sound);
        return [.. sound.Select(sample => sample * scale)];
    }
}
