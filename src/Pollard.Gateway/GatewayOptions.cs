using System.Net;

namespace Pollard.Gateway;

/// <summary>The gateway's settings, with their defaults.</summary>
public sealed record GatewayOptions
{
    /// <summary>Where clients are served, HTTP/1.1. Port 0 takes a free one.</summary>
    public IReadOnlyList<string> Urls { get; init; } = ["http://127.0.0.1:7655"];

    /// <summary>Where agents' links are served, clear-text HTTP/2; null: nowhere.</summary>
    public string? LinkUrl { get; init; } = "http://127.0.0.1:7656";

    /// <summary>Whether clients need keys; null: when anything listens beyond loopback.</summary>
    public bool? RequireKeys { get; init; }

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

    /// <summary>After the start: how long a model that no host has yet is waited for, while hosts come back.</summary>
    public TimeSpan StartGrace { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long work for a model is taken whose hosts have all gone: it waits for one of them to come back.</summary>
    public TimeSpan HostMayReturn { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long answers that run may go on once the gateway stops.</summary>
    public TimeSpan StopGrace { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>True runs requests on the threads that read the sockets: less work a request, but only with the runtime's inline completions.</summary>
    public bool InlineScheduling { get; init; } =
        Environment.GetEnvironmentVariable("DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS") == "1";

    /// <summary>Whether clients need keys, as the settings come out.</summary>
    public bool KeysRequired => RequireKeys ?? Urls.Append(LinkUrl).Any(url => url is not null && !IsLoopback(url));

    private static bool IsLoopback(string url)
    {
        var host = new Uri(url.Replace("://*", "://0.0.0.0", StringComparison.Ordinal)).IdnHost;
        return host == "localhost"
            || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));
    }
}
