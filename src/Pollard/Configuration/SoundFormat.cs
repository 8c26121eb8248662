using System.Globalization;
using Pollard.Voice.Audio;

namespace Pollard.Configuration;

/// <summary>Bare sound as the command line names it: <c>s16@16000</c>, <c>f32@16000</c>, <c>mulaw</c>, <c>alaw</c>.</summary>
/// <param name="Encoding">How samples are written.</param>
/// <param name="Rate">Samples a second.</param>
internal sealed record SoundFormat(SampleEncoding Encoding, int Rate)
{
    /// <summary>What the formats are, for help.</summary>
    public const string Names = "s16@RATE, f32@RATE (little-endian), mulaw or alaw";

    /// <summary>How G.711 is packed that is nearest to it.</summary>
    public G711Law Law => Encoding == SampleEncoding.ALaw ? G711Law.A : G711Law.Mu;

    /// <summary>Reads it.</summary>
    /// <exception cref="UsageException">There is no such format.</exception>
    public static SoundFormat Parse(string option, string text) =>
        text.Split('@') switch
        {
            ["mulaw"] => new SoundFormat(SampleEncoding.MuLaw, G711.Rate),
            ["alaw"] => new SoundFormat(SampleEncoding.ALaw, G711.Rate),
            ["s16", var rate] => new SoundFormat(SampleEncoding.Pcm16, RateOf(option, rate)),
            ["f32", var rate] => new SoundFormat(SampleEncoding.Float32, RateOf(option, rate)),
            _ => throw new UsageException($"{option} is \"{text}\"; write {Names}."),
        };

    private static int RateOf(string option, string text) =>
        int.TryParse(text, CultureInfo.InvariantCulture, out var rate)
        && rate is >= ResampleFilter.LeastRate and <= ResampleFilter.MostRate
            ? rate
            : throw new UsageException(
                $"{option} has {text} samples a second; there may be {ResampleFilter.LeastRate} to {ResampleFilter.MostRate}."
            );
}
