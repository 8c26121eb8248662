using System.Buffers;
using Pollard.Voice.Audio;

namespace Pollard.Voice.Engines;

/// <summary>Brings an engine's sound to who takes it, as it comes.</summary>
internal sealed class SoundPump(SoundTaker taker, EngineWait wait, CancellationToken ct)
{
    private const int BufferSamples = 1_024;

    /// <summary>How long the sound is that was handed on.</summary>
    public TimeSpan Length { get; private set; }

    /// <summary>Goes on until the end, or until it is longer than is taken.</summary>
    public async Task<Spoken> RunAsync(SampleReader reader, int rate)
    {
        var buffer = ArrayPool<float>.Shared.Rent(BufferSamples);
        var taken = 0L;
        try
        {
            while (await reader(buffer.AsMemory(0, BufferSamples), wait.Token) is > 0 and var count)
            {
                if (Length > SpeechLimits.MostSound)
                {
                    return Failed(
                        EngineFault.TooLarge,
                        $"said more than {SpeechLimits.MostSound.TotalSeconds:0} s with one sentence"
                    );
                }

                wait.Pause();
                await taker(new Sound(rate, buffer.AsMemory(0, count)), ct);
                wait.Resume();
                taken += count;
                Length = TimeSpan.FromSeconds(taken / (double)rate);
            }
        }
        finally
        {
            ArrayPool<float>.Shared.Return(buffer);
        }

        return taken > 0 ? new Spoken(Length) : Failed(EngineFault.Garbled, "answered without a sound");
    }

    /// <summary>What was said until this happened.</summary>
    public Spoken Failed(EngineFault fault, string detail) => Failed(new EngineFailure(fault, detail));

    /// <summary>What was said until this happened.</summary>
    public Spoken Failed(EngineFailure failure) => new(Length, failure);
}
