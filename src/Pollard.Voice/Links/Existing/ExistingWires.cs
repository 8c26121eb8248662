using System.Net;
using Microsoft.Extensions.Logging;

namespace Pollard.Voice.Links.Existing;

/// <summary>Who asks whom between an existing service that speaks and the outbound service that plays it.</summary>
internal enum OutboundGeneration
{
    /// <summary>Outbound listens at the port of the call, and asks at the one port of the service that speaks.</summary>
    First = 1,

    /// <summary>The service that speaks listens at the port of the call, and asks at another one of outbound.</summary>
    Second,
}

/// <summary>
/// Links with existing services, which are programs that nobody changes: each gives our stages the neighbour that they know, with the wire
/// that the service knows.
/// </summary>
/// <param name="setup">What their owner decides.</param>
/// <param name="logger">The log.</param>
internal sealed class ExistingWires(ExistingSetup setup, ILogger logger)
{
    private const string InboundToStt = "inbound-stt";
    private const string SttToLlm = "stt-llm";
    private const string LlmToTts = "llm-tts";
    private const string TtsToOutbound = "tts-outbound";

    /// <summary>A speech-to-text service, for our inbound.</summary>
    /// <param name="service">Where it is asked to connect: UDP 13000.</param>
    public ICallTarget SpeechToText(ServicePlace service) =>
        Target(
            InboundToStt,
            call => new UtterancesOut(
                Wire(
                    InboundToStt,
                    call,
                    Placed(
                        call,
                        place => Listen(InboundToStt, place.InboundPort, service, place.Call, Hello.Say(place.Call))
                    )
                )
            )
        );

    /// <summary>Inbound services, for our speech-to-text.</summary>
    /// <param name="at">Where they ask for a connection: UDP 13000.</param>
    /// <exception cref="LinkPortException">The port is taken, or may not be used.</exception>
    public RegisteredCalls Inbound(IPEndPoint at) =>
        new(
            InboundToStt,
            at,
            registered =>
            {
                var peer = new IPEndPoint(registered.From, PlaceOf(registered.Call).InboundPort);
                var dialing = Dial(InboundToStt, registered.Call, peer, Hello.Hear(registered.Call));
                var route = new AskedAgainRoute(dialing, registered.Asked, setup);
                return new UtterancesIn(Wire(InboundToStt, registered.Call, route, setup.AwayFor));
            },
            setup,
            logger
        );

    /// <summary>A model, for our speech-to-text.</summary>
    /// <param name="service">Where it listens: TCP 8083.</param>
    public ICallTarget Model(ServicePlace service) =>
        Target(SttToLlm, call => new TextOut(Dialled(SttToLlm, call, call, service), FrameKind.Done));

    /// <summary>A text-to-speech service, for our model.</summary>
    /// <param name="service">Where it listens: TCP 8090.</param>
    public ICallTarget TextToSpeech(ServicePlace service) =>
        Target(LlmToTts, call => new TextOut(Dialled(LlmToTts, call, call, service), FrameKind.Played));

    /// <summary>Speech-to-text services, for our model.</summary>
    /// <param name="at">Where they connect: TCP 8083.</param>
    /// <exception cref="LinkPortException">The port is taken, or may not be used.</exception>
    public GreetedCalls SpeechToTexts(IPEndPoint at) => Greeted(SttToLlm, at, areTurns: true);

    /// <summary>Models, for our text-to-speech.</summary>
    /// <param name="at">Where they connect: TCP 8090.</param>
    /// <exception cref="LinkPortException">The port is taken, or may not be used.</exception>
    public GreetedCalls Models(IPEndPoint at) => Greeted(LlmToTts, at, areTurns: false);

    /// <summary>An outbound service, for our text-to-speech.</summary>
    /// <param name="host">Its machine, by its address or its name.</param>
    /// <param name="generation">Who asks whom.</param>
    public ICallTarget Outbound(string host, OutboundGeneration generation) =>
        Target(
            TtsToOutbound,
            call =>
            {
                var place = PlaceOf(call);
                return new SpeechOut(
                    generation == OutboundGeneration.First
                        ? Dialled(TtsToOutbound, call, place.Call, new ServicePlace(host, place.OutboundPort))
                        : Wire(
                            TtsToOutbound,
                            call,
                            Listen(
                                TtsToOutbound,
                                place.OutboundPort,
                                new ServicePlace(host, RegisterPortOf(place)),
                                place.Call,
                                Hello.Hear(place.Call)
                            )
                        )
                );
            }
        );

    /// <summary>A text-to-speech service, for our outbound.</summary>
    /// <param name="service">Where one of the first generation is asked to connect: UDP 13001.</param>
    /// <param name="generation">Who asks whom.</param>
    public ICallTarget Speaker(ServicePlace service, OutboundGeneration generation) =>
        Target(
            TtsToOutbound,
            call => new SpeechIn(
                Wire(
                    TtsToOutbound,
                    call,
                    Placed(
                        call,
                        place =>
                            generation == OutboundGeneration.First
                                ? Listen(TtsToOutbound, place.OutboundPort, service, place.Call, Hello.Hear(place.Call))
                                : BeAsked(place)
                    )
                )
            )
        );

    private ExistingTarget Target(string name, Func<CallId, ExistingCall> make) => new(name, make, setup, logger);

    private GreetedCalls Greeted(string name, IPEndPoint at, bool areTurns) =>
        new(name, at, (call, route) => new TextIn(Wire(name, call, route, setup.AwayFor), areTurns), setup, logger);

    private CallWire Wire(string name, CallId call, CallRoute route, TimeSpan? awayFor = null) =>
        new(name, call, route, awayFor, setup, logger);

    private CallWire Dialled(string name, CallId call, CallId onWire, ServicePlace service) =>
        Wire(name, call, new CallRoute(Dial(name, call, service, Hello.Say(onWire))));

    private Dialing Dial(string name, CallId call, ServicePlace service, LinkGreeting greet) =>
        new(name, call, service, greet, setup.Link, logger);

    private ListeningRoute Listen(string name, int port, ServicePlace service, CallId onWire, LinkGreeting greet) =>
        new(name, port, service, onWire, greet, setup, logger);

    private AskedRoute BeAsked(CallPlace place) =>
        new(
            new IPEndPoint(setup.ListenAt, RegisterPortOf(place)),
            place.Call,
            from => Dial(TtsToOutbound, place.Call, new IPEndPoint(from, place.OutboundPort), Hello.Say(place.Call)),
            setup,
            logger
        );

    /// <summary>A route with ports of the call's own, which are free again at its end.</summary>
    private CallRoute Placed(CallId call, Func<CallPlace, CallRoute> open)
    {
        var route = setup.Ports.Open(call, open);
        route.Closed = () => setup.Ports.Free(call);
        return route;
    }

    private CallPlace PlaceOf(CallId call) =>
        setup.Ports.Of(call)
        ?? throw new InvalidOperationException($"Call {call} has no ports: they end at {ushort.MaxValue}.");

    private int RegisterPortOf(CallPlace place) =>
        setup.RegisterBase + (int)(place.Call.Number ?? 0) is <= ushort.MaxValue and var port
            ? port
            : throw new InvalidOperationException($"Call {place.Call} has no ports: they end at {ushort.MaxValue}.");
}
