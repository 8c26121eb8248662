using System.CommandLine;
using System.Net;
using Pollard.Voice.Audio;

namespace Pollard.Configuration;

/// <summary>Where the sound of one call comes from, or goes to: a file, the net, or, where neither is named, a pipe.</summary>
/// <param name="Wav">A WAV file; null: none.</param>
/// <param name="Tcp">A place for bare sound; null: none.</param>
/// <param name="Rtp">A place for RTP; null: none.</param>
/// <param name="Format">How bare sound and RTP are written.</param>
internal sealed record SoundPlace(string? Wav, IPEndPoint? Tcp, IPEndPoint? Rtp, SoundFormat Format);

/// <summary>The options that say it.</summary>
/// <param name="wav">What the file is, for help; the others too.</param>
/// <param name="tcp">What the place for bare sound is.</param>
/// <param name="rtp">What the place for RTP is.</param>
/// <param name="pcm">What has the format.</param>
/// <param name="usual">The format where none is named.</param>
internal sealed class SoundOptions(string wav, string tcp, string rtp, string pcm, string usual)
{
    private const string Example = "127.0.0.1:4000";

    private readonly Option<string?> _wav = CommonOptions.CallText("--wav", "FILE", wav);
    private readonly Option<string?> _tcp = CommonOptions.CallText("--tcp", "ADDRESS", tcp);
    private readonly Option<string?> _rtp = CommonOptions.CallText("--rtp", "ADDRESS", rtp);

    /// <summary>How bare sound is written.</summary>
    public Option<string?> Pcm { get; } = CommonOptions.CallText("--pcm", "FORMAT", $"{pcm}. Default: {usual}");

    /// <summary>All of them.</summary>
    public Option[] All => [_wav, _tcp, _rtp, Pcm];

    /// <summary>Reads them.</summary>
    /// <exception cref="UsageException">There is no such place or format, or there are several places.</exception>
    public SoundPlace Read(Settings settings)
    {
        Option<string?>[] places = [_wav, _tcp, _rtp];
        var named = places.Where(place => settings.Text(place) is not null).Select(static place => place.Name).ToList();
        if (named.Count > 1)
        {
            throw new UsageException($"There are {string.Join(" and ", named)}; a call has one of them.");
        }

        var format = settings.Text(Pcm);
        var sound = new SoundPlace(
            settings.Text(_wav),
            Place(settings, _tcp),
            Place(settings, _rtp),
            SoundFormat.Parse(Pcm.Name, format ?? usual)
        );
        if (sound.Rtp is null)
        {
            return sound;
        }

        var packed = SoundFormat.Parse(Pcm.Name, format ?? "mulaw");
        return packed.Encoding is SampleEncoding.MuLaw or SampleEncoding.ALaw
            ? sound with
            {
                Format = packed,
            }
            : throw new UsageException($"{Pcm.Name} is \"{format}\"; {_rtp.Name} has mulaw or alaw.");
    }

    private static IPEndPoint? Place(Settings settings, Option<string?> option) =>
        settings.Text(option) is { } text ? VoiceOptions.Place(text, option.Name, Example) : null;
}
