using System.CommandLine;
using System.Net;
using Pollard.Voice.Links;
using Pollard.Voice.Links.Existing;
using Pollard.Voice.Stages;

namespace Pollard.Configuration;

/// <summary>Neighbours in a call that are existing programs, with wires of their own.</summary>
internal static class ExistingOptions
{
    private static readonly string[] Roles =
    [
        VoiceRole.Inbound,
        VoiceRole.Stt,
        VoiceRole.Llm,
        VoiceRole.Tts,
        VoiceRole.Outbound,
    ];

    public static readonly Option<string[]> Existing = CommonOptions
        .Texts(
            "--existing",
            "SERVICE",
            "Neighbours that are existing programs, at their usual ports: inbound, stt, llm, tts, outbound; several parted by commas"
        )
        .Among("inbound", "stt", "llm", "tts", "outbound");

    public static readonly Option<string?> Host = CommonOptions.Text(
        "--existing-host",
        "ADDRESS",
        "Where they are: an address, or a name whose addresses are in --allow. Default: 127.0.0.1"
    );

    public static readonly Option<string?> Generation = CommonOptions.Text(
        "--outbound-generation",
        "N",
        "Who asks whom between existing speech and outbound services: 1 (outbound asks) or 2 (speech asks). Default: 1"
    );

    public static readonly Option<string?> Tries = CommonOptions.Text(
        "--existing-tries",
        "N",
        "How often one of them is called for a call before it is given up; 0: for as long as the call lasts. Default: 0"
    );

    public static readonly Option<string?> Wait = CommonOptions.Text(
        "--existing-wait",
        "DURATION",
        "The wait after each of the first five of these tries. Default: 200ms"
    );

    public static readonly Option<string?> LongWait = CommonOptions.Text(
        "--existing-long-wait",
        "DURATION",
        "The wait after those; beyond ten tries it grows up to five times that. Default: 1s"
    );

    private const int MostTries = 1_000;
    private const int LongestWaits = 5; // Of the longer waits, for those that grow.
    private static readonly TimeSpan LeastWait = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan MostWait = TimeSpan.FromMinutes(1);

    /// <summary>All of them.</summary>
    public static Option[] All { get; } = [Existing, Host, Generation, Tries, Wait, LongWait];

    /// <summary>Which neighbours are existing programs.</summary>
    /// <param name="settings">The settings.</param>
    /// <param name="ours">The services that are in this process.</param>
    /// <param name="allows">Who may connect.</param>
    /// <param name="links">How links are kept.</param>
    /// <exception cref="UsageException">A setting is wrong.</exception>
    public static ExistingServices Read(
        Settings settings,
        IReadOnlySet<string> ours,
        Func<IPAddress, bool> allows,
        LinkSetup links
    )
    {
        var roles = settings.Texts(Existing);
        if (roles.FirstOrDefault(ours.Contains) is { } own)
        {
            throw new UsageException($"{Existing.Name} names {own}, which this process is itself.");
        }

        if (roles.FirstOrDefault(static role => !Roles.Contains(role, StringComparer.Ordinal)) is { } odd)
        {
            throw new UsageException($"{Existing.Name} is \"{odd}\"; write inbound, stt, llm, tts or outbound.");
        }

        var host = settings.Text(Host) ?? "127.0.0.1";
        if (!IPAddress.TryParse(host, out var address) && Uri.CheckHostName(host) != UriHostNameType.Dns)
        {
            throw new UsageException($"{Host.Name} is \"{host}\"; write an address such as 10.0.0.5, or a name.");
        }

        var isHere = host == "localhost" || (address is not null && IPAddress.IsLoopback(address));
        var usual = new ExistingServices();
        return usual with
        {
            Roles = roles.ToHashSet(StringComparer.Ordinal),
            Stt = usual.Stt with { Host = host },
            Llm = usual.Llm with { Host = host },
            Tts = usual.Tts with { Host = host },
            Speaker = usual.Speaker with { Host = host },
            Outbound = host,
            Generation = (OutboundGeneration)(settings.Number(Generation, 1, 2) ?? 1),
            Setup = new ExistingSetup
            {
                ListenAt = isHere ? IPAddress.Loopback : AnyOf(address),
                Allows = from => allows(from) || from.Equals(address),
                Link = links with { Retry = ReadRetry(settings) },
            },
        };
    }

    /// <summary>When one of them is called again.</summary>
    /// <exception cref="UsageException">A setting is out of its bounds.</exception>
    public static ConnectRetry ReadRetry(Settings settings)
    {
        var usual = new ConnectRetry();
        var longWait = ReadWait(settings, LongWait) ?? usual.LongWait;
        var retry = usual with
        {
            ShortWait = ReadWait(settings, Wait) ?? usual.ShortWait,
            LongWait = longWait,
            MostWait = LongestWaits * longWait,
        };
        return settings.Number(Tries, 0, MostTries) is { } tries and > 0
            ? retry with
            {
                Tries = tries,
                GivesUp = true,
            }
            : retry;
    }

    private static TimeSpan? ReadWait(Settings settings, Option<string?> option) =>
        settings.Duration(option) is not { } wait ? null
        : wait >= LeastWait && wait <= MostWait ? wait
        : throw new UsageException($"{option.Name} is {Durations.Format(wait)}; write 10ms to 1m.");

    private static IPAddress AnyOf(IPAddress? host) =>
        host?.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6 ? IPAddress.IPv6Any : IPAddress.Any;
}
