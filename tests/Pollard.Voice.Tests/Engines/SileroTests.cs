using Pollard.Voice.Audio;
using Pollard.Voice.Engines;
using Pollard.Voice.Engines.Silero;
using Pollard.Voice.Tests.Audio;
using Sound = Pollard.Voice.Tests.Audio.Sound;

namespace Pollard.Voice.Tests.Engines;

/// <summary>Speech told from other sounds by the real networks, in the real runtime.</summary>
public sealed class SileroTests
{
    private const int Rate = SileroModel.Rate;

    public static TheoryData<string> Versions => ["silero_vad_v5.onnx", "silero_vad_v6.onnx"];

    [Theory]
    [MemberData(nameof(Versions))]
    public async Task What_is_said_is_found_and_what_is_as_loud_is_not(string version)
    {
        using var model = Open(version);
        var said = await Tool.RunAsync(
            "flite",
            ["-voice", "rms", "-t", "Please call me back tomorrow morning.", "-o", "/dev/stdout"]
        );
        var speech = await Sound.ReadAsync(said, Rate);
        float[] sound =
        [
            .. new float[Rate],
            .. Sound.Noise(0.1f, 1, Rate), // As loud as who speaks.
            .. new float[Rate],
            .. Sound.Tone(0.1f, 1, Rate),
            .. new float[Rate],
            .. speech,
            .. new float[2 * Rate],
        ];

        var heard = Hear(sound, model.NewDetector);

        var utterance = Assert.Single(heard);
        Assert.InRange(utterance.From.TotalSeconds, 4.5, 5.3);
        Assert.InRange(utterance.Samples.Length, speech.Length * 0.8, speech.Length + Rate);
        Assert.True(Hear(sound, detector: null).Count > 1); // For its loudness alone, the noise is taken for speech.
    }

    [Theory]
    [MemberData(nameof(Versions))]
    public async Task Callers_at_once_do_not_disturb_each_other(string version)
    {
        using var model = Open(version);
        var sounds = new List<float[]>();
        foreach (var sentence in SpokenSentences.All.Take(4))
        {
            var said = await Tool.RunAsync("flite", ["-voice", "slt", "-t", sentence, "-o", "/dev/stdout"]);
            sounds.Add([.. await Sound.ReadAsync(said, Rate), .. new float[Rate]]);
        }

        var alone = sounds.Select(sound => Signs(sound, model)).ToList();
        var together = await Task.WhenAll(
            Enumerable
                .Range(0, 16)
                .Select(i => Task.Run(() => Signs(sounds[i % 4], model), TestContext.Current.CancellationToken))
        );

        Assert.All(alone, static signs => Assert.Contains(SpeechSign.Strong, signs));
        for (var i = 0; i < together.Length; i++)
        {
            Assert.Equal(alone[i % 4], together[i]);
        }
    }

    [Fact]
    public void What_cannot_work_is_said_at_the_start()
    {
        var missing = Assert.Throws<EngineSetupException>(static () => SileroModel.Open("/nowhere/model.onnx"));
        Assert.Contains("/nowhere/model.onnx", missing.Message, StringComparison.Ordinal);
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, "no network");
            var broken = Assert.Throws<EngineSetupException>(() => SileroModel.Open(file));
            Assert.Contains("no Silero network", broken.Message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void Only_sound_of_its_rate_is_heard()
    {
        using var model = Open("silero_vad_v5.onnx");
        var profile = new EndpointProfile { Detector = model.NewDetector };
        Assert.Throws<ArgumentOutOfRangeException>(() => new Endpointer(profile, 8_000, static _ => { }));
    }

    private static SileroModel Open(string version)
    {
        var file = Path.Combine(AppContext.BaseDirectory, "models", version);
        Assert.SkipUnless(File.Exists(file), $"{version} is not installed; ./test does it.");
        return SileroModel.Open(file);
    }

    private static List<SpeechEvent.Utterance> Hear(float[] sound, Func<int, ISpeechDetector>? detector)
    {
        List<SpeechEvent.Utterance> heard = [];
        var endpointer = new Endpointer(
            new EndpointProfile { Detector = detector },
            Rate,
            happened =>
            {
                if (happened is SpeechEvent.Utterance utterance)
                {
                    heard.Add(utterance);
                }
            }
        );
        endpointer.Hear(sound);
        endpointer.Flush();
        return heard;
    }

    private static List<SpeechSign> Signs(float[] sound, SileroModel model)
    {
        const int Window = Rate / 50;
        var detector = model.NewDetector(Rate);
        List<SpeechSign> signs = [];
        for (var at = 0; at + Window <= sound.Length; at += Window)
        {
            signs.Add(detector.Hear(sound.AsSpan(at, Window), level: 0));
        }

        return signs;
    }
}
