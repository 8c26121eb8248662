namespace Pollard.Client;

/// <summary>How a <see cref="PollardClient"/> behaves.</summary>
public sealed record PollardClientOptions
{
    /// <summary>The gateway's address: <c>http://127.0.0.1:7655</c>.</summary>
    public required Uri Gateway { get; init; }

    /// <summary>The key, <c>pk_...</c>; null while the gateway wants none.</summary>
    public string? Key { get; init; }

    /// <summary>How long one call may take that does not wait for a task.</summary>
    public TimeSpan CallTimeout { get; init; } = TimeSpan.FromSeconds(100);

    /// <summary>
    /// For how long a call begins anew that reads, submits or cancels, when the gateway cannot be reached or answers 429, 502, 503
    /// or 504; zero: never. It waits as long as <c>Retry-After</c> says, and gives up at once when that is longer than this.
    /// </summary>
    public TimeSpan RetryWithin { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long waiting for a task and reading its events outlive a gateway that cannot be reached, from the moment it was last
    /// heard. A gateway that restarts is not noticed.
    /// </summary>
    public TimeSpan ReconnectWithin { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>How long a stream may be silent before it is opened anew; the gateway sends something every ten seconds.</summary>
    public TimeSpan StreamSilence { get; init; } = TimeSpan.FromSeconds(35);

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
