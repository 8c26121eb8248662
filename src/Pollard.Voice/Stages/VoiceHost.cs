using System.Net;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Pollard.Voice.Legs.Sip;
using Pollard.Voice.Links;
using Pollard.Voice.Links.Mux;

namespace Pollard.Voice.Stages;

/// <summary>
/// The services of a call that are in this process, connected: with each other in memory, with those in other processes by links that
/// stand before any call begins, in whatever order they are started.
/// </summary>
internal sealed class VoiceHost : IAsyncDisposable
{
    private const int MostTries = 50;
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(20);
    private readonly VoiceSettings _settings;
    private readonly ILogger _logger;
    private readonly string _node =
        $"{Dns.GetHostName()}-{Environment.ProcessId}-{RandomNumberGenerator.GetHexString(8, lowercase: true)}";
    private readonly Dictionary<string, Dictionary<string, MuxServer>> _servers = new(StringComparer.Ordinal);
    private readonly Dictionary<string, CallReception> _receptions = new(StringComparer.Ordinal);
    private readonly List<IDisposable> _owned = []; // Ports, and what shows how it is.
    private readonly List<Func<CancellationToken, Task>> _running = [];
    private readonly List<Func<IReadOnlyList<LinkStatus>>> _links = [];
    private readonly List<MuxLink> _dialed = [];
    private readonly DateTimeOffset _since;

    /// <summary>Makes all, and takes the ports; nothing is connected before <see cref="RunAsync"/>.</summary>
    /// <exception cref="LinkPortException">A port is taken, or may not be used.</exception>
    public VoiceHost(VoiceSettings settings, ILogger logger)
    {
        (_settings, _logger, _since) = (settings, logger, settings.Links.Time.GetUtcNow());
        var time = settings.Links.Time;
        var (toStt, heard) = Hop(VoiceRole.Inbound, VoiceRole.Stt, "transcript");
        var (toLlm, written) = Hop(VoiceRole.Stt, VoiceRole.Llm, "transcript");
        var (toTts, said) = Hop(VoiceRole.Llm, VoiceRole.Tts, "synthesize");
        var (fromTts, wanted) = Hop(VoiceRole.Outbound, VoiceRole.Tts, "synthesize");
        Edge = new EdgeStage(toStt, fromTts, settings.Endpoints, time, logger);
        if (Has(VoiceRole.Stt))
        {
            Serve(VoiceRole.Stt, heard, new SttStage(settings.Ears!, toLlm!, time, logger).ServeAsync);
        }

        if (Has(VoiceRole.Llm))
        {
            var stage = new LlmStage(settings.Model!, toTts!, settings.Answers!, time, logger);
            Serve(VoiceRole.Llm, written, stage.ServeAsync);
        }

        if (Has(VoiceRole.Tts))
        {
            var outbound = settings.Existing.Target(VoiceRole.Tts, VoiceRole.Outbound, logger);
            if (outbound is not null)
            {
                _links.Add(outbound.Look);
            }

            outbound ??= new AwaitedCalls(wanted, time, logger);
            _running.Add(outbound.RunAsync);
            Serve(VoiceRole.Tts, said, new TtsStage(settings.Voice!, outbound, time, logger).ServeAsync);
        }

        foreach (var (role, servers) in _servers)
        {
            Listen(role, servers);
        }

        _owned.Add(VoiceMetrics.Watch(Look, time));
    }

    /// <summary>The caller's end of calls, for those that come in here.</summary>
    public EdgeStage Edge { get; }

    /// <summary>Users whose calls come to this process by SIP, for who asks how it is.</summary>
    public Func<IReadOnlyList<SipAccount>> Accounts { get; set; } = static () => [];

    /// <summary>Where each service hears others.</summary>
    public IReadOnlyDictionary<string, IPEndPoint> Listening { get; private set; } =
        new Dictionary<string, IPEndPoint>(StringComparer.Ordinal);

    /// <summary>Connects, and serves calls until <paramref name="ct"/> is set.</summary>
    public Task RunAsync(CancellationToken ct) => Task.WhenAll(_running.Select(run => run(ct)));

