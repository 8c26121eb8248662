using System.Net;
using Pollard.Voice.Audio;
using Pollard.Voice.Engines;
using Pollard.Voice.Links;

namespace Pollard.Voice.Stages;

/// <summary>Which services of a call are in a process, and where the others are.</summary>
internal sealed record VoiceSettings
{
    /// <summary>The services that are in this process: <see cref="VoiceRole"/>.</summary>
    public required IReadOnlySet<string> Roles { get; init; }

    /// <summary>Where each of those that are called hears others: recognition, model, speech.</summary>
    public IReadOnlyDictionary<string, IPEndPoint> Listen { get; init; } =
        new Dictionary<string, IPEndPoint>(StringComparer.Ordinal);

    /// <summary>Where those that are called and are not in this process are.</summary>
    public IReadOnlyDictionary<string, ServicePlace> Others { get; init; } =
        new Dictionary<string, ServicePlace>(StringComparer.Ordinal);

    /// <summary>Which neighbours are existing programs.</summary>
    public ExistingServices Existing { get; init; } = new();

    /// <summary>Who may connect.</summary>
    public Func<IPAddress, bool> Allows { get; init; } = IPAddress.IsLoopback;

    /// <summary>What all services know; null: whoever may connect is believed.</summary>
    public string? Secret { get; init; }

    /// <summary>Who recognises, where recognition is in this process.</summary>
    public ISpeechToText? Ears { get; init; }

    /// <summary>Who speaks, where speech is in this process.</summary>
    public ITextToSpeech? Voice { get; init; }

    /// <summary>Who answers, where the model is in this process.</summary>
    public ICallModel? Model { get; init; }

    /// <summary>How callers are answered, where the model is in this process.</summary>
    public LlmSettings? Answers { get; init; }

    /// <summary>When an utterance begins and ends, where sound comes in here.</summary>
    public EndpointProfile Endpoints { get; init; } = EndpointProfile.Default;

    /// <summary>How links between our own services are kept.</summary>
    public LinkSetup Links { get; init; } = new() { Retry = ConnectRetry.Ours };
}
