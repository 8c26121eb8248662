using System.Buffers;

namespace Pollard.Voice.Engines;

/// <summary>Reads samples: at least one, or 0 at the end.</summary>
internal delegate ValueTask<int> SampleReader(Memory<float> samples, CancellationToken ct);

/// <summary>Brings an engine's sound to who takes it, as it comes.</summary>
internal static class SoundPump
{
    private const int BufferSamples = 1_024;

    /// <summary>Goes on until the end, or until it is longer than is taken.</summary>
    public static async Task<Spoken> RunAsync(
        SampleReader reader,
        int rate,
        SoundTaker taker,
        EngineWait wait,
        CancellationToken ct
    )
    {
        var buffer = ArrayPool<float>.Shared.Rent(BufferSamples);
        var most = (long)(SpeechLimits.MostSound.TotalSeconds * rate);
        var taken = 0L;
        try
        {
            while (await reader(buffer.AsMemory(0, BufferSamples), wait.Token) is > 0 and var count)
            {
                taken += count;
                if (taken > most)
                {
                    return new Spoken(
                        LengthOf(taken - count, rate),
                        new EngineFailure(
                            EngineFault.TooLarge,
                            $"said more than {SpeechLimits.MostSound.TotalSeconds:0} s with one sentence"
                        )
                    );
                }

                wait.Pause();
                await taker(new Sound(rate, buffer.AsMemory(0, count)), ct);
                wait.Resume();
            }
        }
        finally
        {
            ArrayPool<float>.Shared.Return(buffer);
        }

        return taken > 0
            ? new Spoken(LengthOf(taken, rate))
            : Spoken.Nothing(EngineFault.Garbled, "answered without a sound");
    }

    private static TimeSpan LengthOf(long samples, int rate) => TimeSpan.FromSeconds(samples / (double)rate);
}
