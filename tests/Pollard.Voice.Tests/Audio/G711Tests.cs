using Pollard.Voice.Audio;

namespace Pollard.Voice.Tests.Audio;

/// <summary>Both laws, against the tables of the Recommendation and against another program.</summary>
public sealed class G711Tests
{
    // The widths of the steps in tables 1a and 2a, of magnitudes of 12 bits (A) and 13 bits (mu).
    private static readonly int[] WidthsOfA =
    [
        .. Runs((32, 2), (16, 4), (16, 8), (16, 16), (16, 32), (16, 64), (16, 128)),
    ];

    private static readonly int[] WidthsOfMu =
    [
        .. Runs((1, 1), (15, 2), (16, 4), (16, 8), (16, 16), (16, 32), (16, 64), (16, 128), (16, 256)),
    ];

    [Fact]
    public void Every_sample_is_packed_as_the_tables_have_it()
    {
        for (var sample = (int)short.MinValue; sample <= short.MaxValue; sample++)
        {
            var magnitude = sample < 0 ? ~sample : sample;
            var sign = sample < 0 ? 0 : 0x80;
            Assert.Equal((StepOf(WidthsOfMu, magnitude >> 2) ^ 0x7F) | sign, G711.EncodeMu((short)sample));
            Assert.Equal((StepOf(WidthsOfA, magnitude >> 3) | sign) ^ 0x55, G711.EncodeA((short)sample));
        }
    }

    [Fact]
    public void Every_byte_is_unpacked_to_the_middle_of_its_step_and_packed_again_to_itself()
    {
        for (var code = 0; code <= byte.MaxValue; code++)
        {
            var (mu, a) = (G711.DecodeMu((byte)code), G711.DecodeA((byte)code));
            Assert.Equal(MiddleOf(WidthsOfMu, ~code & 0x7F) * 4, Math.Abs(mu));
            Assert.Equal(MiddleOf(WidthsOfA, (code ^ 0x55) & 0x7F) * 8, Math.Abs(a));
            Assert.Equal(code >= 0x80, code == 0xFF || mu > 0);
            Assert.Equal(code >= 0x80, a > 0);
            Assert.Equal(code == 0x7F ? 0xFF : code, G711.EncodeMu(mu)); // Two bytes are zero.
            Assert.Equal(code, G711.EncodeA(a));
        }
    }

    [Fact]
    public async Task Another_program_unpacks_every_byte_to_the_same_and_packs_all_but_edges_to_the_same()
    {
        var codes = Enumerable.Range(0, 256).Select(code => (byte)code).ToArray();
        var samples = Enumerable.Range(short.MinValue, 65_536).Select(sample => (short)sample).ToArray();
        var bytes = samples.SelectMany(BitConverter.GetBytes).ToArray();
        string[] pcm = ["-t", "raw", "-r", "8000", "-e", "signed", "-b", "16", "-c", "1", "-"];
        foreach (
            var (name, decode, encode, coarse) in ((string, Func<byte, short>, Func<short, byte>, int)[])
                [("mu-law", G711.DecodeMu, G711.EncodeMu, 4), ("a-law", G711.DecodeA, G711.EncodeA, 16)]
        )
        {
            string[] law = ["-t", "raw", "-r", "8000", "-e", name, "-b", "8", "-c", "1", "-"];
            var unpacked = await Tool.RunAsync("sox", ["-D", .. law, .. pcm], codes);
            var packed = await Tool.RunAsync("sox", ["-D", .. pcm, .. law], bytes);

            Assert.Equal(codes.SelectMany(code => BitConverter.GetBytes(decode(code))), unpacked);
            Assert.Equal(samples.Length, packed.Length);
            for (var i = 0; i < samples.Length; i++)
            {
                // It rounds to the bits of the law first, where the ITU's software cuts off: next to an edge it takes the next step.
                var apart = samples[i] >= 0 && samples[i] % coarse == 0 ? 0 : coarse;
                byte[] allowed =
                [
                    encode(Near(samples[i], -apart)),
                    encode(samples[i]),
                    encode(Near(samples[i], apart)),
                ];
                Assert.True(allowed.Contains(packed[i]), $"{name} of {samples[i]}: {packed[i]}");
            }
        }
    }

    [Fact]
    public void What_is_no_number_is_silence_and_what_is_too_loud_is_clipped()
    {
        float[] odd = [float.NaN, float.PositiveInfinity, float.NegativeInfinity, 2f, -2f, 0f];
        var (mu, a) = (new byte[odd.Length], new byte[odd.Length]);

        G711.Encode(G711Law.Mu, odd, mu);
        G711.Encode(G711Law.A, odd, a);

        Assert.Equal([0xFF, 0xFF, 0xFF, 0x80, 0x00, 0xFF], mu);
        Assert.Equal([0xD5, 0xD5, 0xD5, 0xAA, 0x2A, 0xD5], a);
        Assert.Equal((0xFF, 0xD5), (G711.SilenceOf(G711Law.Mu), G711.SilenceOf(G711Law.A)));
    }

    [Fact]
    public void Spans_of_samples_are_packed_and_unpacked_as_single_ones_are()
    {
        var codes = Enumerable.Range(0, 256).Select(code => (byte)code).ToArray();
        var (samples, again) = (new float[codes.Length], new byte[codes.Length]);

        G711.Decode(G711Law.A, codes, samples);
        G711.Encode(G711Law.A, samples, again);

        Assert.Equal(codes.Select(code => G711.DecodeA(code) / 32_768f), samples);
        Assert.Equal(codes, again);
    }

    private static short Near(short sample, int apart) =>
        (short)Math.Clamp(sample + apart, short.MinValue, short.MaxValue);

    private static IEnumerable<int> Runs(params (int Count, int Width)[] runs) =>
        runs.SelectMany(static run => Enumerable.Repeat(run.Width, run.Count));

    private static int StepOf(int[] widths, int magnitude)
    {
        var step = 0;
        for (var edge = widths[0]; step < 127 && magnitude >= edge; edge += widths[step])
        {
            step++;
        }

        return step;
    }

    private static double MiddleOf(int[] widths, int step) =>
        step == 0 && widths[0] == 1 ? 0 : widths.Take(step).Sum() + widths[step] / 2.0;
}
