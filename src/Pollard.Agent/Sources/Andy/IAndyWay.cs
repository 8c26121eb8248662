using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Sources.Andy;

/// <summary>A way to an Andy server: by polls, or over a WebSocket.</summary>
internal interface IAndyWay
{
    /// <summary>Its name for people: <c>poll</c> or <c>ws</c>.</summary>
    string Name { get; }

    /// <summary>
    /// Joins and takes work until the owner's rest has begun and nothing is left to do (then it has left the pool), or until it throws.
    /// </summary>
    /// <exception cref="AndyException">The server will not have this machine, or has no such way.</exception>
    /// <exception cref="HttpRequestException">The server is away, or has forgotten this machine: come again.</exception>
    Task RunAsync(CancellationToken ct);

    /// <summary>Brings back an outcome.</summary>
    /// <exception cref="AndyException">The server will never take it.</exception>
    /// <exception cref="HttpRequestException">It may take it later.</exception>
    Task BringAsync(Messages.Offer offer, AndyOutcome outcome, CancellationToken ct);

    /// <summary>Leaves the pool, if it can be told.</summary>
    Task LeaveAsync();
}

/// <summary>What no later try betters.</summary>
/// <param name="message">What it is, for people.</param>
/// <param name="isRefused">True when the server does not want this machine; false when there is no such server or way.</param>
internal sealed class AndyException(string message, bool isRefused) : Exception(message)
{
    /// <summary>True when the server does not want this machine.</summary>
    public bool IsRefused => isRefused;
}

/// <summary>The server wants to be left alone for a while.</summary>
internal sealed class AndyBusyException(string message, TimeSpan? retryAfter) : HttpRequestException(message)
{
    /// <summary>How long, where it says so.</summary>
    public TimeSpan? RetryAfter => retryAfter;
}
