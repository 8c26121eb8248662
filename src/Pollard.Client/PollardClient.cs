namespace Pollard.Client;

/// <summary>A user's end of a gateway: tasks, and what an administrator does. One instance serves many threads.</summary>
public sealed class PollardClient : IDisposable
{
    private readonly HttpClient _http;

    /// <summary>A client of the gateway at an address.</summary>
    /// <param name="gateway">Its address: <c>http://127.0.0.1:7655</c>.</param>
    /// <param name="key">The key, <c>pk_...</c>; null while the gateway wants none.</param>
    public PollardClient(Uri gateway, string? key = null)
        : this(new PollardClientOptions { Gateway = gateway, Key = key }) { }

    /// <summary>A client with options of its own.</summary>
    /// <param name="options">How it behaves.</param>
    /// <param name="handler">What sends the requests; null: the platform's own. It is disposed with the client.</param>
    public PollardClient(PollardClientOptions options, HttpMessageHandler? handler = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        _http = new HttpClient(handler ?? Handler())
        {
            // With its last slash, so that a path before it (behind a proxy) is kept.
            BaseAddress = new Uri(options.Gateway.AbsoluteUri.TrimEnd('/') + "/"),
            // Each call has a limit of its own; a stream has none.
            Timeout = Timeout.InfiniteTimeSpan,
        };
        var gateway = new GatewayHttp(_http, options);
        Tasks = new TasksClient(gateway);
        Models = new ModelsClient(gateway);
        Hosts = new HostsClient(gateway);
        Overview = new OverviewClient(gateway);
        Keys = new KeysClient(gateway);
        Tokens = new TokensClient(gateway);
        Gateway = options.Gateway;
    }

    /// <summary>The gateway's address.</summary>
    public Uri Gateway { get; }

    /// <summary>Tasks: work that is kept until it ends.</summary>
    public TasksClient Tasks { get; }

    /// <summary>What can be asked for.</summary>
    public ModelsClient Models { get; }

    /// <summary>The machines of the pool; for administrators.</summary>
    public HostsClient Hosts { get; }

    /// <summary>What the gateway does at this moment.</summary>
    public OverviewClient Overview { get; }

    /// <summary>Clients' keys; for administrators.</summary>
    public KeysClient Keys { get; }

    /// <summary>Join tokens; for administrators.</summary>
    public TokensClient Tokens { get; }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private static SocketsHttpHandler Handler() =>
        new()
        {
            ConnectTimeout = TimeSpan.FromSeconds(10),
            PooledConnectionLifetime = TimeSpan.FromMinutes(5), // So that a changed name of the gateway is noticed.
            UseCookies = false,
        };
}
