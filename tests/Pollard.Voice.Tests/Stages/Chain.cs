using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Pollard.Voice.Links;
using Pollard.Voice.Stages;

namespace Pollard.Voice.Tests.Stages;

/// <summary>
/// The services of calls, in one process or each by itself with real sockets between them, with engines that do what a test says and
/// callers who speak and hear when the test does.
/// </summary>
internal sealed class Chain : IAsyncDisposable
{
    private const int FirstPort = 20_000;
    private const int Ports = 10_000;
    private static int _given = Environment.ProcessId * 100; // Tests of another process have others.
    private static readonly string[] Called = [VoiceRole.Stt, VoiceRole.Llm, VoiceRole.Tts];
    private readonly Dictionary<string, (VoiceHost Host, CancellationTokenSource Over, Task Running)> _hosts = [];
    private readonly Dictionary<string, IPEndPoint> _places;
    private readonly List<Task> _calls = [];
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("pollard-calls-");

    public Chain()
    {
        Settings = new LlmSettings
        {
            Model = "scripted",
            System = null,
            JournalFolder = _folder.FullName,
        };
        _places = Called.ToDictionary(static role => role, static _ => FreePlace(), StringComparer.Ordinal);
    }

    /// <summary>How callers are answered.</summary>
    public LlmSettings Settings { get; set; }

    /// <summary>What was written down of calls.</summary>
    public string Written =>
        string.Concat(
            Directory
                .GetFiles(_folder.FullName)
                .Select(static path =>
                {
                    using var reader = new StreamReader(
                        new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite)
                    );
                    return reader.ReadToEnd();
                })
        );

    /// <summary>Waits until an answer is written down as said to its end: whoever is killed before that has not finished it.</summary>
    public async Task UntilSaidAsync(string answer)
    {
        while (!Written.Contains($"\"said\":\"{answer}\"", StringComparison.Ordinal))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System, TestContext.Current.CancellationToken);
        }
    }

    public ScriptedEars Ears { get; } = new();

    public ScriptedVoice Voice { get; } = new();

    public ScriptedModel Model { get; } = new();

    /// <summary>Whether no service has a call, and no link one of its own.</summary>
    public bool IsIdle =>
        _hosts.Values.All(static one =>
            one.Host.Look() is var status
            && status.Calls.Values.All(static calls => calls.Count == 0)
            && status.Links.All(static link => link is { Call: null, State: "up" })
        );

    /// <summary>Connections between the services, by both of their ends.</summary>
    public int Connections =>
        IPGlobalProperties
            .GetIPGlobalProperties()
            .GetActiveTcpConnections()
            .Count(one =>
                one.State == TcpState.Established
                && _places.Values.Any(place => place.Equals(one.LocalEndPoint) || place.Equals(one.RemoteEndPoint))
            );

    /// <summary>The process that has a service.</summary>
    public VoiceHost this[string role] => _hosts[role].Host;

    /// <summary>Starts services in one process.</summary>
    public Chain Start(params string[] roles)
    {
        var set = roles.ToHashSet(StringComparer.Ordinal);
        var host = new VoiceHost(
            new VoiceSettings
            {
                Roles = set,
                Listen = _places.Where(one => set.Contains(one.Key)).ToDictionary(StringComparer.Ordinal),
                Others = _places
                    .Where(one => !set.Contains(one.Key))
                    .ToDictionary(static one => one.Key, static one => (ServicePlace)one.Value, StringComparer.Ordinal),
                Ears = Ears,
                Voice = Voice,
                Model = Model,
                Answers = Settings,
                Links = new LinkSetup { Retry = new() { ShortWait = TimeSpan.FromMilliseconds(20) } },
            },
            NullLogger.Instance
        );
        var over = new CancellationTokenSource();
        var running = host.RunAsync(over.Token);
        foreach (var role in roles)
        {
            _hosts[role] = (host, over, running);
        }

        return this;
    }

    /// <summary>All in one process.</summary>
    public Chain StartAll() =>
        Start(VoiceRole.Inbound, VoiceRole.Stt, VoiceRole.Llm, VoiceRole.Tts, VoiceRole.Outbound);

    /// <summary>Each in a process of its own; the caller's end is one of them.</summary>
    public Chain StartEach() =>
        Start(VoiceRole.Inbound, VoiceRole.Outbound).Start(VoiceRole.Tts).Start(VoiceRole.Llm).Start(VoiceRole.Stt);

    /// <summary>Ends the process that has a service: without a word for the calls that it has.</summary>
    public async Task KillAsync(string role)
    {
        var (host, over, running) = _hosts[role];
        await over.CancelAsync();
        await running;
        await host.DisposeAsync();
        over.Dispose();
        foreach (var gone in _hosts.Where(one => one.Value.Host == host).Select(static one => one.Key).ToList())
        {
            _hosts.Remove(gone);
        }
    }

    /// <summary>Somebody calls.</summary>
    public Caller Call(string id = "7")
    {
        var caller = new Caller(CallId.Parse(id));
        Call(caller, VoiceRole.Inbound);
        return caller;
    }

    /// <summary>A call comes in where one of its ends is.</summary>
    public void Call(Caller caller, string end) => _calls.Add(CallAsync(caller, end));

    public async ValueTask DisposeAsync()
    {
        foreach (var role in _hosts.Keys.ToList())
        {
            if (_hosts.ContainsKey(role))
            {
                await KillAsync(role);
            }
        }

        await Task.WhenAll(_calls);
        _folder.Delete(recursive: true);
    }

    private async Task CallAsync(Caller caller, string end)
    {
        var (host, over, _) = _hosts[end];
        caller.Ended(await host.Edge.ServeAsync(caller, caller.Tell, over.Token));
    }

    /// <summary>A port that no connection is given by the system, so that it is still free when a service is started anew.</summary>
    private static IPEndPoint FreePlace()
    {
        while (true)
        {
            var place = new IPEndPoint(IPAddress.Loopback, FirstPort + (Interlocked.Increment(ref _given) % Ports));
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                socket.Bind(place);
                return place;
            }
            catch (SocketException)
            {
                // Another.
            }
        }
    }
}
