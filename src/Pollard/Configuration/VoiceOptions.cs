using System.CommandLine;
using System.Globalization;
using System.Net;
using Pollard.Voice.Audio;
using Pollard.Voice.Links;
using Pollard.Voice.Stages;

namespace Pollard.Configuration;

/// <summary>Where the services of calls are, and how callers are answered.</summary>
internal static class VoiceOptions
{
    private const string SttPlace = "127.0.0.1:7661";
    private const string LlmPlace = "127.0.0.1:7662";
    private const string TtsPlace = "127.0.0.1:7663";
    private const string WyomingPlace = "127.0.0.1:10500";

    public static readonly Option<string?> Stt = CommonOptions.Text(
        "--stt",
        "ADDRESS",
        $"Where recognition is: it listens there, and others connect there. Default: {SttPlace}"
    );

    public static readonly Option<string?> Llm = CommonOptions.Text(
        "--llm",
        "ADDRESS",
        $"Where the model stage is. Default: {LlmPlace}"
    );

    public static readonly Option<string?> Tts = CommonOptions.Text(
        "--tts",
        "ADDRESS",
        $"Where speech is. Default: {TtsPlace}"
    );

    public static readonly Option<string[]> Allow = CommonOptions.Texts(
        "--allow",
        "NETWORK",
        "Who else than this machine may connect: 10.0.0.0/8; several parted by commas"
    );

    public static readonly Option<string?> SecretFile = CommonOptions.Text(
        "--voice-secret-file",
        "FILE",
        "A file with what all services of the calls know, so that no others are let in; or the secret itself in POLLARD_VOICE_SECRET"
    );

    public static readonly Option<string?> EndSilence = CommonOptions.Text(
        "--end-silence",
        "DURATION",
        "How long a caller is silent at the end of what they say: 200ms to 3s. Default: 500ms"
    );

    public static readonly Option<string?> Model = CommonOptions.Text(
        "--model",
        "MODEL",
        "The model. Default: the only one that is served"
    );

    public static readonly Option<string?> System = CommonOptions.Text(
        "--system",
        "TEXT",
        "What the model is told before. Default: to answer briefly, as on the phone"
    );

    public static readonly Option<string?> Greeting = CommonOptions.Text(
        "--greeting",
        "TEXT",
        "What callers hear first. Default: nothing"
    );

    public static readonly Option<string?> Sorry = CommonOptions.Text(
        "--sorry",
        "TEXT",
        "What callers hear when there is no answer. Default: a sentence in English"
    );

    public static readonly Option<string?> BargeIn = CommonOptions
        .Text(
            "--barge-in",
            "WHEN",
            "When a caller who speaks interrupts: words (a sound pauses, words end it) or off. Default: words"
        )
        .Among("words", "off");

    public static readonly Option<string?> MaxTokens = CommonOptions.Text(
        "--max-tokens",
        "N",
        "Tokens of an answer at the most. Default: what the model says"
    );

    public static readonly Option<string?> Timeout = CommonOptions.Text(
        "--timeout",
        "DURATION",
        "How long an answer may take. Default: 2m"
    );

    public static readonly Option<string?> Wyoming = CommonOptions.TextIfAny(
        "--wyoming",
        "ADDRESS",
        $"Answer programs that speak the Wyoming protocol, such as Home Assistant, too. Alone: {WyomingPlace}"
    );

    /// <summary>Where all services are that are called.</summary>
    public static Option[] Places { get; } = [Stt, Llm, Tts];

    /// <summary>What the model stage has.</summary>
    public static Option[] Answers { get; } = [Model, System, Greeting, Sorry, BargeIn, MaxTokens, Timeout, Wyoming];

    /// <summary>The services of this process, and where the others are.</summary>
    /// <exception cref="UsageException">A setting is wrong.</exception>
    public static VoiceSettings Read(Settings settings, TimeProvider time, IReadOnlySet<string> roles)
    {
        var places = new (string Role, Option<string?> Option, string Usual)[]
        {
            (VoiceRole.Stt, Stt, SttPlace),
            (VoiceRole.Llm, Llm, LlmPlace),
            (VoiceRole.Tts, Tts, TtsPlace),
        }.ToLookup(place => roles.Contains(place.Role));
        var secret = settings.Secret(SecretFile);
        var (allows, links) = (Allows(settings), new LinkSetup { Time = time });
        return new VoiceSettings
        {
            Roles = roles,
            Existing = ExistingOptions.Read(settings, roles, allows, links),
            Listen = places[true]
                .ToDictionary(
                    one => one.Role,
                    one => Place(Text(one), one.Option.Name, one.Usual),
                    StringComparer.Ordinal
                ),
            Others = places[false]
                .ToDictionary(
                    one => one.Role,
                    one => Service(Text(one), one.Option.Name, one.Usual),
                    StringComparer.Ordinal
                ),
            Allows = allows,
            Secret = secret,
            Endpoints = EndpointProfile.Default with { EndSilence = Silence(settings) },
            Links = links with { Retry = ConnectRetry.Ours },
        };

        string Text((string Role, Option<string?> Option, string Usual) place) =>
            settings.Text(place.Option) ?? place.Usual;
    }

