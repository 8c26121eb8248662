using System.Net;
using Pollard.Gateway.Answers;
using Pollard.Protocol.Api;

namespace Pollard.Gateway;

/// <summary>The gateway's settings, with their defaults.</summary>
public sealed record GatewayOptions
{
    /// <summary>Where clients are served, HTTP/1.1. Port 0 takes a free one.</summary>
    public IReadOnlyList<string> Urls { get; init; } = ["http://127.0.0.1:7655"];

    /// <summary>Where agents' links are served, clear-text HTTP/2; null: nowhere.</summary>
    public string? LinkUrl { get; init; } = "http://127.0.0.1:7656";

    /// <summary>Whether clients need keys; null: when anything listens beyond loopback, or a proxy is trusted.</summary>
    public bool? RequireKeys { get; init; }

    /// <summary>Proxies that are believed when they say in <c>X-Forwarded-For</c> for whom they call.</summary>
    public IReadOnlyList<IPNetwork> TrustedProxies { get; init; } = [];

    /// <summary>Bytes of a request's body; one more is a 413.</summary>
    public long MaxBodyBytes { get; init; } = 64L * 1024 * 1024;

    /// <summary>Messages in one chat request.</summary>
    public int MaxMessages { get; init; } = 10_000;

    /// <summary>Tasks in one batch.</summary>
    public int MaxBatchTasks { get; init; } = 1_000;

    /// <summary>Connections at the same time, those of hosts included.</summary>
    public int MaxConnections { get; init; } = 20_000;

    /// <summary>Requests that one client key may have open at the same time.</summary>
    public int MaxOpenRequestsPerKey { get; init; } = 1_000;

    /// <summary>How long a request whose client waits for the answer may wait for a host.</summary>
    public TimeSpan InteractiveQueueTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How long work goes on whose waiting client has left. Durable tasks always go on.</summary>
    public TimeSpan DisconnectGrace { get; init; } = TimeSpan.Zero;

