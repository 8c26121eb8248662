using System.Runtime.InteropServices;
using CsCheck;
using Pollard.Voice.Audio;

namespace Pollard.Voice.Tests.Audio;

/// <summary>What a caller hears of what is brought: in order, whole, and at once no more when interrupted.</summary>
public sealed class PlayoutTests
{
    private static readonly SpeechMark First = new(1, 0, 1);
    private static readonly SpeechMark Second = new(1, 0, 2);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Sound_of_any_rate_is_heard_as_telephony_has_it_and_then_silence()
    {
        var playout = new Playout(new PlayoutOptions());
        var source = new PlayoutSource(playout);
        var tone = Sound.Tone(0.2f, 0.3, 24_000);

        for (var i = 0; i < 3; i++)
        {
            var part = Chunk(tone.AsSpan(i * 2_400, 2_400), 24_000, (uint)i + 1);
            Assert.Equal(PlayoutTaken.Yes, await source.AddAsync(part, First, Token));
        }

        await source.EndAsync(Token);

        Assert.Equal(TimeSpan.FromMilliseconds(300), playout.Depth);
        Assert.Equal(Packed(tone, 24_000), Hear(playout, 15));
        Assert.All(Hear(playout, 5), static code => Assert.Equal(0xFF, code));
        Assert.True(playout.Finished.TryRead(out var played));
        Assert.Equal(new Played(First, TimeSpan.FromMilliseconds(300), IsWhole: true), played);
    }

    [Fact]
    public async Task Pieces_that_come_twice_are_dropped_and_counted_and_a_service_that_begins_anew_is_heard()
    {
        var playout = new Playout(new PlayoutOptions());
        var source = new PlayoutSource(playout);
        var piece = Sound.Tone(0.2f, 0.02, 8_000);

        foreach (var number in new uint[] { 1, 2, 2, 3, 1 })
        {
            await source.AddAsync(Chunk(piece, 8_000, number), First, Token);
        }

        Assert.Equal((2, 60), (source.Late, playout.Depth.TotalMilliseconds));
        var another = new PlayoutSource(playout);
        Assert.Equal(PlayoutTaken.Yes, await another.AddAsync(Chunk(piece, 8_000, 1), First, Token));
        Assert.Equal(PlayoutTaken.Yes, await another.AddAsync(Chunk(piece, 8_000), First, Token)); // Not all wires have numbers.
        Assert.Equal((0, 100), (another.Late, playout.Depth.TotalMilliseconds));
    }

    [Fact]
    public async Task Who_brings_too_much_waits_and_nothing_is_dropped()
    {
        var playout = new Playout(new PlayoutOptions { Most = TimeSpan.FromSeconds(1) });
        var source = new PlayoutSource(playout);
        var speech = Sound.Noise(0.2f, 5, 22_050);

        var adding = source.AddAsync(Chunk(speech, 22_050, 1), First, Token).AsTask();
        Assert.False(adding.IsCompleted);
        Assert.InRange(playout.Depth.TotalSeconds, 0.8, 1);
        List<byte> heard = [];
        while (!adding.IsCompleted)
        {
            if (playout.Depth > TimeSpan.FromSeconds(0.5))
            {
                heard.AddRange(Hear(playout, 1));
            }

            await Task.Yield();
        }

        Assert.Equal(PlayoutTaken.Yes, await adding);
        var ending = source.EndAsync(Token);
        heard.AddRange(Hear(playout, 60));
        await ending;
        var packed = Packed(speech, 22_050);
        Assert.Equal(packed, heard.Take(packed.Length));
    }

    [Fact]
    public async Task An_interruption_is_heard_in_the_next_frame_and_nothing_of_it_afterwards()
    {
        var playout = new Playout(new PlayoutOptions { Most = TimeSpan.FromSeconds(1) });
        var source = new PlayoutSource(playout);
        await source.AddAsync(Chunk(Sound.Tone(0.2f, 0.1, 8_000), 8_000), First, Token);
        var adding = source.AddAsync(Chunk(Sound.Tone(0.2f, 9, 8_000), 8_000), Second, Token).AsTask();
        Hear(playout, 7);

        var dropped = playout.Flush(generation: 1);

        Assert.All(Hear(playout, 1), static code => Assert.Equal(0xFF, code));
        Assert.InRange(dropped.TotalSeconds, 0.5, 1);
        Assert.Equal(PlayoutTaken.Interrupted, await adding);
        Assert.Equal(PlayoutTaken.Interrupted, await source.AddAsync(Chunk([0.5f], 8_000), Second, Token));
        Assert.Equal(TimeSpan.Zero, playout.Depth);
        Assert.Equal(
            [
                new(First, TimeSpan.FromMilliseconds(100), IsWhole: true),
                new(Second, TimeSpan.FromMilliseconds(40), IsWhole: false),
            ],
            Finished(playout)
        );
        var next = new SpeechMark(2, 1, 1);
        Assert.Equal(PlayoutTaken.Yes, await source.AddAsync(Chunk(Sound.Tone(0.2f, 0.1, 8_000), 8_000), next, Token));
        Assert.Contains(Hear(playout, 1), static code => code != 0xFF);
    }

