using CsCheck;
using Pollard.Voice.Audio;

namespace Pollard.Voice.Tests.Audio;

/// <summary>Changes of rate: what passes, what does not, and that pieces make no difference.</summary>
public sealed class ResamplerTests
{
    private const double Amplitude = 0.9;

    public static TheoryData<int, int> Rates =>
        new()
        {
            { 24_000, 8_000 },
            { 22_050, 8_000 },
            { 44_100, 8_000 },
            { 48_000, 8_000 },
            { 16_000, 8_000 },
            { 8_000, 16_000 },
            { 8_000, 24_000 },
            { 8_000, 48_000 },
            { 48_000, 16_000 },
            { 44_100, 48_000 },
            { 11_025, 32_000 },
            { 12_347, 8_000 }, // Nothing in common: these have no taps for each place of their own.
            { 8_000, 47_999 },
        };

    [Theory]
    [MemberData(nameof(Rates))]
    public void Tones_of_the_band_pass_alone_and_as_loud_as_they_were(int from, int to)
    {
        var edge = Math.Min(from, to) / 2 * 0.85;
        var (least, most, worst) = (0.0, 0.0, double.PositiveInfinity);
        for (var step = 1; step <= 24; step++)
        {
            var tone = edge * step / 24;
            var (decibels, purity) = Fit(Convert(Sine(tone, from), from, to), tone, to);
            (least, most, worst) = (Math.Min(least, decibels), Math.Max(most, decibels), Math.Min(worst, purity));
        }

        TestContext.Current.SendDiagnosticMessage(
            $"{from} to {to}: {least:0.0000} to {most:0.0000} dB, {worst:0.0} dB pure"
        );
        Assert.InRange(least, -0.1, 0);
        Assert.InRange(most, 0, 0.1);
        Assert.InRange(worst, 70, double.PositiveInfinity);
    }

    [Theory]
    [InlineData(24_000, 8_000)]
    [InlineData(22_050, 8_000)]
    [InlineData(44_100, 8_000)]
    [InlineData(48_000, 8_000)]
    [InlineData(16_000, 8_000)]
    [InlineData(48_000, 16_000)]
    [InlineData(12_347, 8_000)]
    public void Tones_that_the_new_rate_does_not_have_do_not_come_back_as_others(int from, int to)
    {
        var loudest = double.NegativeInfinity;
        for (var step = 0; step < 24; step++)
        {
            var tone = to / 2 + (from - to) / 2 * step / 24.0;
            var made = Convert(Sine(tone, from), from, to);
            var level = Samples.RootMeanSquare(made.AsSpan(made.Length / 4, made.Length / 2)); // Its beginning and end are no tone.
            loudest = Math.Max(loudest, 20 * Math.Log10(level / (Amplitude / Math.Sqrt(2))));
        }

        TestContext.Current.SendDiagnosticMessage($"{from} to {to}: {loudest:0.0} dB");
        Assert.InRange(loudest, double.NegativeInfinity, -70);
    }

    [Fact]
    public void How_sound_is_cut_makes_no_difference()
    {
        var rates = Gen.Int[0, 7]
            .Select(static i => new[] { 8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000, 12_347 }[i]);
        Gen.Select(rates, rates, Gen.Int[0, 5_000], Gen.Int[1, 3_000].Array[1, 10])
            .Sample(
                (from, to, length, cuts) =>
                {
                    var sound = Enumerable
                        .Repeat(Sine(700, from), 3)
                        .SelectMany(static one => one)
                        .Take(length)
                        .ToArray();
                    var resampler = new Resampler(from, to);
                    List<float> pieces = [];
                    for (var (at, cut) = (0, 0); at < length; cut++)
                    {
                        var part = sound.AsSpan(at, Math.Min(cuts[cut % cuts.Length], length - at));
                        var made = new float[resampler.MostOf(part.Length)];
                        pieces.AddRange(made.AsSpan(0, resampler.Process(part, made)));
                        at += part.Length;
                    }

                    var rest = new float[resampler.MostOf(0)];
                    pieces.AddRange(rest.AsSpan(0, resampler.Flush(rest)));

                    Assert.Equal(((long)length * to + from - 1) / from, pieces.Count);
                    Assert.Equal(Convert(sound, from, to), pieces);
                },
                iter: 300
            );
    }

    [Theory]
    [InlineData(24_000, 8_000)]
    [InlineData(8_000, 16_000)]
    [InlineData(8_000, 8_000)]
    public void What_is_no_number_is_silence_and_what_is_too_loud_is_clipped(int from, int to)
    {
        var nothing = Convert(
            [
                .. Enumerable.Repeat(float.NaN, 999),
                .. Enumerable.Repeat(float.NegativeInfinity, 999),
                float.PositiveInfinity,
            ],
            from,
            to
        );
        var loud = Convert(
            [.. Enumerable.Range(0, 2_000).Select(static i => i / 100 % 2 == 0 ? 1e30f : -7f)],
            from,
            to
        );

        Assert.All(nothing, static sample => Assert.Equal(0, sample));
        Assert.All(loud, static sample => Assert.InRange(sample, -1, 1));
        Assert.Contains(1f, loud);
    }

    [Fact]
    public void It_begins_anew_after_its_end()
    {
        var resampler = new Resampler(22_050, 8_000);
        var sound = Sine(440, 22_050);
        var (first, second) = (new float[8_000], new float[8_000]);

        Assert.Equal(Run(first), Run(second));
        Assert.Equal(first, second);

        int Run(float[] output)
        {
            var made = resampler.Process(sound, output);
            return made + resampler.Flush(output.AsSpan(made));
        }
    }

    [Theory]
    [InlineData(7_999, 8_000)]
    [InlineData(8_000, 48_001)]
    [InlineData(0, 0)]
    public void Rates_have_bounds(int from, int to) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new Resampler(from, to));

    private static float[] Sine(double tone, int rate) =>
        [.. Enumerable.Range(0, rate / 4).Select(i => (float)(Amplitude * Math.Sin(2 * Math.PI * tone * i / rate)))];

    private static float[] Convert(float[] sound, int from, int to)
    {
        var resampler = new Resampler(from, to);
        var output = new float[resampler.MostOf(sound.Length) + resampler.MostOf(0)];
        var made = resampler.Process(sound, output);
        return output[..(made + resampler.Flush(output.AsSpan(made)))];
    }

    // The tone in it by least squares: how much louder it is than it was, and how far below it all the rest is.
    private static (double Decibels, double Purity) Fit(float[] made, double tone, int rate)
    {
        var (ss, cc, sc, xs, xc, xx) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
        for (var i = made.Length / 8; i < made.Length * 7 / 8; i++)
        {
            var (sin, cos) = Math.SinCos(2 * Math.PI * tone * i / rate);
            (ss, cc, sc) = (ss + sin * sin, cc + cos * cos, sc + sin * cos);
            (xs, xc, xx) = (xs + made[i] * sin, xc + made[i] * cos, xx + (double)made[i] * made[i]);
        }

        var whole = ss * cc - sc * sc;
        var (a, b) = ((xs * cc - xc * sc) / whole, (xc * ss - xs * sc) / whole);
        var explained = a * xs + b * xc;
        var gain = 20 * Math.Log10(Math.Sqrt(a * a + b * b) / Amplitude);
        return (gain, 10 * Math.Log10(explained / Math.Max(xx - explained, 1e-12)));
    }
}