    /// <summary>A stream or a held wait with nothing to say says so this often.</summary>
    public TimeSpan KeepAlive { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The longest wait that a client may ask for.</summary>
    public TimeSpan MaxWait { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>The file to which a line is added for each request; <c>-</c> is standard output, null: nowhere.</summary>
    public string? AccessLogPath { get; init; }

    /// <summary>What the program's options are set to, and by whom: shown to admins. Empty: nobody says.</summary>
    public IReadOnlyList<SettingDocument> Settings { get; init; } = [];

    /// <summary>Where names lead that clients use and no host has; before those that are usual (<see cref="ModelRoutes"/>).</summary>
    public IReadOnlyList<ModelRoute> Routes { get; init; } = [];

    /// <summary>Where the door of the LLM task server is served besides <see cref="Urls"/>, with its own root and health; null: nowhere.</summary>
    public string? LlmTasksUrl { get; init; }

    /// <summary>Where the door of the Claude proxy is served besides <see cref="Urls"/>, with its own health and its own chat; null: nowhere.</summary>
    public string? ClaudeProxyUrl { get; init; }

    /// <summary>Which work takes long, and how long work of either class may.</summary>
    public LongRunningOptions LongRunning { get; init; } = new();

    /// <summary>Under which directory clients may name images on this machine; null: nowhere.</summary>
    public string? ImageDirectory { get; init; }

    /// <summary>Addresses that clients may give as <c>api_base</c>, with the label of the hosts that stand for each.</summary>
    public IReadOnlyDictionary<string, string> ApiBases { get; init; } =
        new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>The store's file, for clients of old servers that ask where it is; told on loopback only. Null: not told.</summary>
    public string? DatabasePath { get; init; }

    /// <summary>After the start: how long a model that no host has yet is waited for, while hosts come back.</summary>
    public TimeSpan StartGrace { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long work for a model is taken whose hosts have all gone: it waits for one of them to come back.</summary>
    public TimeSpan HostMayReturn { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long answers that run may go on once the gateway stops.</summary>
    public TimeSpan StopGrace { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>True runs requests on the threads that read the sockets: less work a request, but only with the runtime's inline completions.</summary>
    public bool InlineScheduling { get; init; } =
        Environment.GetEnvironmentVariable("DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS") == "1";

    /// <summary>Where keys are needed: lets Andy hosts join without a token, and strangers use the Andy doors within limits.</summary>
    public bool AndyOpen { get; init; }

    /// <summary>True when hosts of the community also get requests with tools.</summary>
    public bool CommunityTools { get; init; }

    /// <summary>Requests a minute that strangers of one address may make at the Andy doors.</summary>
    public int StrangerRequestsPerMinute { get; init; } = 60;

    /// <summary>How many of those they may make at once, after a pause.</summary>
    public int StrangerBurst { get; init; } = 10;

    /// <summary>Requests that strangers of one address may have open at the same time.</summary>
    public int StrangerOpenRequests { get; init; } = 4;

    /// <summary>Which share of community hosts' answers is audited, 0 to 1; 0: none.</summary>
    public double AuditShare { get; init; } = 0.02;

    /// <summary>Where uploads of teleport agents lie until they are handed on, and their logs; null: in a directory of the system's for what is temporary.</summary>
    public string? TeleportDirectory { get; init; }

    /// <summary>Whether teleport agents are told to verify the certificates of tools; null: they are told nothing.</summary>
    public bool? TeleportVerify { get; init; }

    /// <summary>How many calls each teleport agent is told to make at the same time, and gets; null: it is told nothing, and gets five.</summary>
    public int? TeleportPoolSize { get; init; }

    /// <summary>How often in a minute each teleport agent is told to ask; null: it is told nothing.</summary>
    public int? TeleportRequestsPerMinute { get; init; }

    /// <summary>Whether clients need keys, as the settings come out.</summary>
    public bool KeysRequired =>
        RequireKeys ?? (TrustedProxies.Count > 0 || AllUrls.Any(url => url is not null && !IsLoopback(url)));

    /// <summary>Doors' own ports, in the order in which they are bound.</summary>
    internal IReadOnlyList<string> DoorUrls => [.. new[] { LlmTasksUrl, ClaudeProxyUrl }.OfType<string>()];

    private IEnumerable<string?> AllUrls => [.. Urls, .. DoorUrls, LinkUrl];

    private static bool IsLoopback(string url)
    {
        var host = new Uri(url.Replace("://*", "://0.0.0.0", StringComparison.Ordinal)).IdnHost;
        return host == "localhost"
            || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));
    }
}

/// <summary>Which work takes long. Durations are those of the servers whose clients ask us now.</summary>
public sealed record LongRunningOptions
{
    /// <summary>Models, as clients name them, whose answers take long; one <c>*</c> stands for any text.</summary>
    public IReadOnlyList<string> Models { get; init; } =
    ["max", "max/*", "opus", "claude", "claude/*", "codex", "codex/*"];

    /// <summary>Kinds of work that take long.</summary>
    public IReadOnlyList<string> Kinds { get; init; } = ["command"];

    /// <summary>How long one run of such work may take when the client does not say.</summary>
    public TimeSpan LongTimeout { get; init; } = TimeSpan.FromSeconds(300);

    /// <summary>How long one run of other work may take when a client of these doors does not say.</summary>
    public TimeSpan ShortTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long one run may take whose client waits for it so long: its patience is no limit of the run, which goes on after it.</summary>
    public TimeSpan Beyond(TimeSpan patience) => LongTimeout > patience * 2 ? LongTimeout : patience * 2;

    /// <summary>True when such work takes long.</summary>
    public bool Is(string kind, string model) =>
        Kinds.Contains(kind, StringComparer.Ordinal)
        || Models.Any(pattern => new ModelRoute(pattern, "").Follow(model) is not null);
}
