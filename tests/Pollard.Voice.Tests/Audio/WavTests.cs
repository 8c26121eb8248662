using System.Buffers.Binary;
using System.Text;
using CsCheck;
using Pollard.Voice.Audio;

namespace Pollard.Voice.Tests.Audio;

/// <summary>WAV files: of all kinds, from other programs, and as faults leave them.</summary>
public sealed class WavTests
{
    private static readonly float[] Tone = [.. Enumerable.Range(0, 8_000).Select(i => 0.5f * MathF.Sin(i * 0.1f))];

    private static readonly float[] Odd = Tone[..^1]; // An odd number of bytes, where a sample has one.

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("Pcm8", 0.5f / 127)]
    [InlineData("Pcm16", 0.51f / 32_768)]
    [InlineData("Pcm24", 0.51f / 8_388_608)]
    [InlineData("Pcm32", 0.51f / 8_388_608)]
    [InlineData("Float32", 0f)]
    [InlineData("MuLaw", 0.02f)]
    [InlineData("ALaw", 0.02f)]
    public async Task What_is_written_is_read_again_here_and_by_another_program(string name, float apart)
    {
        var encoding = Enum.Parse<SampleEncoding>(name);
        var file = await WriteAsync(encoding, 16_000, Odd);

        var reader = await OpenAsync(file);
        var read = await reader.ReadAllAsync(TimeSpan.FromMinutes(1), Token);
        var theirs = await Tool.RunAsync("sox", ["-D", "-t", "wav", "-", "-t", "f32", "-"], file);

        Assert.Equal(new WavFormat(encoding, 16_000), reader.Format);
        Assert.Equal(Odd.Length, (int)Math.Round(reader.Length!.Value.TotalSeconds * 16_000));
        Assert.False(reader.IsCut);
        AssertNear(Odd, read, apart);
        AssertNear(read, FloatsOf(theirs), 0.0000001f); // It reckons with 32 bits, not with floats.
    }

    [Theory]
    [InlineData("-e unsigned -b 8", 1, 0.006f)]
    [InlineData("-e signed -b 16", 1, 0.0001f)]
    [InlineData("-e signed -b 16", 2, 0.0001f)]
    [InlineData("-e signed -b 24", 3, 0.00001f)] // Extensible, as all of its files with 24 bits are.
    [InlineData("-e signed -b 32", 1, 0.00001f)]
    [InlineData("-e float -b 32", 2, 0.00001f)]
    [InlineData("-e mu-law -b 8", 1, 0.02f)]
    [InlineData("-e a-law -b 8", 1, 0.02f)]
    public async Task Files_of_another_program_are_read_also_from_a_pipe(string kind, int channels, float apart)
    {
        string[] raw = ["-D", "-t", "f32", "-r", "22050", "-c", "1", "-"];
        string[] wav = ["-t", "wav", .. kind.Split(' '), "-c", $"{channels}", "-"]; // A pipe: the lengths are not known.

        var file = await Tool.RunAsync("sox", [.. raw, .. wav], BytesOf(Tone));
        var reader = await OpenAsync(file);
        var read = await reader.ReadAllAsync(TimeSpan.FromMinutes(1), Token);

        Assert.Equal((22_050, channels), (reader.Format.Rate, reader.Format.Channels));
        AssertNear(Tone, read, apart);
    }

    [Fact]
    public async Task Several_channels_are_mixed()
    {
        var file = Riff(Format(1, 2, 8_000, 16), Chunk("data", [0, 0x40, 0, 0, 0, 0xC0, 0, 0xC0]));

        var read = await (await OpenAsync(file)).ReadAllAsync(TimeSpan.FromSeconds(1), Token);

        Assert.Equal([0.25f, -0.5f], read);
    }

    [Fact]
    public async Task Unknown_chunks_and_odd_sizes_are_passed_over()
    {
        byte[] format = [.. Format(1, 1, 8_000, 16)[8..], 2, 0, 9]; // Longer than it must be, and odd.
        var file = Riff(
            Chunk("LIST", new byte[9_999]),
            Chunk("fmt ", format),
            Chunk("odd ", [1]),
            Chunk("data", [0, 0x40]),
            Chunk("LIST", new byte[99])
        );

        var read = await (await OpenAsync(file)).ReadAllAsync(TimeSpan.FromSeconds(1), Token);

        Assert.Equal([0.5f], read);
    }

    [Theory]
    [InlineData(0u, 0u, 3, false)] // Not finished.
    [InlineData(36u, 0u, 3, false)]
    [InlineData(uint.MaxValue, uint.MaxValue, 3, false)] // A stream.
    [InlineData(uint.MaxValue, 0u, 3, false)]
    [InlineData(42u, 4u, 2, false)] // Shorter than the file.
    [InlineData(42u, 6u, 3, false)]
    [InlineData(1_000u, 2_000u, 3, true)] // Longer.
    [InlineData(1_000u, 0u, 0, false)] // No sound, but something behind it.
    public async Task Lengths_may_be_missing_or_lie(uint riff, uint data, int samples, bool isCut)
    {
        var file = Riff(Format(1, 1, 8_000, 16), Chunk("data", [1, 0, 2, 0, 3, 0]));
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(4), riff);
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(40), data);

        var reader = await OpenAsync(file);
        var read = await reader.ReadAllAsync(TimeSpan.FromSeconds(1), Token);

        Assert.Equal(new[] { 1, 2, 3 }.Take(samples).Select(static sample => sample / 32_768f), read);
        Assert.Equal(isCut, reader.IsCut);
    }

    [Fact]
    public async Task A_file_may_come_in_any_pieces_and_end_within_a_sample()
    {
        var file = await WriteAsync(SampleEncoding.Pcm24, 8_000, Tone);

        var reader = await WavReader.OpenAsync(new Dripping(file[..^5]), Token);
        var read = await reader.ReadAllAsync(TimeSpan.FromSeconds(9), Token);

        AssertNear(Tone[..^2], read, 0.000001f);
        Assert.True(reader.IsCut);
    }

    [Fact]
    public async Task A_stream_whose_length_is_not_known_may_come_in_any_pieces_too()
    {
        var file = Riff(
            Format(1, 2, 8_000, 24),
            Chunk("data", [.. Enumerable.Range(0, 60).Select(static i => (byte)i)])
        );
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(40), uint.MaxValue);

        var whole = await (await OpenAsync(file)).ReadAllAsync(TimeSpan.FromSeconds(1), Token);
        var read = await (await WavReader.OpenAsync(new Dripping(file), Token)).ReadAllAsync(
            TimeSpan.FromSeconds(1),
            Token
        );

        Assert.Equal(10, whole.Length);
        Assert.Equal(whole, read);
    }

    [Fact]
    public async Task What_is_no_such_file_is_refused_in_words()
    {
        (byte[] File, string Why)[] faults =
        [
            ([], "RIFF"),
            ("RIFX\0\0\0\0WAVE"u8.ToArray(), "RIFF"),
            ("RIFF\0\0\0\0AVI "u8.ToArray(), "no WAVE"),
            (Riff(Chunk("data", [1, 2])), "before its format"),
            (Riff(Format(1, 1, 8_000, 16)), "ends before its sound"),
            (Riff(Chunk("fmt ", [1, 0])), "2 bytes"),
            (Riff(Format(0x55, 1, 8_000, 16), Chunk("data", [])), "kind 85"),
            (Riff(Format(1, 1, 8_000, 12), Chunk("data", [])), "12 bits"),
            (Riff(Format(1, 0, 8_000, 16), Chunk("data", [])), "0 channels"),
            (Riff(Format(1, 1, 0, 16), Chunk("data", [])), "0 samples a second"),
            (Riff(Format(0xFFFE, 1, 8_000, 16), Chunk("data", [])), "more follows"),
            (Riff(Chunk("LIST", []), [.. "LIST"u8, 0xFF, 0xFF, 0xFF, 0xFF]), "does not begin in the first"),
        ];
        foreach (var (file, why) in faults)
        {
            var fault = await Assert.ThrowsAsync<WavException>(() => OpenAsync(file));
            Assert.Contains(why, fault.Message, StringComparison.Ordinal);
        }

        var reader = await OpenAsync(await WriteAsync(SampleEncoding.Pcm16, 8_000, Tone));
        var tooLong = await Assert.ThrowsAsync<WavException>(() =>
            reader.ReadAllAsync(TimeSpan.FromSeconds(0.9), Token)
        );
        Assert.Contains("longer than 0.9 s", tooLong.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task No_bytes_at_all_break_the_reader()
    {
        var file = await WriteAsync(SampleEncoding.ALaw, 8_000, Tone.AsMemory(0, 500));
        var changes = Gen.Select(Gen.Int[0, 80], Gen.Byte).Array[1, 8];
        await Gen.Select(changes, Gen.Int[0, file.Length])
            .SampleAsync(
                async (bytes, length) =>
                {
                    var broken = file[..length];
                    foreach (var (at, value) in bytes.Where(change => change.Item1 < length))
                    {
                        broken[at] = value;
                    }

                    try
                    {
                        var read = await (await OpenAsync(broken)).ReadAllAsync(TimeSpan.FromHours(1), Token);
                        Assert.True(read.Length <= length);
                    }
                    catch (WavException) { }
                },
                iter: 3_000
            );
    }

    [Fact]
    public async Task What_a_crash_leaves_lacks_a_second_at_most_and_what_cannot_go_back_is_read_to_its_end()
    {
        using var file = new MemoryStream();
        var crashed = await WavWriter.CreateAsync(file, SampleEncoding.Pcm16, 8_000, Token); // It is not finished, that is the point.
        await crashed.WriteAsync(Enumerable.Repeat(0.5f, 20_000).ToArray(), Token);
        using var pipe = new OneWay();
        await using (var writer = await WavWriter.CreateAsync(pipe, SampleEncoding.MuLaw, 8_000, Token))
        {
            await writer.WriteAsync(Tone.AsMemory(0, 1_000), Token);
        }

        var left = await OpenAsync(file.ToArray());
        var piped = await OpenAsync(pipe.ToArray());

        Assert.InRange((await left.ReadAllAsync(TimeSpan.FromMinutes(1), Token)).Length, 12_001, 20_000);
        Assert.Null(piped.Length);
        Assert.Equal(1_000, (await piped.ReadAllAsync(TimeSpan.FromMinutes(1), Token)).Length);
    }

    private static async Task<byte[]> WriteAsync(SampleEncoding encoding, int rate, ReadOnlyMemory<float> samples)
    {
        using var file = new MemoryStream();
        await using (var writer = await WavWriter.CreateAsync(file, encoding, rate, Token))
        {
            await writer.WriteAsync(samples, Token);
        }

        return file.ToArray();
    }

    private static Task<WavReader> OpenAsync(byte[] file) => WavReader.OpenAsync(new MemoryStream(file), Token);

    private static void AssertNear(float[] wanted, float[] got, float apart)
    {
        Assert.Equal(wanted.Length, got.Length);
        for (var i = 0; i < wanted.Length; i++)
        {
            Assert.InRange(got[i], wanted[i] - apart, wanted[i] + apart);
        }
    }

    private static float[] FloatsOf(byte[] bytes) =>
        [.. bytes.Chunk(4).Select(static four => BitConverter.ToSingle(four))];

    private static byte[] BytesOf(float[] samples) => [.. samples.SelectMany(BitConverter.GetBytes)];

    private static byte[] Riff(params byte[][] chunks) =>
        [.. Chunk("RIFF", [.. "WAVE"u8, .. chunks.SelectMany(static chunk => chunk)])];

    private static byte[] Format(int tag, int channels, int rate, int bits) =>
        Chunk(
            "fmt ",
            [
                .. BitConverter.GetBytes((ushort)tag),
                .. BitConverter.GetBytes((ushort)channels),
                .. BitConverter.GetBytes(rate),
                .. BitConverter.GetBytes(rate * channels * bits / 8),
                .. BitConverter.GetBytes((ushort)(channels * bits / 8)),
                .. BitConverter.GetBytes((ushort)bits),
            ]
        );

    private static byte[] Chunk(string name, byte[] content) =>
        [
            .. Encoding.ASCII.GetBytes(name),
            .. BitConverter.GetBytes(content.Length),
            .. content,
            .. new byte[content.Length & 1],
        ];

    /// <summary>Gives a few bytes at a time, of which the last ones are often part of a sample.</summary>
    private sealed class Dripping(byte[] bytes) : MemoryStream(bytes)
    {
        private int _turn;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(buffer.Length, _turn++ % 5 + 1)], cancellationToken);
    }

    /// <summary>Cannot go back.</summary>
    private sealed class OneWay : MemoryStream
    {
        public override bool CanSeek => false;
    }
}