    [Fact]
    public async Task What_is_said_after_an_interruption_stays_when_it_comes_before_the_word_of_it()
    {
        var playout = new Playout(new PlayoutOptions { Lead = TimeSpan.Zero });
        var source = new PlayoutSource(playout);
        await source.AddAsync(Chunk(Sound.Tone(0.2f, 0.1, 8_000), 8_000), First, Token);
        Hear(playout, 2);
        var next = new SpeechMark(2, 1, 1);
        await source.AddAsync(Chunk(Sound.Tone(0.2f, 0.1, 8_000), 8_000), next, Token);
        await source.EndAsync(Token);

        Assert.Equal(0.06, playout.Flush(generation: 1).TotalSeconds, 3);
        Assert.Equal(TimeSpan.Zero, playout.Flush(generation: 1)); // It is said again, where it may be lost.

        Assert.Equal(0.1, playout.Depth.TotalSeconds, 3);
        Hear(playout, 5);
        Assert.Equal(
            [
                new(First, TimeSpan.FromMilliseconds(40), IsWhole: false),
                new(next, TimeSpan.FromMilliseconds(100), IsWhole: true),
            ],
            Finished(playout)
        );
    }

    [Fact]
    public async Task A_pause_keeps_the_place()
    {
        var playout = new Playout(new PlayoutOptions { Law = G711Law.A });
        var source = new PlayoutSource(playout);
        await source.AddAsync(Chunk(Sound.Tone(0.2f, 0.2, 8_000), 8_000), First, Token);
        Hear(playout, 2);

        playout.IsPaused = true;
        var silence = Hear(playout, 9);
        playout.IsPaused = false;

        Assert.All(silence, static code => Assert.Equal(0xD5, code));
        Assert.Equal(160, playout.Depth.TotalMilliseconds);
        Assert.Contains(Hear(playout, 1), static code => code != 0xD5);
    }

    [Fact]
    public async Task A_sentence_begins_when_there_is_enough_of_it_or_no_more_to_wait_for()
    {
        var playout = new Playout(new PlayoutOptions());
        var source = new PlayoutSource(playout);
        var frame = new byte[Playout.FrameBytes];
        var piece = Chunk(Sound.Tone(0.2f, 0.02, 8_000), 8_000);

        await source.AddAsync(piece, First, Token);
        bool[] alone =
        [
            playout.Take(frame),
            playout.Take(frame),
            playout.Take(frame),
            playout.Take(frame),
            playout.Take(frame),
        ];
        await source.AddAsync(piece, First, Token); // After the gap it is waited again.
        var again = playout.Take(frame);
        await source.AddAsync(piece, First, Token);
        await source.AddAsync(piece, First, Token);
        var enough = playout.Take(frame);
        Hear(playout, 5);
        await source.AddAsync(piece, Second, Token);
        await source.EndAsync(Token);
        var whole = playout.Take(frame);

        Assert.Equal([false, false, false, true, false], alone);
        Assert.Equal((false, true, true), (again, enough, whole));
    }

    [Fact]
    public async Task The_mark_of_the_next_sentence_ends_the_one_before_with_its_last_milliseconds()
    {
        var playout = new Playout(new PlayoutOptions());
        var source = new PlayoutSource(playout);

        await source.AddAsync(Chunk(Sound.Tone(0.2f, 0.1, 24_000), 24_000), First, Token);
        await source.AddAsync(Chunk(Sound.Tone(0.2f, 0.1, 22_050), 22_050), Second, Token);
        Hear(playout, 20);
        await source.EndAsync(Token); // What comes late of a sentence is heard as well.
        Hear(playout, 20);

        Assert.Equal(
            [
                new(First, TimeSpan.FromMilliseconds(100), IsWhole: true),
                new(Second, TimeSpan.FromMilliseconds(100), IsWhole: true),
            ],
            Finished(playout)
        );
    }

