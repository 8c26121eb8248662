using Pollard.Voice.Audio;

namespace Pollard.Voice.Legs;

/// <summary>Where what a caller hears is written to.</summary>
internal static class FrameWriters
{
    /// <summary>A stream of bare samples, at 8,000 a second.</summary>
    public static FrameTaker Raw(Stream stream, SampleEncoding encoding, G711Law law)
    {
        var samples = new float[Playout.FrameBytes];
        var bytes = new byte[Playout.FrameBytes * Samples.BytesOf(encoding)];
        return async (frame, _, ct) =>
        {
            G711.Decode(law, frame.Span, samples);
            Samples.Encode(encoding, samples, bytes);
            await stream.WriteAsync(bytes, ct);
            await stream.FlushAsync(ct);
        };
    }

    /// <summary>A WAV file, without the silence before the first sound and behind the last.</summary>
    public static FrameTaker Wav(WavWriter wav, G711Law law)
    {
        var samples = new float[Playout.FrameBytes];
        var silent = -1; // Frames since the last sound; below 0 there was none yet.
        return async (frame, isSound, ct) =>
        {
            if (!isSound)
            {
                silent += silent < 0 ? 0 : 1;
                return;
            }

            samples.AsSpan().Clear();
            for (; silent > 0; silent--)
            {
                await wav.WriteAsync(samples, ct);
            }

            silent = 0;
            G711.Decode(law, frame.Span, samples);
            await wav.WriteAsync(samples, ct);
        };
    }
}
