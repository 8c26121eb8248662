using System.CommandLine;
using System.Globalization;
using System.Net;
using Pollard.Voice.Legs.AudioSockets;
using Pollard.Voice.Legs.Rtp;
using Pollard.Voice.Legs.Sip;

namespace Pollard.Configuration;

/// <summary>How phones reach a process.</summary>
internal static class PhoneOptions
{
    private const string SipPlace = "127.0.0.1:5060";
    private const string AudioSocketPlace = "127.0.0.1:9092";
    private const int SipPort = 5_060;

    public static readonly Option<string?> Sip = CommonOptions.TextIfAny(
        "--sip",
        "ADDRESS",
        $"Take calls by SIP, on UDP and TCP. Alone: {SipPlace}"
    );

    public static readonly Option<string?> SipUser = CommonOptions.Text(
        "--sip-user",
        "USER@REGISTRAR",
        "Tell this registrar that calls for the user go here"
    );

    public static readonly Option<string?> SipPasswordFile = CommonOptions.Text(
        "--sip-password-file",
        "FILE",
        "A file with the user's password; or the password itself in POLLARD_SIP_PASSWORD"
    );

    public static readonly Option<string?> PublicAddress = CommonOptions.Text(
        "--sip-public-address",
        "ADDRESS",
        "The address that phones are told. Default: the one that they reach"
    );

    public static readonly Option<string?> RtpPorts = CommonOptions.Text(
        "--rtp-ports",
        "FIRST-LAST",
        "Ports for sound, two for each call. Default: 10000-19999"
    );

    public static readonly Option<string?> AudioSocket = CommonOptions.TextIfAny(
        "--audiosocket",
        "ADDRESS",
        $"Take calls of Asterisk by AudioSocket. Alone: {AudioSocketPlace}"
    );

    public static readonly Option<string?> MostCalls = CommonOptions.Text(
        "--max-calls",
        "N",
        "Calls at a time; one more hears that all are busy. Default: 200"
    );

    /// <summary>All of them.</summary>
    public static Option[] All { get; } =
    [Sip, SipUser, SipPasswordFile, PublicAddress, RtpPorts, AudioSocket, MostCalls];

    /// <summary>How phones call by SIP; null: not at all.</summary>
    /// <exception cref="UsageException">A setting is wrong.</exception>
    public static SipSettings? ReadSip(Settings settings, Func<IPAddress, bool> allows)
    {
        if (settings.TextIfAny(Sip, SipPlace) is not { } at)
        {
            return null;
        }

        var usual = new SipSettings();
        return usual with
        {
            At = VoiceOptions.Place(at, Sip.Name, SipPlace),
            Allows = allows,
            MostCalls = settings.Number(MostCalls, 1, 10_000) ?? usual.MostCalls,
            PublicAddress = settings.Text(PublicAddress) is { } address
                ? IPAddress.TryParse(address, out var known)
                    ? known
                    : throw new UsageException(
                        $"{PublicAddress.Name} is \"{address}\"; write an address such as 192.0.2.7."
                    )
                : null,
            Registrar = settings.Text(SipUser) is { } user ? Registrar(settings, user) : null,
            Rtp = settings.Text(RtpPorts) is { } ports ? Ports(ports) : usual.Rtp,
        };
    }

    /// <summary>How Asterisk brings calls; null: not at all.</summary>
    /// <exception cref="UsageException">A setting is wrong.</exception>
    public static AudioSocketSettings? ReadAudioSocket(Settings settings, Func<IPAddress, bool> allows)
    {
        if (settings.TextIfAny(AudioSocket, AudioSocketPlace) is not { } at)
        {
            return null;
        }

        var usual = new AudioSocketSettings();
        return usual with
        {
            At = VoiceOptions.Place(at, AudioSocket.Name, AudioSocketPlace),
            Allows = allows,
            MostCalls = settings.Number(MostCalls, 1, 10_000) ?? usual.MostCalls,
        };
    }

    private static SipRegistrar Registrar(Settings settings, string text)
    {
        if (text.Split('@') is not [{ Length: > 0 } user, { Length: > 0 } place])
        {
            throw new UsageException(
                $"{SipUser.Name} is \"{text}\"; write a user and a registrar such as 200@pbx.example.org."
            );
        }

        var hasPort = place.LastIndexOf(':') > place.LastIndexOf(']') && place.Contains(':', StringComparison.Ordinal);
        return new SipRegistrar
        {
            At = VoiceOptions.Place(hasPort ? place : $"{place}:{SipPort}", SipUser.Name, $"200@{SipPlace}"),
            User = user,
            Password =
                settings.Secret(SipPasswordFile)
                ?? throw new UsageException($"{SipUser.Name} needs the user's password: {SipPasswordFile.Name} FILE."),
            Domain = place[..(hasPort ? place.LastIndexOf(':') : place.Length)],
        };
    }

    private static RtpSettings Ports(string text) =>
        text.Split('-') is [var first, var last]
        && ushort.TryParse(first, CultureInfo.InvariantCulture, out var from)
        && ushort.TryParse(last, CultureInfo.InvariantCulture, out var to)
        && from >= 1_024
        && to > from
            ? new RtpSettings { FirstPort = from, LastPort = to }
            : throw new UsageException($"{RtpPorts.Name} is \"{text}\"; write ports such as 10000-19999.");
}