    /// <summary>Waits until neighbours that are there have heard all that was said to them, a second at the most.</summary>
    public async Task SaidAsync()
    {
        for (var tries = 0; tries < MostTries && _links.SelectMany(static look => look()).Any(IsSaying); tries++)
        {
            await Task.Delay(LookAgain, _settings.Links.Time, CancellationToken.None); // Of itself it does not last.
        }

        static bool IsSaying(LinkStatus link) => link is { State: LinkState.Up, KeptBytes: > 0 };
    }

    /// <summary>How it is.</summary>
    public VoiceStatus Look() =>
        new(
            _node,
            [.. _settings.Roles.Order(StringComparer.Ordinal)],
            _since,
            _receptions.ToDictionary(
                static one => one.Key,
                static one => CallLine.Of(one.Value),
                StringComparer.Ordinal
            ),
            [.. _links.SelectMany(static look => look()).Select(LinkLine.Of)],
            Accounts()
        );

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _owned.ForEach(static one => one.Dispose());

        foreach (var link in _dialed)
        {
            await link.DisposeAsync();
        }
    }

    private bool Has(string role) => _settings.Roles.Contains(role);

    /// <summary>How calls get from one service to another that is called.</summary>
    /// <returns>Where the one brings them; null: it is not here. And where the other gets them from.</returns>
    private (ICallTarget? Target, IReadOnlyList<ICallSource> Sources) Hop(string from, string to, string textType)
    {
        List<ICallSource> sources = [];
        ICallTarget? target = null;
        if (Has(from) && Has(to))
        {
            var memory = new MemoryLinks($"{from}-{to}", _settings.Links.Time);
            sources.Add(memory);
            target = memory;
            _links.Add(memory.Look);
        }
        else if (Has(from))
        {
            target = _settings.Existing.Target(from, to, _logger) is { } existing
                ? Keep(existing)
                : Dial(from, to, textType);
        }

        if (Has(to) && _settings.Existing.Source(from, to, _logger) is { } source)
        {
            sources.Add(source);
            _links.Add(source.Look);
            if (source is IDisposable port)
            {
                _owned.Add(port);
            }
        }

        if (Has(to) && _settings.Listen.ContainsKey(to))
        {
            var server = new MuxServer($"{from}-{to}", (textType, textType), _settings.Links, _logger);
            sources.Add(server);
            _links.Add(server.Look);
            _servers.TryAdd(to, new Dictionary<string, MuxServer>(StringComparer.Ordinal));
            _servers[to][from] = server;
        }

        return (target, sources);
    }

    private ICallTarget Keep(ICallTarget target)
    {
        _running.Add(target.RunAsync);
        _links.Add(target.Look);
        return target;
    }

    private MuxLink Dial(string from, string to, string textType)
    {
        var hello = new MuxHello(_node, from, _settings.Secret);
        var link = MuxLink.To(
            $"{from}-{to}",
            (textType, textType),
            _settings.Others[to],
            hello.SayAsync,
            _settings.Links,
            _logger
        );
        _dialed.Add(link);
        Keep(link);
        return link;
    }

    private void Serve(string role, IReadOnlyList<ICallSource> sources, Func<ICallLink, CancellationToken, Task> serve)
    {
        var reception = new CallReception(sources, serve, _settings.Links.Time, _logger);
        _receptions[role] = reception;
        _running.Add(reception.RunAsync);
    }

    private void Listen(string role, Dictionary<string, MuxServer> servers)
    {
        var listener = new LinkListener(_settings.Listen[role], _settings.Allows, _settings.Links.Time, _logger);
        var hello = new MuxHello(_node, role, _settings.Secret);
        _owned.Add(listener);
        _running.Add(new MuxDoor(listener, hello, servers) { Status = () => Look().ToBytes() }.RunAsync);
        Listening = new Dictionary<string, IPEndPoint>(Listening, StringComparer.Ordinal) { [role] = listener.At };
    }
}