    [Fact]
    public async Task Each_sentence_is_told_of_once_and_in_order_whatever_is_heard_meanwhile()
    {
        var sentence = Gen.Select(
            Gen.Int[0, 60].Array[0, 4],
            Gen.Int[0, 20],
            Gen.OneOf(Gen.Const(8_000), Gen.Const(22_050))
        );
        await sentence
            .Array[1, 8]
            .SampleAsync(
                async sentences =>
                {
                    var playout = new Playout(new PlayoutOptions());
                    var source = new PlayoutSource(playout);
                    for (var i = 0; i < sentences.Length; i++)
                    {
                        var (pieces, frames, rate) = sentences[i];
                        foreach (var milliseconds in pieces)
                        {
                            var piece = Chunk(Sound.Tone(0.2f, milliseconds / 1_000.0, rate), rate);
                            await source.AddAsync(piece, new(1, 0, (uint)i), Token);
                            Hear(playout, frames);
                        }
                    }

                    await source.EndAsync(Token);
                    Hear(playout, 200);

                    var told = Finished(playout);
                    var spoken = Enumerable.Range(0, sentences.Length).Where(i => sentences[i].Item1.Length > 0);
                    Assert.Equal(spoken, told.Select(static one => (int)one.Mark.Sentence));
                    Assert.All(told, static one => Assert.True(one.IsWhole));
                    foreach (var one in told)
                    {
                        var wanted = sentences[one.Mark.Sentence].Item1.Sum();
                        Assert.InRange(one.Length.TotalMilliseconds, wanted - 1, wanted + 1);
                    }
                },
                iter: 200
            );
    }

    [Fact]
    public async Task Sound_may_be_packed_already()
    {
        var playout = new Playout(new PlayoutOptions());
        var codes = Enumerable.Range(0, 480).Select(static i => (byte)(i % 100)).ToArray();

        await new PlayoutSource(playout).AddAsync(new SoundChunk(codes, SampleEncoding.MuLaw, 8_000), First, Token);

        Assert.Equal(codes, Hear(playout, 3));
    }

    [Fact]
    public async Task A_rate_that_is_not_played_is_refused() =>
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () =>
            await new PlayoutSource(new Playout(new PlayoutOptions())).AddAsync(Chunk([1], 96_000), First, Token)
        );

    [Fact]
    public void Bytes_come_out_of_a_ring_as_they_went_in()
    {
        Gen.Select(Gen.Int[1, 30_000], Gen.Int[-9_000, 9_000].Array[1, 60])
            .Sample(
                (most, steps) =>
                {
                    var (ring, kept, next) = (new ByteRing(most), new Queue<byte>(), 0);
                    foreach (var step in steps)
                    {
                        var bytes = new byte[step > 0 ? Math.Min(step, ring.Room) : -step];
                        if (step > 0)
                        {
                            bytes.AsSpan().Fill((byte)next++);
                            ring.Add(bytes);
                            Array.ForEach(bytes, kept.Enqueue);
                        }
                        else
                        {
                            var count = ring.Take(bytes);
                            Assert.Equal(Math.Min(bytes.Length, kept.Count), count);
                            Assert.Equal(Enumerable.Range(0, count).Select(_ => kept.Dequeue()), bytes.Take(count));
                        }

                        Assert.Equal((kept.Count, most - kept.Count), (ring.Count, ring.Room));
                    }
                },
                iter: 200
            );
    }

    private static SoundChunk Chunk(ReadOnlySpan<float> samples, int rate, uint number = 0) =>
        new(MemoryMarshal.AsBytes(samples).ToArray(), SampleEncoding.Float32, rate, number);

    private static byte[] Hear(Playout playout, int frames)
    {
        var heard = new byte[frames * Playout.FrameBytes];
        for (var i = 0; i < frames; i++)
        {
            playout.Take(heard.AsSpan(i * Playout.FrameBytes));
        }

        return heard;
    }

    private static List<Played> Finished(Playout playout)
    {
        List<Played> finished = [];
        while (playout.Finished.TryRead(out var one))
        {
            finished.Add(one);
        }

        return finished;
    }

    private static byte[] Packed(float[] sound, int rate)
    {
        var resampler = new Resampler(rate, 8_000);
        var samples = new float[resampler.MostOf(sound.Length) + resampler.MostOf(0)];
        var made = resampler.Process(sound, samples);
        var codes = new byte[made + resampler.Flush(samples.AsSpan(made))];
        G711.Encode(G711Law.Mu, samples.AsSpan(0, codes.Length), codes);
        return codes;
    }
}
