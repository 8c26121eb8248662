using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using Pollard.Bench.Machine;
using Pollard.Voice.Audio;
using Pollard.Voice.Links;
using Pollard.Voice.Stages;

namespace Pollard.Bench.Voice;

/// <summary>The services of calls, each behind a socket of its own, with engines that take no time.</summary>
internal sealed class VoiceScene : IAsyncDisposable
{
    private readonly CancellationTokenSource _over = new();
    private readonly List<VoiceHost> _hosts = [];
    private readonly List<Task> _running = [];

    private readonly Dictionary<string, IPEndPoint> _places = new(StringComparer.Ordinal)
    {
        [VoiceRole.Stt] = new(IPAddress.Loopback, Ports.OfService()),
        [VoiceRole.Llm] = new(IPAddress.Loopback, Ports.OfService()),
        [VoiceRole.Tts] = new(IPAddress.Loopback, Ports.OfService()),
    };
    private readonly TimeSpan _sentence;

    /// <summary>All services, with both ends of calls in one.</summary>
    /// <param name="sentence">How long each answer is.</param>
    public VoiceScene(TimeSpan sentence)
        : this(sentence, [VoiceRole.Stt], [VoiceRole.Llm], [VoiceRole.Tts], [VoiceRole.Inbound, VoiceRole.Outbound]) { }

    /// <param name="sentence">How long each answer is.</param>
    /// <param name="started">What is started at once, and is together.</param>
    public VoiceScene(TimeSpan sentence, params string[][] started)
    {
        _sentence = sentence;
        foreach (var roles in started)
        {
            Start(roles);
        }

        Clock.Start();
    }

    /// <summary>Starts services that are together.</summary>
    public void Start(params string[] roles)
    {
        var here = roles.ToHashSet(StringComparer.Ordinal);
        var host = new VoiceHost(
            new VoiceSettings
            {
                Roles = here,
                Listen = _places.Where(place => here.Contains(place.Key)).ToDictionary(StringComparer.Ordinal),
                Others = _places
                    .Where(place => !here.Contains(place.Key))
                    .ToDictionary(
                        static place => place.Key,
                        static place => (ServicePlace)place.Value,
                        StringComparer.Ordinal
                    ),
                Ears = new InstantEars(),
                Voice = new InstantVoice(_sentence),
                Model = new InstantModel(),
                Answers = new LlmSettings(),
            },
            NullLogger.Instance
        );
        _hosts.Add(host);
        _running.Add(host.RunAsync(_over.Token));
    }

    /// <summary>The caller's end of calls.</summary>
    public EdgeStage Edge => _hosts[^1].Edge;

    /// <summary>Calls that any of the services has.</summary>
    public int Calls => _hosts.Sum(static host => host.Look().Calls.Values.Sum(static calls => calls.Count));

    /// <summary>The clock of all calls.</summary>
    public FrameClock Clock { get; } = new(TimeProvider.System, NullLogger.Instance);

    /// <summary>Waits until all services are connected.</summary>
    public async Task UntilUpAsync()
    {
        while (
            _hosts.Any(static host =>
                host.Look().Links is not { Count: > 0 } links || links.Any(static link => link.State != "up")
            )
        )
        {
            await Task.Delay(TimeSpan.FromMilliseconds(1), _over.Token);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        await Task.WhenAll(_running);
        foreach (var host in _hosts)
        {
            await host.DisposeAsync();
        }

        Clock.Dispose();
        _over.Dispose();
    }
}
