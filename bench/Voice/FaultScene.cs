using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Pollard.Bench.Machine;
using Pollard.Voice.Links;
using Pollard.Voice.Stages;

namespace Pollard.Bench.Voice;

/// <summary>The services of calls as processes, one of them to be harmed, with a call that all of them have.</summary>
internal sealed class FaultScene : IAsyncDisposable
{
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(2);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);
    private readonly CancellationTokenSource _over = new();
    private readonly Dictionary<string, ChildProcess> _services = new(StringComparer.Ordinal);
    private readonly Dictionary<string, IPEndPoint> _places;
    private readonly BenchFolder _folder;
    private readonly string _victim;
    private readonly NetworkMachine? _machine;
    private readonly VoiceHost _edge;
    private readonly Task _running;

    private FaultScene(BenchArguments arguments, string victim, NetworkMachine? machine)
    {
        (_victim, _machine, _folder) = (victim, machine, new BenchFolder(arguments.Text("dir")));
        _places = new Dictionary<string, IPEndPoint>(StringComparer.Ordinal)
        {
            [VoiceRole.Stt] = new(IPAddress.Loopback, Ports.OfService()),
            [VoiceRole.Llm] = new(IPAddress.Loopback, Ports.OfService()),
            [VoiceRole.Tts] = new(IPAddress.Loopback, Ports.OfService()),
        };
        if (machine is not null)
        {
            _places[victim].Address = IPAddress.Parse(machine.Address);
        }

        _edge = new VoiceHost(
            new VoiceSettings
            {
                Roles = new HashSet<string>([VoiceRole.Inbound, VoiceRole.Outbound], StringComparer.Ordinal),
                Others = _places.ToDictionary(
                    static place => place.Key,
                    static place => (ServicePlace)place.Value,
                    StringComparer.Ordinal
                ),
            },
            NullLogger.Instance
        );
        _running = _edge.RunAsync(_over.Token);
    }

    /// <summary>The service that is harmed.</summary>
    public ChildProcess Victim => _services[_victim];

    /// <summary>Where it listens.</summary>
    public IPEndPoint At => _places[_victim];

    /// <summary>Starts all, and waits until the neighbour of who is harmed has its link.</summary>
    public static async Task<FaultScene> StartAsync(BenchArguments arguments, string victim, NetworkMachine? machine)
    {
        var scene = new FaultScene(arguments, victim, machine);
        foreach (var service in scene._places.Keys)
        {
            scene.Start(service);
        }

        await scene.UntilAsync(static state => state == "up");
        return scene;
    }

    /// <summary>Starts it anew, after it was killed.</summary>
    public async Task RestartAsync()
    {
        await Victim.DisposeAsync();
        Start(_victim);
    }

    /// <summary>Waits until both connections of the link to who is harmed are so, as its neighbour sees it.</summary>
    /// <exception cref="OperationCanceledException">They are not within a minute.</exception>
    public async Task UntilAsync(Func<string, bool> state)
    {
        using var late = new CancellationTokenSource(Patience);
        while (await LookAsync(late.Token) is not { Count: > 0 } links || !links.All(link => state(link.State)))
        {
            await Task.Delay(LookAgain, late.Token);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        await _running;
        await _edge.DisposeAsync();
        foreach (var service in _services.Values)
        {
            await service.SignalAsync("CONT"); // What is frozen does not end.
            await service.DisposeAsync();
        }

        _over.Dispose();
        _folder.Dispose();
    }

    /// <summary>The links of its neighbour: the caller's end, or recognition where it is the model's stage.</summary>
    private async Task<IReadOnlyList<LinkLine>> LookAsync(CancellationToken ct)
    {
        if (_victim != VoiceRole.Llm)
        {
            return Of(_edge.Look());
        }

        try
        {
            return Of(await VoiceStatus.AskAsync(_places[VoiceRole.Stt], secret: null, TimeProvider.System, ct));
        }
        catch (Exception e) when (e is SocketException or FrameException)
        {
            return []; // It is starting.
        }

        IReadOnlyList<LinkLine> Of(VoiceStatus status) =>
            [.. status.Links.Where(link => link.Name.Contains(_victim, StringComparison.Ordinal))];
    }

    private void Start(string service)
    {
        List<string> arguments = ["voice", service, "--allow", "10.213.0.0/16", "--data", _folder.Path];
        foreach (var (role, place) in _places)
        {
            if (role == service || (service, role) is (VoiceRole.Stt, VoiceRole.Llm) or (VoiceRole.Llm, VoiceRole.Tts))
            {
                arguments.AddRange([$"--{role}", $"{place}"]);
            }
        }

        _services[service] = ChildProcess.Start(
            service,
            PollardProgram.File,
            arguments,
            machine: service == _victim ? _machine : null
        );
    }
}
