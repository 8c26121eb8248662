using System.Net;
using Microsoft.Extensions.Logging;
using Pollard.Voice.Links;
using Pollard.Voice.Links.Existing;

namespace Pollard.Voice.Stages;

/// <summary>Which services of a call are existing programs, not ours, and where they are, or look for us.</summary>
internal sealed record ExistingServices
{
    private const string Here = "127.0.0.1";

    /// <summary>Those that are existing programs: <see cref="VoiceRole"/>.</summary>
    public IReadOnlySet<string> Roles { get; init; } = new HashSet<string>(StringComparer.Ordinal);

    /// <summary>Recognition: where it is asked to connect; ours in its place is asked at that port.</summary>
    public ServicePlace Stt { get; init; } = new(Here, 13_000);

    /// <summary>The model: where it listens; ours in its place listens at that port.</summary>
    public ServicePlace Llm { get; init; } = new(Here, 8_083);

    /// <summary>Speech: where it listens to the model; ours in its place listens at that port.</summary>
    public ServicePlace Tts { get; init; } = new(Here, 8_090);

    /// <summary>Speech: where it is asked to connect to outbound.</summary>
    public ServicePlace Speaker { get; init; } = new(Here, 13_001);

    /// <summary>The machine where outbound is, by its address or its name.</summary>
    public string Outbound { get; init; } = Here;

    /// <summary>Who asks whom between speech and outbound.</summary>
    public OutboundGeneration Generation { get; init; } = OutboundGeneration.First;

    /// <summary>Their ports, and who may connect.</summary>
    public ExistingSetup Setup { get; init; } = new();

    /// <summary>How a service of ours brings calls to one of them; null: it does not.</summary>
    public ICallTarget? Target(string from, string to, ILogger logger)
    {
        var wires = new ExistingWires(Setup, logger);
        return (from, to) switch
        {
            _ when !Roles.Contains(to) => null,
            (VoiceRole.Inbound, VoiceRole.Stt) => wires.SpeechToText(Stt),
            (VoiceRole.Stt, VoiceRole.Llm) => wires.Model(Llm),
            (VoiceRole.Llm, VoiceRole.Tts) => wires.TextToSpeech(Tts),
            (VoiceRole.Outbound, VoiceRole.Tts) => wires.Speaker(Speaker, Generation),
            (VoiceRole.Tts, VoiceRole.Outbound) => wires.Outbound(Outbound, Generation),
            _ => null,
        };
    }

    /// <summary>How one of them brings calls to a service of ours; null: it does not.</summary>
    /// <exception cref="LinkPortException">A port is taken, or may not be used.</exception>
    public ICallSource? Source(string from, string to, ILogger logger)
    {
        var wires = new ExistingWires(Setup, logger);
        return (from, to) switch
        {
            _ when !Roles.Contains(from) => null,
            (VoiceRole.Inbound, VoiceRole.Stt) => wires.Inbound(Listening(Stt)),
            (VoiceRole.Stt, VoiceRole.Llm) => wires.SpeechToTexts(Listening(Llm)),
            (VoiceRole.Llm, VoiceRole.Tts) => wires.Models(Listening(Tts)),
            _ => null,
        };
    }

    private IPEndPoint Listening(ServicePlace service) => new(Setup.ListenAt, service.Port);
}
