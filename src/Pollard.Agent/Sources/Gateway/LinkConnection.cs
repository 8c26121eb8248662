using System.IO.Pipelines;

namespace Pollard.Agent.Sources.Gateway;

/// <summary>A way to carry the link.</summary>
internal interface ILinkCarrier
{
    /// <summary>Its name: <c>h2</c>, <c>ws</c>, <c>turn</c> or <c>memory</c>.</summary>
    string Name { get; }

    /// <summary>
    /// Whether bytes go both ways as they are written, nothing on the way waiting for more: two are sent, one after the echo of the
    /// other. The gateway knows of no session by it.
    /// </summary>
    /// <exception cref="LinkRefusedException">The gateway does not let this host in.</exception>
    Task<bool> GetsThroughAsync(CancellationToken ct);

    /// <summary>Connects and says hello.</summary>
    /// <exception cref="LinkRefusedException">The gateway does not let this host in.</exception>
    /// <exception cref="HttpRequestException">This carrier does not get through.</exception>
    Task<LinkConnection> ConnectAsync(ReadOnlyMemory<byte> hello, CancellationToken ct);
}

/// <summary>An open carrier.</summary>
/// <param name="Link">Its two directions.</param>
/// <param name="CloseAsync">Ends it; what was written before has a moment to arrive.</param>
internal sealed record LinkConnection(IDuplexPipe Link, Func<ValueTask> CloseAsync) : IAsyncDisposable
{
    /// <inheritdoc/>
    public ValueTask DisposeAsync() => CloseAsync();
}

/// <summary>The gateway does not let this host in.</summary>
/// <param name="code">The stable word of the refusal, see <see cref="Protocol.HostLink.HostSignature"/>.</param>
/// <param name="message">Why, for people.</param>
internal sealed class LinkRefusedException(string code, string message) : Exception(message)
{
    /// <summary>The stable word of the refusal.</summary>
    public string Code { get; } = code;
}
