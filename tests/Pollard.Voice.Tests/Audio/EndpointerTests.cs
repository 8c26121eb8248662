using CsCheck;
using Pollard.Voice.Audio;

namespace Pollard.Voice.Tests.Audio;

/// <summary>Where speech begins and ends: bursts at known places, noise, and what espeak-ng says.</summary>
public sealed class EndpointerTests
{
    private const int Rate = 16_000;
    private const int Window = Rate / 50;

    [Theory]
    [InlineData(8_000)]
    [InlineData(16_000)]
    public void Speech_begins_soon_after_its_onset_and_ends_after_the_silence_that_ends_it(int rate)
    {
        var sound = Sound.Noise(0.003f, 4, rate);
        Sound.Add(sound, Sound.Tone(0.1f, 1, rate), rate);

        var heard = new Heard(EndpointProfile.Default, rate, sound);

        Assert.Equal(["Started", "Utterance"], heard.Names);
        Assert.InRange(heard.Times[0], 1.04, 1.13);
        Assert.InRange(heard.Times[1], 2.5, 2.54);
        var utterance = heard.Utterances[0];
        Assert.InRange(utterance.From.TotalSeconds, 0.68, 0.7); // 300 ms before it.
        Assert.InRange(utterance.Samples.Length / (double)rate, 1.5, 1.54); // And 200 ms after it.
        Assert.Equal(
            sound.Skip((int)(utterance.From.TotalSeconds * rate)).Take(utterance.Samples.Length),
            utterance.Samples
        );
        Assert.False(utterance.GoesOn);
    }

    [Fact]
    public void Existing_services_rules_are_one_profile()
    {
        var (at, profile) = (new float[6 * Rate], EndpointProfile.Existing);
        Sound.Add(at, Sound.Tone(0.0155f, 0.02, Rate), Rate); // One window does not start.
        Sound.Add(at, Sound.Tone(0.0145f, 0.5, Rate), 2 * Rate); // Nor do quiet ones.
        Sound.Add(at, Sound.Tone(0.0155f, 0.1, Rate), 3 * Rate);
        Sound.Add(at, Sound.Tone(0.0055f, 0.2, Rate), (int)(3.1 * Rate)); // Quieter ones go on.
        Sound.Add(at, Sound.Tone(0.0155f, 0.2, Rate), 4 * Rate); // Too short.

        var heard = new Heard(profile, Rate, at);
        var long_ = new Heard(profile, Rate, [.. Sound.Tone(0.1f, 7, Rate), .. new float[Rate]]);

        Assert.Equal(["Started", "Utterance", "Started", "Discarded"], heard.Names);
        Assert.Equal(3, heard.Utterances[0].From.TotalSeconds, 3);
        Assert.Equal(0.3 + 0.26, heard.Utterances[0].Samples.Length / (double)Rate, 3);
        Assert.Equal(3.04, heard.Times[0], 3);
        Assert.Equal(3.56, heard.Times[1], 3);
        Assert.Equal([true, true, false], long_.Utterances.Select(static one => one.GoesOn));
        Assert.All(long_.Utterances, static one => Assert.InRange(one.Samples.Length, 1, 3 * Rate));
        Assert.Equal(7.26 * Rate, long_.Utterances.Sum(static one => one.Samples.Length));
    }

    [Theory]
    [InlineData(0f)]
    [InlineData(0.0005f)]
    [InlineData(0.005f)]
    [InlineData(0.02f)]
    [InlineData(0.03f)]
    public void Noise_alone_never_starts(float level)
    {
        var white = Sound.Noise(level, 60, 8_000);
        var brown = Sound.Brown(level, 60, 8_000);
        for (var at = 8_000; at < white.Length; at += 8_000)
        {
            white.AsSpan(at, 320).Clear(); // Two packets are lost each second.
        }

        Assert.Empty(new Heard(EndpointProfile.Default, 8_000, white).Names);
        Assert.Empty(new Heard(EndpointProfile.Default, 8_000, brown).Names);
    }

    [Fact]
    public void Noise_that_comes_up_is_told_from_speech_after_a_while()
    {
        float[] sound = [.. Sound.Noise(0.001f, 3, Rate), .. Sound.Noise(0.02f, 30, Rate)];
        Sound.Add(sound, Sound.Tone(0.2f, 1, Rate), 20 * Rate);

        var heard = new Heard(EndpointProfile.Default, Rate, sound);

        Assert.Equal(["Started", "Utterance", "Started", "Utterance"], heard.Names);
        Assert.InRange(heard.Times[1], 3, 6);
        Assert.InRange(heard.Times[2], 20, 20.13);
        Assert.InRange(heard.Times[3], 21.5, 21.6);
    }

    [Fact]
    public void A_click_does_not_start_and_a_knock_is_discarded()
    {
        var sound = Sound.Noise(0.002f, 5, Rate);
        Sound.Add(sound, Sound.Tone(0.5f, 0.03, Rate), Rate);
        Sound.Add(sound, Sound.Tone(0.5f, 0.07, Rate), 3 * Rate);

        var heard = new Heard(EndpointProfile.Default, Rate, sound);

        Assert.Equal(["Started", "Discarded"], heard.Names);
        Assert.InRange(heard.Times[0], 3, 3.13);
    }

