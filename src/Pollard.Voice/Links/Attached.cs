using System.Threading.Channels;

namespace Pollard.Voice.Links;

/// <summary>Connections that somebody else has accepted for a link.</summary>
internal sealed class Attached : ILinkOpening
{
    /// <summary>Some existing services open two connections for a call; more are a fault.</summary>
    private const int MostWaiting = 8;

    private readonly Channel<LinkConnection> _connections = Channel.CreateBounded<LinkConnection>(MostWaiting);

    /// <inheritdoc/>
    public bool IsCalled => true;

    /// <summary>Gives the link a connection, whose hello is said. False: too many wait; it is still the caller's.</summary>
    public bool TryAttach(LinkConnection connection) => _connections.Writer.TryWrite(connection);

    /// <inheritdoc/>
    public async Task<LinkConnection?> OpenAsync(CancellationToken ct) => await _connections.Reader.ReadAsync(ct);
}