    /// <summary>Who may connect.</summary>
    /// <exception cref="UsageException">A network is none.</exception>
    public static Func<IPAddress, bool> Allows(Settings settings)
    {
        var networks = settings.Texts(Allow).Select(Network).ToList();
        return address => IPAddress.IsLoopback(address) || networks.Any(network => network.Contains(address));
    }

    /// <summary>Where programs of the Wyoming protocol are answered; null: nowhere.</summary>
    /// <exception cref="UsageException">It is no address.</exception>
    public static IPEndPoint? ReadWyoming(Settings settings) =>
        settings.TextIfAny(Wyoming, WyomingPlace) is { } at ? Place(at, Wyoming.Name, WyomingPlace) : null;

    /// <summary>How callers are answered.</summary>
    /// <exception cref="UsageException">A setting is wrong.</exception>
    public static LlmSettings ReadAnswers(Settings settings)
    {
        var usual = new LlmSettings { Model = settings.Text(Model) };
        return usual with
        {
            System = settings.Text(System) ?? usual.System,
            Greeting = settings.Text(Greeting),
            Sorry = settings.Text(Sorry) ?? usual.Sorry,
            BargeIn = settings.Text(BargeIn) switch
            {
                null or "words" => Pollard.Voice.Stages.BargeIn.Words,
                "off" => Pollard.Voice.Stages.BargeIn.Off,
                var other => throw new UsageException($"--barge-in is \"{other}\"; write words or off."),
            },
            MaxTokens = settings.Number(MaxTokens, 1, int.MaxValue),
            AnswerWithin = settings.Duration(Timeout) ?? usual.AnswerWithin,
            JournalFolder = Path.Combine(settings.DataPath, "calls"),
        };
    }

    private static TimeSpan Silence(Settings settings)
    {
        var silence = settings.Duration(EndSilence) ?? EndpointProfile.Default.EndSilence;
        return silence >= TimeSpan.FromMilliseconds(200) && silence <= TimeSpan.FromSeconds(3)
            ? silence
            : throw new UsageException($"--end-silence is {Durations.Format(silence)}; write 200ms to 3s.");
    }

    /// <summary>Where to listen, or a machine as it is now: by its address or its name, and a port.</summary>
    /// <param name="text">What was written.</param>
    /// <param name="option">For what.</param>
    /// <param name="example">What could be written.</param>
    /// <exception cref="UsageException">It is none, or there is no such machine.</exception>
    public static IPEndPoint Place(string text, string option, string example)
    {
        var place = Service(text, option, example);
        if (IPAddress.TryParse(place.Host, out var address))
        {
            return new IPEndPoint(address, place.Port); // All addresses, 0.0.0.0, too: no lookup knows that one.
        }

        try
        {
            return new IPEndPoint(Dns.GetHostAddresses(place.Host)[0], place.Port);
        }
        catch (Exception e) when (e is global::System.Net.Sockets.SocketException or ArgumentException)
        {
            throw new UsageException($"{option} is \"{text}\", and no machine of that name is known: {e.Message}", e);
        }
    }

    /// <summary>Where a service is: a machine, by its address or its name, which need not be known yet, and a port.</summary>
    /// <inheritdoc cref="Place"/>
    public static ServicePlace Service(string text, string option, string example)
    {
        if (IPEndPoint.TryParse(text, out var place) && place.Port > 0)
        {
            return place;
        }

        var colon = text.LastIndexOf(':');
        return
            colon > 0
            && Uri.CheckHostName(text[..colon]) == UriHostNameType.Dns
            && ushort.TryParse(text[(colon + 1)..], CultureInfo.InvariantCulture, out var port)
            && port > 0
            ? new ServicePlace(text[..colon], port)
            : throw new UsageException($"{option} is \"{text}\"; write a machine and a port such as {example}.");
    }

    private static IPNetwork Network(string text) =>
        IPNetwork.TryParse(text, out var network) ? network
        : IPAddress.TryParse(text, out var address) ? new IPNetwork(address, address.GetAddressBytes().Length * 8)
        : throw new UsageException($"--allow is \"{text}\"; write a network such as 10.0.0.0/8, or an address.");
}