    [Fact]
    public void What_is_too_long_is_cut_where_it_is_quietest_and_nothing_is_lost()
    {
        var sound = Sound.Noise(0.001f, 25, Rate);
        Sound.Add(sound, Sound.Tone(0.1f, 20, Rate), Rate);
        Sound.Noise(0.001f, 0.1, Rate).CopyTo(sound, 7 * Rate); // A breath, which is no end.
        Sound.Noise(0.001f, 0.1, Rate).CopyTo(sound, 12 * Rate);

        var heard = new Heard(EndpointProfile.Default, Rate, sound);

        Assert.Equal("Started", heard.Names[0]);
        Assert.Equal(
            [.. Enumerable.Repeat(true, heard.Utterances.Count - 1), false],
            heard.Utterances.Select(one => one.GoesOn)
        );
        Assert.InRange(EndOf(heard.Utterances[0], Rate), 7, 7.1);
        Assert.InRange(EndOf(heard.Utterances[1], Rate), 12, 12.1);
        Assert.All(heard.Utterances, static one => Assert.InRange(one.Samples.Length, Window, 8 * Rate));
        var all = heard.Utterances.SelectMany(static one => one.Samples).ToArray();
        Assert.Equal(sound.AsSpan((int)(heard.Utterances[0].From.TotalSeconds * Rate), all.Length).ToArray(), all);
        Assert.InRange(all.Length / (double)Rate, 20.5, 20.6);
    }

    [Fact]
    public void What_is_said_when_the_call_ends_is_given()
    {
        var heard = new Heard(
            EndpointProfile.Default,
            Rate,
            [.. Sound.Noise(0.001f, 1, Rate), .. Sound.Tone(0.1f, 1, Rate)]
        );

        Assert.Equal(["Started", "Utterance"], heard.Names);
        Assert.Equal(1.3, heard.Utterances[0].Samples.Length / (double)Rate, 2);
    }

    [Fact]
    public void How_sound_is_cut_makes_no_difference_and_no_sample_is_given_twice()
    {
        var part = Gen.Select(Gen.Int[0, 3], Gen.Int[1, 150]);
        Gen.Select(part.Array[1, 12], Gen.Int[1, 5_000].Array[1, 8])
            .Sample(
                (parts, cuts) =>
                {
                    float[] levels = [0f, 0.002f, 0.02f, 0.2f];
                    float[] sound =
                    [
                        .. parts.SelectMany(one => Sound.Noise(levels[one.Item1], one.Item2 * 0.02, 8_000)),
                    ];

                    var whole = new Heard(EndpointProfile.Default, 8_000, sound, [sound.Length]);
                    var cut = new Heard(EndpointProfile.Default, 8_000, sound, cuts);

                    Assert.Equal(whole.Names, cut.Names);
                    var end = 0.0;
                    foreach (var (one, other) in whole.Utterances.Zip(cut.Utterances))
                    {
                        Assert.Equal((one.From, one.GoesOn), (other.From, other.GoesOn));
                        Assert.Equal(one.Samples, other.Samples);
                        Assert.True(one.From.TotalSeconds >= end - 0.0001 && one.Samples.Length <= 8 * 8_000);
                        Assert.Equal(
                            sound.AsSpan((int)Math.Round(one.From.TotalSeconds * 8_000), one.Samples.Length).ToArray(),
                            one.Samples
                        );
                        end = one.From.TotalSeconds + one.Samples.Length / 8_000.0;
                    }
                },
                iter: 200
            );
    }

    [Theory]
    [InlineData("en-us", "I would like to cancel my appointment.", 16_000)]
    [InlineData("en-us", "What time is it?", 8_000)]
    [InlineData("en-gb", "Yes.", 8_000)]
    [InlineData("de", "Bitte verbinden Sie mich mit der Werkstatt.", 16_000)]
    [InlineData("fr", "Merci, au revoir.", 8_000)]
    public async Task Spoken_words_are_found_whole(string voice, string words, int rate)
    {
        var spoken = await Sound.SayAsync(voice, words, rate);
        var (onset, offset) = (Array.FindIndex(spoken, IsHeard), Array.FindLastIndex(spoken, IsHeard));
        var sound = Sound.Noise(0.002f, 2 + spoken.Length / (double)rate, rate);
        Sound.Add(sound, spoken, rate);

        var heard = new Heard(EndpointProfile.Default, rate, sound);

        var (begins, ends) = (1 + onset / (double)rate, 1 + offset / (double)rate);
        Assert.Equal(["Started", "Utterance"], heard.Names);
        Assert.InRange(heard.Times[0], begins, begins + 0.13);
        Assert.InRange(heard.Times[1], ends + 0.35, ends + 0.56); // The last sounds of a word may be as quiet as the noise.
        Assert.InRange(heard.Utterances[0].From.TotalSeconds, begins - 0.32, begins - 0.1);
        Assert.InRange(EndOf(heard.Utterances[0], rate), ends, ends + 0.3);

        static bool IsHeard(float sample) => Math.Abs(sample) > 0.012f;
    }

    private static double EndOf(SpeechEvent.Utterance one, int rate) =>
        one.From.TotalSeconds + one.Samples.Length / (double)rate;

    /// <summary>What happened when a sound was heard, and when, in seconds of the sound.</summary>
    private sealed class Heard
    {
        public Heard(EndpointProfile profile, int rate, float[] sound, int[]? cuts = null)
        {
            var at = 0;
            var endpointer = new Endpointer(
                profile,
                rate,
                happened =>
                {
                    Names.Add(happened.GetType().Name);
                    Times.Add(at / (double)rate);
                    if (happened is SpeechEvent.Utterance utterance)
                    {
                        Utterances.Add(utterance);
                    }
                }
            );
            for (var i = 0; at < sound.Length; i++)
            {
                var part = sound.AsSpan(at, Math.Min(cuts?[i % cuts.Length] ?? rate / 50, sound.Length - at));
                at += part.Length;
                endpointer.Hear(part);
            }

            endpointer.Flush();
        }

        public List<string> Names { get; } = [];

        public List<double> Times { get; } = [];

        public List<SpeechEvent.Utterance> Utterances { get; } = [];
    }
}
